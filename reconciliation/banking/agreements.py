"""What two people have said of entries and payouts, as rows: whoever decides where payouts stand reads it like everything else."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from datetime import date

from sqlalchemy import bindparam, select, text
from sqlalchemy.orm import Session
from sqlalchemy.types import Date, Uuid

from reconciliation.banking.accounts import Till
from reconciliation.banking.matching import Agreement
from reconciliation.banking.models import AgreedEntry, AgreedPayout, PayoutAgreement

_LIVE = text(
    """
    SELECT id FROM payout_agreement AS agreement
    WHERE bank_account_id = :bank_id AND ended_by_id IS NULL AND EXISTS (
      SELECT FROM payout_agreement_entry AS part JOIN bank_entry AS entry ON entry.id = part.bank_entry_id
      WHERE part.agreement_id = agreement.id AND entry.booked_on BETWEEN :first_on AND :last_on)
    ORDER BY id
    """
).bindparams(bindparam("bank_id", type_=Uuid()), bindparam("first_on", type_=Date()), bindparam("last_on", type_=Date()))


def live(session: Session, till: Till, first_on: date, last_on: date) -> Sequence[Agreement]:
    """Return what was not taken back and is about entries of these days, in the order in which it was agreed on."""
    if till.bank_id is None:
        return []
    found = session.scalars(_LIVE, {"bank_id": till.bank_id, "first_on": first_on, "last_on": last_on}).all()
    return [read(session, each) for each in found]


def read(session: Session, agreement_id: uuid.UUID) -> Agreement:
    """Return one agreement whole."""
    of = (AgreedPayout.gateway_account_id, AgreedPayout.reference, AgreedPayout.currency)
    payouts = session.execute(select(*of).where(AgreedPayout.agreement_id == agreement_id)).all()
    return Agreement(
        agreement_id, frozenset(entries_of(session, [agreement_id])), frozenset((row[0], row[1], row[2]) for row in payouts)
    )


def entries_of(session: Session, agreed: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Return the entries of agreements."""
    return set(session.scalars(select(AgreedEntry.bank_entry_id).where(AgreedEntry.agreement_id.in_(agreed)))) if agreed else set()


def about(session: Session, gateway_account_id: uuid.UUID, reference: str, currency: str) -> PayoutAgreement | None:
    """Return what stands of a payout, whether it holds at present or not."""
    same = (
        AgreedPayout.gateway_account_id == gateway_account_id, AgreedPayout.reference == reference,
        AgreedPayout.currency == currency, PayoutAgreement.ended_by_id.is_(None),
    )  # fmt: skip
    return session.scalar(select(PayoutAgreement).join(AgreedPayout, AgreedPayout.agreement_id == PayoutAgreement.id).where(*same))
