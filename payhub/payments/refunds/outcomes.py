"""What became of a refund that its gateway never tells: one person says it with where it is written, another confirms it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from payhub.hub import Hub
from payhub.payments.refunds import words
from payhub.payments.refunds.changing import giving, latest_try
from payhub.payments.refunds.errors import RefundDecided
from payhub.payments.states import RefundState
from payhub.staff import service as staff
from payhub.staff.executors import executes
from payhub.staff.models import Principal, Proposal
from payhub.staff.words import Said

KIND = "refund_outcome"


def propose(hub: Hub, session: Session, refund_id: uuid.UUID, data: Mapping[str, Any], by: Principal) -> Proposal:
    """Propose that an unknown refund succeeded or failed."""
    now = hub.clock.now()
    it = giving(hub, session, refund_id, now)
    if it.refund.state != RefundState.UNKNOWN:
        raise RefundDecided
    content, said = {"refund": str(refund_id), "outcome": data["outcome"]}, Said(hub.keyring, {"evidence": data["evidence"]})
    return staff.propose(
        session, kind=KIND, target=f"refund/{refund_id}", content=content, by=by, now=now, target_seq=it.refund.version, said=said
    )


@executes(KIND)
def say(hub: Hub, session: Session, proposal: Proposal) -> None:
    """Let the refund be what two people say it is."""
    now = hub.clock.now()
    it = giving(hub, session, uuid.UUID(proposal.content["refund"]), now)
    row = latest_try(session, it.refund.id)
    if row is None or staff.void_if_changed(session, proposal, it.refund.version, now):
        return
    if proposal.content["outcome"] == "succeeded":
        words.succeed(it, row, "said_by_staff")
    else:
        words.fail(it, row, "said_by_staff")
    session.flush()
