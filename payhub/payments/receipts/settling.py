"""The discrepancy that an unapplied receipt opened: it ends when all of the money has gone somewhere, and comes back with it."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from payhub.accounts.models import GatewayAccount
from payhub.discrepancies import service as discrepancies
from payhub.discrepancies.models import Discrepancy
from payhub.payments.models import Attempt, UnappliedReceipt
from payhub.payments.refunds.models import Refund
from payhub.payments.states import RefundState


def settle(
    session: Session, key: str, receipt: UnappliedReceipt, *, act: str, actor: str, now: datetime, besides: uuid.UUID | None = None
) -> None:
    """Resolve it, by an act's name, once nothing remains and no refund but the one `besides` is still under way."""
    if receipt.remaining:
        return
    under_way = select(Refund.id).where(
        Refund.receipt_id == receipt.id,
        Refund.state.in_([RefundState.SUBMITTED, RefundState.UNKNOWN]),
        Refund.id.is_distinct_from(besides),
    )
    last = _last(session, key, receipt)
    if last is not None and session.scalar(under_way.limit(1)) is None:
        discrepancies.resolve(session, [last.id], actor=actor, now=now, act=act, data={"unapplied": str(receipt.id)})


def unsettle(session: Session, key: str, receipt: UnappliedReceipt, *, refund_id: uuid.UUID, now: datetime) -> None:
    """Open it again if it had ended: a refund failed, and its money is nobody's as before."""
    last = _last(session, key, receipt)
    if last is not None and last.state == "resolved":
        discrepancies.open_(
            session, kind=last.kind, key=last.key, on=last.on, amount=receipt.remaining, currency=last.currency,
            evidence={**last.evidence, "refund_failed": str(refund_id)}, now=now, gateway_account_id=last.gateway_account_id,
            payment_id=last.payment_id,
        )  # fmt: skip


def key_of(account: GatewayAccount, attempt: Attempt) -> str:
    """Return what the discrepancy is about: the attempt's payment at its gateway."""
    return f"{account.code}/payment/{attempt.reference}"


def _last(session: Session, key: str, receipt: UnappliedReceipt) -> Discrepancy | None:
    wanted = select(Discrepancy).where(Discrepancy.kind == receipt.reason, Discrepancy.key == key)
    return session.scalar(wanted.order_by(Discrepancy.id.desc()).limit(1).execution_options(populate_existing=True))
