"""Closing a payment: by its expiry, by its portal, or by another that replaces it.

Closing comes first and takes new attempts away; the end comes when no attempt can still bring money: every one is decided, or past
its expiry at the gateway. Until then money that comes still pays, unless the payment was replaced.
"""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from payhub.hub import Hub
from payhub.payments import states
from payhub.payments.models import Attempt, Payment
from payhub.payments.recording import record, release_claims
from payhub.payments.states import UNDECIDED, PaymentState

ENDS = {"expired": PaymentState.EXPIRED, "cancelled": PaymentState.CANCELLED, "replaced": PaymentState.CANCELLED}


def due(session: Session, now: datetime, limit: int = 500) -> list[uuid.UUID]:
    """Return open payments past their expiry or being closed, oldest first."""
    over = or_(Payment.expires_at <= now, Payment.closing_at.is_not(None))
    wanted = select(Payment.id).where(Payment.state == PaymentState.OPEN, over).order_by(Payment.expires_at).limit(limit)
    return list(session.scalars(wanted))


def locked(session: Session, payment_id: uuid.UUID) -> Payment | None:
    """Return a payment, locked against every other change of it."""
    return session.scalar(select(Payment).where(Payment.id == payment_id).with_for_update(key_share=True))


def finish(hub: Hub, payment_id: uuid.UUID) -> None:
    """Expire a payment whose time is up, and end one that is closing, if it is over."""
    with hub.db.session() as session:
        payment = locked(session, payment_id)
        if payment is not None:
            finish_if_over(session, payment, hub.clock.now())


def close(session: Session, payment: Payment, reason: str, now: datetime) -> None:
    """Take new attempts away from a locked open payment; a second reason changes nothing, but replacing outweighs the rest."""
    if payment.closing_reason == reason or (payment.closing_at is not None and reason != "replaced"):
        return
    payment.closing_at, payment.closing_reason = payment.closing_at or now, reason
    record(session, payment, "payment.closing", now, {"reason": reason})


def finish_if_over(session: Session, payment: Payment, now: datetime) -> None:
    """Close a locked payment whose time is up; end it as soon as no attempt can still bring money."""
    if payment.state != PaymentState.OPEN:
        return
    if payment.closing_at is None and payment.expires_at <= now:
        close(session, payment, "expired", now)
    if payment.closing_reason is None or _money_may_come(session, payment.id, now):
        return
    end = ENDS[payment.closing_reason]
    states.check("payment", payment.state, end)
    payment.state = end
    release_claims(session, payment.id)
    record(session, payment, f"payment.{end}", now, {"state": end, "reason": payment.closing_reason})


def _money_may_come(session: Session, payment_id: uuid.UUID, now: datetime) -> bool:
    open_orders = select(Attempt.id).where(
        Attempt.payment_id == payment_id, Attempt.state.in_(sorted(UNDECIDED)), Attempt.order_expires_at > now
    )
    return session.scalar(open_orders.limit(1)) is not None
