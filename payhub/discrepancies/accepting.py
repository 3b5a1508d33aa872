"""Accepting a discrepancy as it is: one person proposes it with a reason, another approves. It moves no money.

It stays resolved until the evidence is another.
"""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy.orm import Session

from payhub.discrepancies import notes, proposing
from payhub.discrepancies.acting import locked
from payhub.discrepancies.models import Discrepancy
from payhub.discrepancies.service import resolve
from payhub.hub import Hub
from payhub.staff import service as staff
from payhub.staff.canonical import canonical, hash_of
from payhub.staff.executors import executes
from payhub.staff.models import Principal, Proposal
from payhub.staff.words import Said

KIND = "discrepancy_accept"
REASONS = ("explained", "settled_outside", "gateway_will_correct", "same_as_another", "not_pursued")
"""Both sides are right after all; the money has found its way outside the hub; it is promised for a later file; another discrepancy
is about it; it is not worth pursuing."""


def propose(hub: Hub, session: Session, discrepancy_id: uuid.UUID, reason: str, note: str | None, by: Principal) -> Proposal:
    """Propose to accept a discrepancy with the evidence there is now."""
    found, now = proposing.proposable(session, discrepancy_id), hub.clock.now()
    if note:
        notes.demand_writable(session, found, "/note")
    said = Said(hub.keyring, {"note": note}) if note else None
    proposal = staff.propose(
        session, kind=KIND, target=f"discrepancy/{found.id}", content=_content(found, reason), by=by, now=now,
        target_seq=found.version, said=said,
    )  # fmt: skip
    proposing.propose(session, found, proposal, now)
    return proposal


def _content(found: Discrepancy, reason: str) -> dict[str, Any]:
    """Return what the second person approves: which disagreement, over how much, and why nothing more is done."""
    return {
        "discrepancy": str(found.id),
        "kind": found.kind,
        "key": found.key,
        "version": found.version,
        "amount": found.amount,
        "currency": found.currency,
        "evidence_hash": hash_of(canonical(found.evidence)).hex(),
        "payment": str(found.payment_id) if found.payment_id else None,
        "reason": reason,
    }


@executes(KIND)
def accept(hub: Hub, session: Session, proposal: Proposal) -> None:
    """Resolve a discrepancy that two people accept, if it is still the one they saw."""
    now, found = hub.clock.now(), locked(session, uuid.UUID(proposal.content["discrepancy"]))
    if staff.void_if_changed(session, proposal, found.version, now):
        return
    told = {"proposal": str(proposal.id), "reason": proposal.content["reason"], "proposed_by": str(proposal.proposed_by)}
    resolve(session, [found.id], actor=str(proposal.decided_by), now=now, data=told)
