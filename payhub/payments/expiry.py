"""Payments whose time is over. Closing comes first; expired it is when no attempt can still bring money."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from payhub.hub import Hub
from payhub.payments import states
from payhub.payments.models import Attempt, Payment
from payhub.payments.recording import record, release_claims
from payhub.payments.states import UNDECIDED, PaymentState


def due(session: Session, now: datetime, limit: int = 500) -> list[uuid.UUID]:
    """Return open payments past their expiry, oldest first."""
    wanted = (
        select(Payment.id)
        .where(Payment.state == PaymentState.OPEN, Payment.expires_at <= now)
        .order_by(Payment.expires_at)
        .limit(limit)
    )
    return list(session.scalars(wanted))


def expire(hub: Hub, payment_id: uuid.UUID) -> None:
    """Close a payment to new attempts, and end it if it is over."""
    with hub.db.session() as session:
        payment = session.scalar(select(Payment).where(Payment.id == payment_id).with_for_update(key_share=True))
        if payment is not None:
            expire_if_over(session, payment, hub.clock.now())


def expire_if_over(session: Session, payment: Payment, now: datetime) -> None:
    """Close a locked payment whose time is up; end it as soon as every attempt is decided or past its expiry at the gateway."""
    if payment.state != PaymentState.OPEN or payment.expires_at > now:
        return
    if payment.closing_at is None:
        payment.closing_at = now
        record(session, payment, "payment.closing", now, {"reason": "expired"})
    if not _money_may_come(session, payment.id, now):
        states.check("payment", payment.state, PaymentState.EXPIRED)
        payment.state = PaymentState.EXPIRED
        release_claims(session, payment.id)
        record(session, payment, "payment.expired", now, {"state": "expired"})


def _money_may_come(session: Session, payment_id: uuid.UUID, now: datetime) -> bool:
    open_orders = select(Attempt.id).where(
        Attempt.payment_id == payment_id, Attempt.state.in_(sorted(UNDECIDED)), Attempt.order_expires_at > now
    )
    return session.scalar(open_orders.limit(1)) is not None
