"""How long who pays is kept: what an accounting record needs for its term, all else while somebody may still ask about it.

`payment.destroy_after` says when to look next, so that nothing has to be written when money comes: by then the books tell.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from payhub.clock import local_date
from payhub.ledger.models import Journal
from payhub.payments.models import Attempt, Payment, UnappliedReceipt
from payhub.payments.states import UNDECIDED, AttemptState, PaymentState
from payhub.people.terms import People

_ONE_DAY = timedelta(days=1)
_OVER = frozenset({PaymentState.CANCELLED, PaymentState.EXPIRED})
_BRINGS = sorted({*UNDECIDED, AttemptState.SUCCEEDED, AttemptState.CONFLICTED, AttemptState.REVERSED})


@dataclass(frozen=True, slots=True)
class Standing:
    """What decides how long a payment's payer is kept."""

    payment: Payment
    booked_on: date | None
    """The last day on which anything about it was booked."""
    unpaid: bool
    """It is over, no money came, and none is on its way: there is no accounting record of it."""


@dataclass(frozen=True, slots=True)
class Due:
    """What is destroyed now, and the day after which to look again; None where nothing is left then."""

    words: bool
    record: bool
    look_after: date | None


def first_look(terms: People, now: datetime, expires_at: datetime) -> date:
    """Return the day after which a new payment is looked at for the first time."""
    return local_date(min(now + timedelta(days=terms.words_days), expires_at + timedelta(days=terms.unpaid_days)))


def standings(session: Session, payments: Sequence[Payment]) -> list[Standing]:
    """Return what decides about each of some payments."""
    wanted = [payment.id for payment in payments]
    booked = select(Journal.payment_id, func.max(Journal.business_on)).where(Journal.payment_id.in_(wanted))
    last = dict(session.execute(booked.group_by(Journal.payment_id)).all())
    brings = _ids(session, Attempt.payment_id, Attempt.state.in_(_BRINGS), wanted)
    holds = _ids(session, UnappliedReceipt.payment_id, UnappliedReceipt.amount > 0, wanted)
    return [
        Standing(each, last.get(each.id), each.state in _OVER and each.id not in {*last, *brings, *holds}) for each in payments
    ]


def _ids(
    session: Session, column: InstrumentedAttribute[Any], condition: ColumnElement[bool], wanted: Sequence[uuid.UUID]
) -> set[uuid.UUID]:
    return set(session.scalars(select(column).where(column.in_(wanted), condition)))


def record_until(terms: People, standing: Standing) -> date | None:
    """Return the last day on which an accounting record's data is kept; None while nobody knows whether there will be one."""
    payment = standing.payment
    if standing.unpaid:
        return local_date((payment.closing_at or payment.expires_at) + timedelta(days=terms.unpaid_days))
    booked_on = standing.booked_on or (local_date(payment.paid_at) if payment.paid_at else None)
    return None if booked_on is None else terms.record_until(booked_on.year)



def words_until(terms: People, payment: Payment) -> date:
    """Return the last day on which what no accounting record needs is kept, unless somebody asks for it to be erased."""
    return local_date(payment.created_at + timedelta(days=terms.words_days))


def due(terms: People, standing: Standing, today: date, *, words: bool, record: bool) -> Due:
    """Decide about a payment of which words and record are still there, or not."""
    payment, until, free_until = standing.payment, record_until(terms, standing), words_until(terms, standing.payment)
    erased = payment.erased_at is not None
    over = (erased and standing.unpaid) or (until is not None and until < today)
    drop_words = words and (erased or free_until < today or (standing.unpaid and over))
    drop_record = record and over
    # While it is open, or an attempt of it is undecided, another day will tell.
    soon = max(local_date(payment.expires_at), today + _ONE_DAY)
    looks = [free_until] if words and not drop_words else []
    if record and not drop_record:
        looks.append(until or soon)
    return Due(drop_words, drop_record, min(looks, default=None))
