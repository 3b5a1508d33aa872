"""Writing down that a locked payment changed: the next event, and the end of its claims."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from payhub import ids
from payhub.events import Event
from payhub.payments.models import Payment, PaymentLine


def release_claims(session: Session, payment_id: uuid.UUID) -> None:
    """Let the dossier's fees be asked again: this payment is over and unpaid."""
    session.execute(update(PaymentLine).where(PaymentLine.payment_id == payment_id).values(dossier_claim=None))


def record(session: Session, payment: Payment, type_: str, now: datetime, data: dict[str, Any]) -> uuid.UUID:
    """Write the next event of a locked payment; return its id."""
    payment.event_seq += 1
    event = Event(
        id=ids.new_id(), payment_id=payment.id, seq=payment.event_seq, type=type_, data=data, occurred_at=now, position=None
    )
    session.add(event)
    return event.id
