"""How secrets look from outside: everything about them but what they are."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from payhub import ids
from payhub.errors import FieldProblem, InvalidInput, Text
from payhub.hub import Hub
from payhub.secrets.kinds import KINDS, Kind
from payhub.secrets.models import SharedSecret
from payhub.staff.models import Principal, Proposal
from payhub.staff.states import ProposalState

_KEPT = ("state", "origin", "fingerprint", "created_at", "live_at", "ended_at")
Found = tuple[Kind, SharedSecret]


def page(
    hub: Hub, session: Session, *, limit: int, cursor: str | None = None, kind: str | None = None, states: Collection[str] = ()
) -> dict[str, Any]:
    """Return a page of secrets of every kind, newest first."""
    after = None
    if cursor is not None:
        after = ids.read_public_id("sec", cursor, hub.settings.mode)
        if after is None:
            wrong = Text("Con trỏ không hợp lệ", "The cursor is not one of ours")
            raise InvalidInput([FieldProblem("/cursor", "cursor_invalid", wrong)])
    found: list[Found] = []
    for each in KINDS.values() if kind is None else (kind_of(kind),):
        wanted = select(each.model).order_by(each.model.id.desc()).limit(limit + 1)
        wanted = wanted.where(each.model.id < after) if after else wanted
        wanted = wanted.where(each.model.state.in_(states)) if states else wanted
        found += [(each, row) for row in session.scalars(wanted)]
    found.sort(key=lambda one: one[1].id, reverse=True)
    shown = describe(hub, session, found[:limit])
    return {"data": shown, "next": shown[-1]["id"] if len(found) > limit else None}


def kind_of(name: str) -> Kind:
    """Return the kind of this name; raise where there is none."""
    if name not in KINDS:
        words = ", ".join(KINDS)
        raise InvalidInput([FieldProblem("/kind", "invalid", Text(f"Phải là một trong: {words}", f"Must be one of: {words}"))])
    return KINDS[name]


def describe(hub: Hub, session: Session, found: Sequence[Found]) -> list[dict[str, Any]]:
    """Return secrets in outside words."""
    mode = hub.settings.mode
    authors = {row.created_by for _, row in found if row.created_by is not None}
    who = {principal.id: principal for principal in session.scalars(select(Principal).where(Principal.id.in_(authors)))}
    targets = {_target(row): row.id for _, row in found}
    waiting = select(Proposal).where(Proposal.target.in_(targets), Proposal.state == ProposalState.PROPOSED)
    proposals = {targets[proposal.target]: proposal.id for proposal in session.scalars(waiting)}
    called = _called(session, found)
    return [
        {
            **{name: getattr(row, name) for name in _KEPT},
            "id": ids.public_id("sec", row.id, mode),
            "kind": kind.name,
            "owner": called[kind.owner_of(row)],
            "use": kind.use_of(row),
            "created_by": who.get(row.created_by) if row.created_by else None,
            "waits_for": ids.public_id("prp", proposals[row.id], mode) if row.id in proposals else None,
            "secret": None,
        }
        for kind, row in found
    ]


def _target(row: SharedSecret) -> str:
    return f"{row.__tablename__}/{row.id}"


def _called(session: Session, found: Sequence[Found]) -> dict[uuid.UUID, str]:
    """Return what the owners are called by people."""
    called: dict[uuid.UUID, str] = {}
    for kind in KINDS.values():
        owners = {kind.owner_of(row) for each, row in found if each is kind}
        named = select(kind.owners.id, getattr(kind.owners, kind.code).label("code")).where(kind.owners.id.in_(owners))
        called |= {row.id: str(row.code) for row in session.execute(named)} if owners else {}
    return called
