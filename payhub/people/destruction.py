"""Destroying: the wrapped key and the sealed bytes go together, and with them whatever finds the person.

Each step takes many payments at once. A copy of the row that the database has not yet cleared, or a backup, still holds both; the
how-to says for how long.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from payhub.payments.models import Attempt, Payment
from payhub.people.holders import HOLDERS, Holder
from payhub.people.holdings import HOLDINGS
from payhub.people.models import Payer, PayerIndex
from payhub.people.sealing import GROUPS


def erase(session: Session, payments: Sequence[uuid.UUID], now: datetime) -> Counter[str]:
    """Destroy at once everything about these payments that no accounting record needs, and let nobody see the rest or find it."""
    gone = {"words_key": None, "words": None, "erased_at": now}
    session.execute(update(Payment).where(Payment.id.in_(payments), Payment.erased_at.is_(None)).values(gone))
    _contacts(session, payments)
    _unfind(session, payments)
    session.execute(update(Attempt).where(Attempt.payment_id.in_(payments)).values(client_ip=None, pay_url=None))
    return around(session, payments)


def words(session: Session, payments: Sequence[uuid.UUID]) -> None:
    """Destroy what no accounting record needs, when its own term is over."""
    session.execute(update(Payment).where(Payment.id.in_(payments)).values(words_key=None, words=None))
    _contacts(session, payments)
    _unfind(session, payments, GROUPS["contact"])


def record(session: Session, payments: Sequence[uuid.UUID]) -> None:
    """Destroy what accounting records needed: after this nothing is known of who paid."""
    session.execute(update(Payment).where(Payment.id.in_(payments)).values(basis_key=None, basis=None))
    session.execute(update(Payer).where(Payer.payment_id.in_(payments)).values(record_key=None, record=None))
    _unfind(session, payments)


def around(session: Session, payments: Sequence[uuid.UUID]) -> Counter[str]:
    """Destroy what others hold about these payments; return how many of each kind."""
    return Counter({holder.name: holder.forget(session, payments) for holder in holders()}) if payments else Counter()


def holders() -> tuple[Holder, ...]:
    """Return everybody who holds something apart from its payment."""
    return (*HOLDINGS, *HOLDERS.values())


def held(session: Session, payments: Sequence[Payment]) -> tuple[set[uuid.UUID], set[uuid.UUID]]:
    """Return of which payments words or a contact are there, and of which something an accounting record needs."""
    wanted = [payment.id for payment in payments]
    rows = select(Payer.payment_id, Payer.contact_key.is_not(None), Payer.record_key.is_not(None))
    known = {key: (contact, kept) for key, contact, kept in session.execute(rows.where(Payer.payment_id.in_(wanted)))}
    free = {each.id for each in payments if each.words_key is not None or known.get(each.id, (False, False))[0]}
    return free, {each.id for each in payments if each.basis_key is not None or known.get(each.id, (False, False))[1]}


def _contacts(session: Session, payments: Sequence[uuid.UUID]) -> None:
    session.execute(update(Payer).where(Payer.payment_id.in_(payments)).values(contact_key=None, contact=None))


def _unfind(session: Session, payments: Sequence[uuid.UUID], fields: Sequence[str] = ()) -> None:
    found = delete(PayerIndex).where(PayerIndex.payment_id.in_(payments))
    session.execute(found.where(PayerIndex.field.in_(fields)) if fields else found)
