"""Writing down that a locked payment changed: the next event, and the end of its claims."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from sqlalchemy import bindparam, select, text, update
from sqlalchemy.orm import Session
from sqlalchemy.types import ARRAY, Text, Uuid

from payhub import ids
from payhub.events import Event
from payhub.payments.models import Payment, PaymentLine

# Facts about one payment are numbered in the order in which they are given.
_RECORD = text(
    """
    WITH told AS (
      SELECT payment_id, type, CAST(data AS jsonb) AS data, row_number() OVER (PARTITION BY payment_id ORDER BY place) AS nth
      FROM unnest(:payments, :types, :data) WITH ORDINALITY AS told (payment_id, type, data, place)
    ), moved AS (
      UPDATE payment SET event_seq = payment.event_seq + more.count
      FROM (SELECT payment_id, count(*) FROM told GROUP BY payment_id) AS more WHERE more.payment_id = payment.id
      RETURNING payment.id, payment.event_seq - more.count AS before
    )
    INSERT INTO event (id, payment_id, seq, type, data, occurred_at)
    SELECT new_id(), moved.id, moved.before + told.nth, told.type, told.data, :now
    FROM told JOIN moved ON moved.id = told.payment_id
    """
).bindparams(
    bindparam("payments", type_=ARRAY(Uuid())), bindparam("types", type_=ARRAY(Text())), bindparam("data", type_=ARRAY(Text()))
)


class Fact(NamedTuple):
    """Something that became true of a payment."""

    payment_id: uuid.UUID
    type: str
    data: dict[str, Any]


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


def lock(session: Session, payments: Collection[uuid.UUID]) -> list[uuid.UUID]:
    """Lock payments in the one order in which all do; return them."""
    wanted = select(Payment.id).where(Payment.id.in_(payments)).order_by(Payment.id)
    return list(session.scalars(wanted.with_for_update(key_share=True)))


def record_many(session: Session, facts: Sequence[Fact], now: datetime) -> None:
    """Write the next events of many payments, all of them locked, in one statement."""
    if facts:
        data = [orjson.dumps(fact.data).decode() for fact in facts]
        told = {"payments": [fact.payment_id for fact in facts], "types": [fact.type for fact in facts], "data": data}
        session.execute(_RECORD, {**told, "now": now})
