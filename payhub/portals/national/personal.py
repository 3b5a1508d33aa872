"""What the names of payments hold about the person behind them: each portal's message, sealed as it came."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from payhub.db import rows_written
from payhub.payments.models import Payment
from payhub.people.terms import People
from payhub.portals.national.models import NationalReference

_THERE = NationalReference.message_key.is_not(None)


def forget(session: Session, payments: Sequence[uuid.UUID]) -> int:
    """Destroy the messages about these payments."""
    return _destroy(session, NationalReference.payment_id.in_(payments))


def sweep(session: Session, terms: People, now: datetime, limit: int) -> int:
    """Destroy messages that are older than any is kept; what a record needs of them is with its payment."""
    old = select(NationalReference.id).where(NationalReference.created_at < terms.messages_before(now), _THERE)
    return _destroy(session, NationalReference.id.in_(old.order_by(NationalReference.created_at).limit(limit)))


def left(session: Session, limit: int) -> Sequence[uuid.UUID]:
    """Return erased payments that were named again after they were erased."""
    named = select(NationalReference.payment_id).join(Payment, Payment.id == NationalReference.payment_id)
    return session.scalars(named.where(_THERE, Payment.erased_at.is_not(None)).distinct().limit(limit)).all()


def _destroy(session: Session, which: ColumnElement[bool]) -> int:
    gone = update(NationalReference).where(which, _THERE).values(message_key=None, message=None)
    return rows_written(session, gone)
