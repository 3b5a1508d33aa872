"""What people do about a discrepancy. Each act holds the row, and is kept in its history with who did it.

The row is locked after payments, attempts and refunds, and before the audit's chain.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from payhub import ids
from payhub.discrepancies import notes, states
from payhub.discrepancies.errors import DiscrepancyResolved, NotReopenable
from payhub.discrepancies.models import Discrepancy, DiscrepancyAct, DiscrepancyLink
from payhub.discrepancies.service import due_at
from payhub.discrepancies.states import State
from payhub.errors import FieldProblem, InvalidInput, NotFound, Text
from payhub.hub import Hub
from payhub.staff import audit
from payhub.staff.models import Principal
from payhub.staff.people import Person, roles_of

OWNERS = ("clerk", "approver")
"""Who may have a discrepancy: somebody who can do something about it."""


def locked(session: Session, discrepancy_id: uuid.UUID) -> Discrepancy:
    """Return a discrepancy, locked; raise `NotFound` where there is none."""
    found = session.get(Discrepancy, discrepancy_id, with_for_update={"key_share": True}, populate_existing=True)
    if found is None:
        raise NotFound
    return found


def unresolved(session: Session, discrepancy_id: uuid.UUID) -> Discrepancy:
    """Return a discrepancy, locked; raise `DiscrepancyResolved` where nothing more is done about it."""
    found = locked(session, discrepancy_id)
    if found.state == State.RESOLVED:
        raise DiscrepancyResolved
    return found


def move(discrepancy: Discrepancy, state: State) -> None:
    """Take a locked discrepancy to a state."""
    states.check(discrepancy.state, state)
    discrepancy.state = state


def keep(
    session: Session, found: Discrepancy, act: str, actor: uuid.UUID | str, now: datetime, data: Mapping[str, Any] | None = None
) -> uuid.UUID:
    """Write an act into the history; return its id. `data` holds ids, amounts and codes, nothing a person wrote."""
    act_id = ids.new_id()
    session.add(
        DiscrepancyAct(id=act_id, discrepancy_id=found.id, act=act, actor=str(actor), at=now, data=dict(data or {}))
    )
    session.flush()
    return act_id


def assign(session: Session, discrepancy_id: uuid.UUID, by: Person, name: str | None, now: datetime) -> None:
    """Make a discrepancy somebody's, one's own without a name. Whoever assigns last has said whose it is."""
    found, owner = unresolved(session, discrepancy_id), _owner(session, by, name)
    found.owner_id = owner
    if found.state == State.OPEN:
        move(found, State.ASSIGNED)
    keep(session, found, "assigned", by.id, now, {"owner": str(owner)})


def unassign(session: Session, discrepancy_id: uuid.UUID, by: Person, now: datetime) -> None:
    """Let a discrepancy be nobody's; where it is already, nothing happens."""
    found = unresolved(session, discrepancy_id)
    if found.owner_id is None:
        return
    if found.state == State.ASSIGNED:
        move(found, State.OPEN)
    found.owner_id = None
    keep(session, found, "unassigned", by.id, now)


def comment(hub: Hub, session: Session, discrepancy_id: uuid.UUID, by: Person, text: str) -> None:
    """Write something down for whoever works on it next."""
    found, now = unresolved(session, discrepancy_id), hub.clock.now()
    notes.demand_writable(session, found, "/text")
    notes.write(session, hub.keyring, keep(session, found, "commented", by.id, now), found.id, text, now)


def link(session: Session, discrepancy_id: uuid.UUID, other_id: uuid.UUID | None, by: Person, now: datetime) -> None:
    """Say that two discrepancies are one matter: both show it, and the history of both has it. Said again, nothing happens."""
    # The other row is not held: a run holds many, in an order of its own.
    found, other = unresolved(session, discrepancy_id), session.get(Discrepancy, other_id) if other_id else None
    if other is None or other.id == found.id:
        wrong = Text("Phải là một sai lệch khác", "Must be another discrepancy")
        raise InvalidInput([FieldProblem("/discrepancy", "unknown_discrepancy", wrong)])
    low, high = sorted((found.id, other.id))
    row = insert(DiscrepancyLink).values(low_id=low, high_id=high, linked_by=by.id, linked_at=now)
    if session.scalar(row.on_conflict_do_nothing().returning(DiscrepancyLink.low_id)) is None:
        return
    for one, another in ((found, other), (other, found)):
        keep(session, one, "linked", by.id, now, {"discrepancy": str(another.id)})


def reopen(hub: Hub, session: Session, discrepancy_id: uuid.UUID, by: Person, reason: str) -> None:
    """Open again what people had resolved: its term begins anew."""
    found, now = locked(session, discrepancy_id), hub.clock.now()
    if not found.accepted or _another_is_open(session, found):
        raise NotReopenable
    notes.demand_writable(session, found, "/reason")
    move(found, State.OPEN)
    found.accepted, found.resolved_at, found.version = False, None, found.version + 1
    found.opened_at, found.due_at = now, due_at(session, found.kind, now)
    act_id = keep(session, found, "reopened", by.id, now)
    notes.write(session, hub.keyring, act_id, found.id, reason, now)
    session.flush()
    target, about = f"discrepancy/{found.id}", {"kind": found.kind, "amount": found.amount, "currency": found.currency}
    audit.append(session, actor=by.id, act="discrepancy.reopened", target=target, at=now, data=about)


def _another_is_open(session: Session, found: Discrepancy) -> bool:
    """Tell whether the same disagreement stands in a later row: there was one for each time before they were opened again."""
    same = (Discrepancy.kind == found.kind, Discrepancy.key == found.key, Discrepancy.state != State.RESOLVED)
    return session.scalar(select(Discrepancy.id).where(*same).limit(1)) is not None


def _owner(session: Session, by: Person, name: str | None) -> uuid.UUID:
    if name is None:
        return by.id
    wanted = select(Principal.id).where(Principal.name == name, Principal.kind == "person", Principal.disabled_at.is_(None))
    found = session.scalar(wanted)
    if found is None or roles_of(session, found).isdisjoint(OWNERS):
        wrong = Text("Không có nhân viên nào mang tên này có thể xử lý", "Nobody on the staff who could deal with it has this name")
        raise InvalidInput([FieldProblem("/owner", "unknown_person", wrong)])
    return found
