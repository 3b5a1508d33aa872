"""What lost disputes did not find on their lines, because refunds or a reversal had taken it: that money left twice."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from payhub.accounts.models import GatewayAccount
from payhub.clock import local_date
from payhub.discrepancies import service as discrepancies
from payhub.discrepancies.models import Discrepancy
from payhub.payments.disputes.models import Dispute, DisputeLine
from payhub.payments.models import Attempt
from payhub.payments.states import AttemptState, DisputeState

KIND = "refund_and_reversal"


def tell(session: Session, account: GatewayAccount, attempt: Attempt, dispute: Dispute, now: datetime) -> None:
    """Say in a discrepancy how much of a lost dispute left twice, and end it where nothing did."""
    key, twice = f"{account.code}/dispute/{dispute.id}", _twice(session, attempt, dispute)
    if twice:
        discrepancies.open_(
            session, kind=KIND, key=key, on=local_date(dispute.ended_at or now), amount=twice, currency=dispute.currency,
            evidence={"dispute": str(dispute.id), "attempt": str(attempt.id), "lost": dispute.amount, "twice": twice},
            now=now, gateway_account_id=account.id, payment_id=dispute.payment_id,
        )  # fmt: skip
        return
    open_ = select(Discrepancy.id).where(Discrepancy.kind == KIND, Discrepancy.key == key, Discrepancy.state != "resolved")
    over = session.scalars(open_).all()
    discrepancies.resolve(session, over, actor="system", now=now, act="closed by the gateway", data={"why": "the refund failed"})


def _twice(session: Session, attempt: Attempt, dispute: Dispute) -> int:
    """Return what of a lost dispute others took too: all of it where the gateway reversed the payment as well."""
    if attempt.state == AttemptState.REVERSED:
        return dispute.amount
    found = select(func.sum(DisputeLine.amount - DisputeLine.charged_back)).where(DisputeLine.dispute_id == dispute.id)
    return int(session.scalar(found) or 0)


def make_up(session: Session, account: GatewayAccount, attempt: Attempt, line_id: uuid.UUID, amount: int, now: datetime) -> int:
    """Let lost disputes, in their order, take of an amount that comes back to a line what they had not found; return how much."""
    missing = (
        select(DisputeLine, Dispute)
        .join(Dispute, Dispute.id == DisputeLine.dispute_id)
        .where(DisputeLine.payment_line_id == line_id, Dispute.state == DisputeState.LOST)
        .where(DisputeLine.charged_back < DisputeLine.amount)
        .order_by(Dispute.number)
        .with_for_update(key_share=True)
    )
    left = amount
    for row, dispute in session.execute(missing).all():
        step = min(left, row.amount - row.charged_back)
        if step:
            row.charged_back += step
            left -= step
            session.flush()
            tell(session, account, attempt, dispute, now)
    return amount - left
