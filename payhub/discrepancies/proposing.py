"""A discrepancy about which one person has proposed something: it waits for another, and goes back where nothing comes of it."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from payhub.discrepancies.acting import keep, move, unresolved
from payhub.discrepancies.errors import DiscrepancyProposed
from payhub.discrepancies.models import Discrepancy
from payhub.discrepancies.states import State
from payhub.staff.executors import comes_to_nothing
from payhub.staff.models import Proposal


def proposable(session: Session, discrepancy_id: uuid.UUID) -> Discrepancy:
    """Return a discrepancy about which something can be proposed, locked. Whoever proposes holds the payments it touches by now."""
    found = unresolved(session, discrepancy_id)
    if found.state == State.PROPOSED:
        raise DiscrepancyProposed
    return found


def propose(session: Session, discrepancy: Discrepancy, proposal: Proposal, now: datetime) -> None:
    """Let a locked discrepancy wait for a proposal."""
    move(discrepancy, State.PROPOSED)
    discrepancy.proposal_id = proposal.id
    keep(session, discrepancy, "proposed", proposal.proposed_by, now, {"proposal": str(proposal.id), "kind": proposal.kind})


def over(session: Session, proposal_id: uuid.UUID | None, actor: uuid.UUID | str, now: datetime, why: str) -> None:
    """Give a discrepancy that waits for a proposal back: what was proposed is done or never will be, and it is still there."""
    if proposal_id is None:
        return
    session.flush()
    waits = select(Discrepancy).where(Discrepancy.proposal_id == proposal_id).with_for_update(key_share=True)
    for found in session.scalars(waits.execution_options(populate_existing=True)):
        move(found, State.ASSIGNED if found.owner_id else State.OPEN)
        found.proposal_id = None
        keep(session, found, "given back", actor, now, {"proposal": str(proposal_id), "why": why})


@comes_to_nothing
def nothing_came(session: Session, proposal: Proposal, now: datetime) -> None:
    """Give back the discrepancy of a proposal that was declined, withdrawn or void."""
    over(session, proposal.id, proposal.decided_by or "system", now, proposal.state)
