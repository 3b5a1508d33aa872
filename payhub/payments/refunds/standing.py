"""What of a payment's lines, or of an unapplied receipt, can still be given back. True only under the payment's lock."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from payhub.payments.disputes.models import Dispute, DisputeLine
from payhub.payments.models import Payment, PaymentLine, UnappliedReceipt
from payhub.payments.refunds.models import Refund, RefundLine
from payhub.payments.states import TAKEN, WAITING, DisputeState, PaymentState


@dataclass(frozen=True, slots=True)
class LineStanding:
    """One line in minor units: `refunded` by refunds and `charged_back` have left what it owes, `reserved` waits to."""

    line: PaymentLine
    refunded: int
    charged_back: int
    reserved: int
    applied: bool

    @property
    def taken(self) -> int:
        """What the line no longer owes its agency."""
        return self.refunded + self.charged_back

    @property
    def held(self) -> int:
        """What the line still owes its agency."""
        return self.line.amount - self.taken if self.applied else 0

    @property
    def refundable(self) -> int:
        """What can be asked back now."""
        return max(0, self.held - self.reserved)


def lines_of(session: Session, payment: Payment, besides: uuid.UUID | None = None) -> Sequence[LineStanding]:
    """Return every line of a payment; what the waiting refund or open dispute `besides` reserves is left out."""
    refunds = select(func.coalesce(func.sum(RefundLine.amount), 0)).join(Refund, Refund.id == RefundLine.refund_id)
    refunds = refunds.where(RefundLine.payment_line_id == PaymentLine.id)
    disputes = select(func.coalesce(func.sum(DisputeLine.amount), 0)).join(Dispute, Dispute.id == DisputeLine.dispute_id)
    disputes = disputes.where(DisputeLine.payment_line_id == PaymentLine.id)
    charged_back = select(func.coalesce(func.sum(DisputeLine.charged_back), 0)).where(DisputeLine.payment_line_id == PaymentLine.id)
    rows = session.execute(
        select(
            PaymentLine,
            refunds.where(Refund.state.in_(sorted(TAKEN))).scalar_subquery(),
            charged_back.scalar_subquery(),
            refunds.where(Refund.state.in_(sorted(WAITING)), Refund.id.is_distinct_from(besides)).scalar_subquery(),
            disputes.where(Dispute.state == DisputeState.OPENED, Dispute.id.is_distinct_from(besides)).scalar_subquery(),
        )
        .where(PaymentLine.payment_id == payment.id)
        .order_by(PaymentLine.number)
    )
    applied = payment.state == PaymentState.PAID
    return [
        LineStanding(line, int(refunded), int(gone), int(waiting) + int(disputed), applied)
        for line, refunded, gone, waiting, disputed in rows
    ]


def available(session: Session, receipt: UnappliedReceipt, besides: uuid.UUID | None = None) -> int:
    """Return what of a receipt is neither gone nor waiting to be refunded."""
    waiting = select(func.coalesce(func.sum(Refund.amount), 0)).where(
        Refund.receipt_id == receipt.id, Refund.state.in_(sorted(WAITING)), Refund.id.is_distinct_from(besides)
    )
    return receipt.remaining - int(session.scalar(waiting) or 0)
