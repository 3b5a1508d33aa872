"""How replies began that were no acceptance: cut, printable, and sealed, because a portal may have written anything there.

What an endpoint says to a message that it took is of no interest and is not kept.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from payhub.crypto import CryptoError, Keyring, Sealed
from payhub.db import rows_written
from payhub.events import Event
from payhub.payments.models import Payment
from payhub.people.holders import Holder
from payhub.people.terms import People
from payhub.sealed import context_of
from webhooks.models import Delivery, DeliveryTry

KEPT = 512
"""Characters of a reply."""
SWEPT = 10_000
"""Tries that are forgotten in one transaction."""


def seal(keyring: Keyring, try_id: uuid.UUID, first: bytes) -> Sealed | None:
    """Return the beginning of a reply as it is kept; None where it is empty."""
    text = printable(first)
    return keyring.seal(text.encode(), context_of("delivery_try", id=try_id)) if text else None


def read(keyring: Keyring, row: DeliveryTry) -> str | None:
    """Return how a reply began; None where nothing is kept of it, or its key has left the ring."""
    if row.reply_key is None or row.reply is None:
        return None
    try:
        return keyring.open(Sealed(row.reply_key, row.reply), context_of("delivery_try", id=row.id)).decode()
    except CryptoError:
        return None


def printable(first: bytes) -> str:
    """Return the beginning of a reply as one line that a terminal can show."""
    text = first[: 4 * KEPT].decode("utf-8", "replace")
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())[:KEPT]


def sweep(session: Session, before: datetime) -> int:
    """Forget tries that are older, `SWEPT` of them at most; return how many."""
    old = select(DeliveryTry.id).where(DeliveryTry.at < before).limit(SWEPT)
    return rows_written(session, delete(DeliveryTry).where(DeliveryTry.id.in_(old)))


def _forget(session: Session, payments: Sequence[uuid.UUID]) -> int:
    told = select(Delivery.id).join(Event, Event.id == Delivery.event_id).where(Event.payment_id.in_(payments))
    gone = update(DeliveryTry).where(DeliveryTry.delivery_id.in_(told), DeliveryTry.reply_key.is_not(None))
    return rows_written(session, gone.values(reply_key=None, reply=None))


def _sweep(_session: Session, _terms: People, _now: datetime, _limit: int) -> int:
    """Leave it to the job that forgets whole tries."""
    return 0


def _left(session: Session, limit: int) -> Sequence[uuid.UUID]:
    kept = select(Delivery.payment_id).join(DeliveryTry, DeliveryTry.delivery_id == Delivery.id)
    erased = kept.join(Payment, Payment.id == Delivery.payment_id)
    erased = erased.where(DeliveryTry.reply_key.is_not(None), Payment.erased_at.is_not(None))
    return session.scalars(erased.distinct().limit(limit)).all()


HOLDER = Holder("webhook_replies", _forget, _sweep, _left)
