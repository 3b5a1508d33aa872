"""Proposals: an act that takes two people, from the first word of one to the last of the other.

Locks are taken in one order: the proposal, what its executor needs, and the audit chain last.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from payhub import ids, log
from payhub.errors import NotFound
from payhub.hub import Hub
from payhub.staff import audit, totp
from payhub.staff.canonical import canonical, hash_of
from payhub.staff.errors import (
    AlreadyProposed,
    NotTheProposer,
    NotTwoPeople,
    PrincipalDisabled,
    ProposalDecided,
    ProposalVoid,
    RoleMissing,
)
from payhub.staff.executors import DROPPERS, EXECUTORS, LISTENERS
from payhub.staff.models import SYSTEM_ID, Principal, Proposal
from payhub.staff.people import Person, add_person, authenticate_person, principal_of_portal, roles_of, system
from payhub.staff.states import PROPOSAL, ProposalState
from payhub.staff.words import Said, give_reason

__all__ = (
    "Confirmation", "Person", "add_person", "approve", "approve_confirmed", "authenticate_person", "confirm", "decline",
    "mark_executed", "principal_of_portal", "propose", "system", "void_if_changed", "withdraw",
)  # fmt: skip
_log = log.get(__name__)
_OPEN = text("state IN ('proposed', 'approved')")


def propose(
    session: Session, *, kind: str, target: str, content: Mapping[str, Any], by: Principal, now: datetime, target_seq: int | None,
    said: Said | None = None,
) -> Proposal:
    """Propose an act. `target_seq` is the version of the target that the proposer saw, None where it has none.

    What the proposer writes freely is `said`, never content: it may name a person, and what is agreed on is kept for ever.
    """
    if by.disabled_at is not None:
        raise PrincipalDisabled
    content = {**content, **(said.stand_ins() if said else {})}
    written = canonical(content)
    values = {
        "id": ids.new_id(), "kind": kind, "target": target, "target_seq": target_seq, "content": dict(content),
        "content_text": written, "content_hash": hash_of(written), "state": ProposalState.PROPOSED.value, "proposed_by": by.id,
        "proposed_at": now,
    }  # fmt: skip
    same = (Proposal.kind == kind, Proposal.target == target, Proposal.content_hash == values["content_hash"])
    # Looked at before it is written: whoever decides on it now holds its row, and may wait for what the proposer holds.
    known = session.scalar(select(Proposal.id).where(*same, _OPEN))
    if known is not None:
        raise AlreadyProposed(known)
    fresh = insert(Proposal).values(**values)
    once = fresh.on_conflict_do_nothing(index_elements=["kind", "target", "content_hash"], index_where=_OPEN)
    proposal: Proposal | None = session.scalar(once.returning(Proposal))
    if proposal is None:
        raise AlreadyProposed(session.scalar(select(Proposal.id).where(*same, _OPEN)))
    if said is not None:
        said.write(proposal)
    facts = {"kind": kind, "target": target, "target_seq": target_seq, "content_hash": proposal.content_hash.hex()}
    _record(session, "proposed", proposal, by.id, now, facts)
    return proposal


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A person who may approve a proposal has spent a code on it; `again` where they had approved it before."""

    proposal_id: uuid.UUID
    person: Person
    again: bool


def confirm(hub: Hub, proposal_id: uuid.UUID, person: Person, totp_code: str, now: datetime) -> Confirmation:
    """Take a person's code for a proposal, in transactions of its own; a refusal that can be known before costs no code."""
    with hub.db.session() as session:
        again = _decided_before(session, _get(session, proposal_id), person, ProposalState.APPROVED)
    if not again:
        totp.spend(hub, person.id, totp_code, now)
    return Confirmation(proposal_id, person, again)


def approve_confirmed(hub: Hub, session: Session, confirmation: Confirmation, now: datetime) -> Proposal:
    """Approve and, where a feature executes this kind, do it; the proposal comes back executed, approved, or void."""
    proposal, person = _get(session, confirmation.proposal_id, lock=True), confirmation.person
    if _decided_before(session, proposal, person, ProposalState.APPROVED):
        return proposal
    if confirmation.again:
        raise ProposalDecided
    _move(proposal, ProposalState.APPROVED)
    proposal.decided_by, proposal.decided_at = person.id, now
    session.flush()
    executor = EXECUTORS.get(proposal.kind)
    if executor is not None:
        executor(hub, session, proposal)
    if proposal.state != ProposalState.VOID:
        _record(session, "approved", proposal, person.id, now, {"content_hash": proposal.content_hash.hex()})
    if executor is not None and proposal.state == ProposalState.APPROVED:
        mark_executed(session, proposal, now)
    return proposal


def approve(hub: Hub, session: Session, proposal_id: uuid.UUID, person: Person, totp_code: str, now: datetime) -> Proposal:
    """Approve with a code. `session` must not have been used yet: the code is judged in a transaction of its own before."""
    return approve_confirmed(hub, session, confirm(hub, proposal_id, person, totp_code, now), now)


def decline(hub: Hub, session: Session, proposal_id: uuid.UUID, person: Person, reason: str, now: datetime) -> Proposal:
    """Say no, with the reason."""
    proposal = _get(session, proposal_id, lock=True)
    if _decided_before(session, proposal, person, ProposalState.DECLINED):
        return proposal
    _move(proposal, ProposalState.DECLINED)
    proposal.decided_by, proposal.decided_at = person.id, now
    give_reason(hub.keyring, proposal, reason)
    _drop(hub, session, proposal, now)
    _record(session, "declined", proposal, person.id, now)
    return proposal


def withdraw(hub: Hub, session: Session, proposal_id: uuid.UUID, by: Principal, now: datetime) -> Proposal:
    """Take one's own proposal back."""
    proposal = _get(session, proposal_id, lock=True)
    if proposal.proposed_by != by.id:
        raise NotTheProposer
    if proposal.state == ProposalState.WITHDRAWN:
        return proposal
    _move(proposal, ProposalState.WITHDRAWN)
    proposal.decided_by, proposal.decided_at = by.id, now
    _drop(hub, session, proposal, now)
    _record(session, "withdrawn", proposal, by.id, now)
    return proposal


def _drop(hub: Hub, session: Session, proposal: Proposal, now: datetime) -> None:
    session.flush()
    if proposal.kind in DROPPERS:
        DROPPERS[proposal.kind](hub, session, proposal)
    _tell(session, proposal, now)


def _tell(session: Session, proposal: Proposal, now: datetime) -> None:
    for listener in LISTENERS:
        listener(session, proposal, now)


def mark_executed(session: Session, proposal: Proposal, now: datetime, by: Principal | None = None) -> None:
    """Say that what was approved is done. Only for kinds without an executor does anyone else need to call it."""
    _move(proposal, ProposalState.EXECUTED)
    proposal.executed_at = now
    _record(session, "executed", proposal, by.id if by else SYSTEM_ID, now)


def void_if_changed(session: Session, proposal: Proposal, current_seq: int, now: datetime) -> bool:
    """Void a proposal whose target has moved on since; tell whether it is void. The caller holds the target's lock."""
    if proposal.state == ProposalState.VOID:
        return True
    if proposal.target_seq is None or proposal.target_seq == current_seq:
        return False
    _move(proposal, ProposalState.VOID)
    proposal.voided_at = now
    session.flush()
    _tell(session, proposal, now)
    seen = {"seen": proposal.target_seq, "found": current_seq}
    _record(session, "voided", proposal, proposal.decided_by or SYSTEM_ID, now, seen)
    return True


def _get(session: Session, proposal_id: uuid.UUID, *, lock: bool = False) -> Proposal:
    found = session.get(Proposal, proposal_id, with_for_update=lock or None, populate_existing=True)
    if found is None:
        raise NotFound
    return found


def _decided_before(session: Session, proposal: Proposal, person: Person, wanted: ProposalState) -> bool:
    """Tell whether this person has already decided just so; raise where they may not decide at all, or no longer."""
    if "approver" not in roles_of(session, person.id):
        raise RoleMissing
    if proposal.proposed_by == person.id:
        raise NotTwoPeople
    if proposal.state == ProposalState.PROPOSED:
        return False
    if proposal.state == ProposalState.VOID:
        raise ProposalVoid
    states = {ProposalState.APPROVED, ProposalState.EXECUTED} if wanted is ProposalState.APPROVED else {wanted}
    if proposal.decided_by != person.id or proposal.state not in states:
        raise ProposalDecided
    return True


def _move(proposal: Proposal, state: ProposalState) -> None:
    if state in PROPOSAL[proposal.state]:
        proposal.state = state.value
    elif proposal.state == ProposalState.VOID:
        raise ProposalVoid
    else:
        raise ProposalDecided


def _record(
    session: Session, act: str, proposal: Proposal, actor: uuid.UUID, now: datetime, data: Mapping[str, Any] | None = None
) -> None:
    session.flush()
    audit.append(session, actor=actor, act=f"proposal.{act}", target=f"proposal/{proposal.id}", at=now, data=data)
    _log.info(f"proposal.{act}", proposal=str(proposal.id), kind=proposal.kind, actor=str(actor))
