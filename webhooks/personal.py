"""What this room holds about the person behind a payment: gateways' messages, sealed as they came."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from payhub.db import rows_written
from payhub.payments.models import Attempt, Payment
from payhub.people.holders import Holder
from payhub.people.terms import People
from webhooks.models import Callback


def _forget(session: Session, payments: Sequence[uuid.UUID]) -> int:
    attempts = select(Attempt.id).where(Attempt.payment_id.in_(payments))
    return _destroy(session, Callback.attempt_id.in_(attempts))


def _sweep(session: Session, terms: People, now: datetime, limit: int) -> int:
    """Destroy what is older; whose message it was and what it said is in the row and in the books."""
    old = select(Callback.id).where(Callback.received_at < terms.messages_before(now), Callback.raw_key.is_not(None))
    return _destroy(session, Callback.id.in_(old.order_by(Callback.received_at).limit(limit)))


def _left(session: Session, limit: int) -> Sequence[uuid.UUID]:
    came = select(Attempt.payment_id).join(Callback, Callback.attempt_id == Attempt.id).where(Callback.raw_key.is_not(None))
    erased = came.join(Payment, Payment.id == Attempt.payment_id).where(Payment.erased_at.is_not(None))
    return session.scalars(erased.distinct().limit(limit)).all()


def _destroy(session: Session, which: ColumnElement[bool]) -> int:
    gone = update(Callback).where(which, Callback.raw_key.is_not(None)).values(raw_key=None, raw=None)
    return rows_written(session, gone)


HOLDER = Holder("callbacks", _forget, _sweep, _left)
