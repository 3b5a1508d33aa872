"""Erasing who pays at a person's request: one proposes, another person approves, and what may go is gone in that transaction."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from payhub.clock import local_date
from payhub.errors import NotFound
from payhub.hub import Hub
from payhub.payments.models import Payment
from payhub.payments.recording import record as record_event
from payhub.people import destruction, holdings, retention
from payhub.people.errors import PayerErased
from payhub.people.models import ERASURE
from payhub.staff import audit
from payhub.staff import service as staff
from payhub.staff.executors import executes
from payhub.staff.models import Principal, Proposal

REASONS = ("requested_by_person", "consent_withdrawn", "processed_unlawfully", "ordered_by_authority")
MOST = 200
"""Payments in one proposal: what two people can look at."""


def propose(hub: Hub, session: Session, wanted: Sequence[uuid.UUID], reason: str, by: Principal) -> Proposal:
    """Propose that nobody sees any more who pays these payments; those that are erased already are left out."""
    known = dict(session.execute(select(Payment.id, Payment.erased_at).where(Payment.id.in_(wanted))).all())
    if not known or len(known) < len(set(wanted)):
        raise NotFound
    left = sorted(payment_id for payment_id, erased_at in known.items() if erased_at is None)
    if not left:
        raise PayerErased
    content = {"payments": [str(each) for each in left], "reason": reason}
    now = hub.clock.now()
    return staff.propose(session, kind=ERASURE, target=_target(left), content=content, by=by, now=now, target_seq=None)


def _target(payments: Sequence[uuid.UUID]) -> str:
    if len(payments) == 1:
        return f"payment/{payments[0]}"
    return f"payments/{hashlib.sha256(b''.join(each.bytes for each in payments)).hexdigest()[:32]}"


@executes(ERASURE)
def carry_out(hub: Hub, session: Session, proposal: Proposal) -> None:
    """Erase what two people agreed on: everything that no accounting record needs now, the rest when its term ends."""
    now, today = hub.clock.now(), local_date(hub.clock.now())
    wanted = [uuid.UUID(each) for each in proposal.content["payments"]]
    holdings.hold_words(session, wanted)
    locks = select(Payment).where(Payment.id.in_(wanted)).order_by(Payment.id).with_for_update(key_share=True)
    payments = [each for each in session.scalars(locks.execution_options(populate_existing=True)) if each.erased_at is None]
    destruction.erase(session, [each.id for each in payments], now)
    _, kept = destruction.held(session, payments)
    for standing in retention.standings(session, payments):
        payment = standing.payment
        due = retention.due(hub.settings.people, standing, today, words=False, record=payment.id in kept)
        if due.record:
            destruction.record(session, [payment.id])
        payment.destroy_after = due.look_after
        record_event(session, payment, "payer.erased", now, {})
    session.flush()
    for payment in payments:
        left = {"left_until_after": str(payment.destroy_after) if payment.destroy_after else None}
        about = {"proposal": str(proposal.id), "reason": proposal.content["reason"], **left}
        actor, target = proposal.decided_by or proposal.proposed_by, f"payment/{payment.id}"
        audit.append(session, actor=actor, act="payer.erased", target=target, at=now, data=about)
