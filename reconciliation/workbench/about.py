"""What a discrepancy is about: the attempt, the refund, the money that is held, the file. Its key names the thing."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from payhub.discrepancies.models import Discrepancy
from payhub.hub import Hub
from payhub.payments.models import Attempt, Payment, UnappliedReceipt
from payhub.payments.refunds.models import Refund, RefundTry
from reconciliation.models import Settlement, SettlementCorrection, SettlementReject

DIFFERENCE = "count_or_sum_differs"
_MOST = 200


@dataclass(frozen=True, slots=True)
class About:
    """Everything of ours that a discrepancy names."""

    reference: str | None
    payment: Payment | None
    attempt: Attempt | None
    refund: Refund | None
    receipt: UnappliedReceipt | None
    """The money that is held because of it."""
    settlement: Settlement | None
    """The file it is about as a whole, where that still counts."""
    aside: Sequence[SettlementReject]
    """The first rows of that file that are set aside and were not corrected."""


def about(hub: Hub, session: Session, found: Discrepancy) -> About:
    """Look up what a discrepancy names."""
    sort, name = _named(hub, found)
    attempt = _attempt(session, found, name) if sort == "payment" else None
    refund = _refund(session, found, name) if sort == "refund" else None
    settlement = _settlement(session, found) if found.kind == DIFFERENCE else None
    payment = session.get(Payment, found.payment_id) if found.payment_id else None
    receipt = None
    if attempt is not None and found.key.count("/") == 2:
        held = (UnappliedReceipt.attempt_id == attempt.id, UnappliedReceipt.reason == found.kind)
        receipt = session.scalar(select(UnappliedReceipt).where(*held))
    aside = set_aside(session, settlement.id) if settlement else ()
    return About(name if sort else None, payment, attempt, refund, receipt, settlement, aside)


def set_aside(session: Session, settlement_id: uuid.UUID, numbers: Sequence[int] | None = None) -> Sequence[SettlementReject]:
    """Return the rows of a settlement that are set aside and were not corrected: of these numbers, else the first of them."""
    corrected = select(SettlementCorrection.number).where(SettlementCorrection.settlement_id == settlement_id)
    left = select(SettlementReject).where(SettlementReject.settlement_id == settlement_id)
    left = left.where(SettlementReject.number.not_in(corrected))
    if numbers is not None:
        left = left.where(SettlementReject.number.in_(numbers))
    return session.scalars(left.order_by(SettlementReject.number).limit(_MOST)).all()


def _named(hub: Hub, found: Discrepancy) -> tuple[str, str]:
    """Take `vnpay-main/payment/PH0123…` apart; two empty texts where the key has another form."""
    if found.gateway_account_id is None:
        return "", ""
    code = hub.registers.gateway_accounts_by_id[found.gateway_account_id].code
    sort, _, name = found.key.removeprefix(f"{code}/").partition("/")
    return sort, name.split("/")[0]


def _attempt(session: Session, found: Discrepancy, reference: str) -> Attempt | None:
    wanted = (Attempt.gateway_account_id == found.gateway_account_id, Attempt.reference == reference)
    return session.scalar(select(Attempt).where(*wanted))


def _refund(session: Session, found: Discrepancy, name: str) -> Refund | None:
    """Return a refund by the reference of a request for it, or by its own id, by which what left twice is called."""
    sent = select(RefundTry.refund_id).where(RefundTry.gateway_account_id == found.gateway_account_id, RefundTry.reference == name)
    refund_id = session.scalar(sent)
    if refund_id is None:
        try:
            refund_id = uuid.UUID(name)
        except ValueError:
            return None
    return session.get(Refund, refund_id)


def _settlement(session: Session, found: Discrepancy) -> Settlement | None:
    wanted = select(Settlement).where(Settlement.gateway_account_id == found.gateway_account_id, Settlement.period_on == found.on)
    return session.scalar(wanted.where(Settlement.superseded_by_id.is_(None)).limit(1))
