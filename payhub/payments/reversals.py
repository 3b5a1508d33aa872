"""A gateway takes back what it had confirmed: all that it paid is undone, and what refunds had given away already is a difference.

Refunds that wait are withdrawn; those under way are left to their gateway, and their money is booked where it went.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select

from payhub.discrepancies.service import open_ as open_discrepancy
from payhub.ledger import facts, shares
from payhub.payments.change import Change
from payhub.payments.disputes import shortfall
from payhub.payments.disputes.models import Dispute
from payhub.payments.models import Allocation, Payment, UnappliedReceipt
from payhub.payments.recording import record, release_claims
from payhub.payments.refunds.changing import Giving
from payhub.payments.refunds.models import Refund
from payhub.payments.refunds.standing import lines_of
from payhub.payments.states import TAKEN, WAITING, AttemptState, DisputeState, PaymentState, RefundState


def reverse(change: Change) -> None:
    """Undo an attempt's money wherever it went: its payment, the payments it was allocated to, its unapplied receipt."""
    attempt = change.attempt
    _settle_refunds(change)
    if attempt.applied:
        change.move(AttemptState.REVERSED)
        _unpay(change, change.payment)
    else:
        receipt = change.session.scalars(
            select(UnappliedReceipt).where(UnappliedReceipt.attempt_id == attempt.id).with_for_update(key_share=True)
        ).one()
        allocated = _allocated(change)
        change.move(AttemptState.REVERSED)
        _empty(change, receipt)
        for payment in allocated:
            _unpay(change, payment)
    _tell_of_disputes(change)
    change.disagree("reversed", attempt.confirmed or 0, {"confirmed": attempt.confirmed})


def _allocated(change: Change) -> Sequence[Payment]:
    """Return the payments this attempt's money pays by allocation; whoever found the attempt has locked them."""
    paid = select(Payment).join(Allocation, Allocation.payment_id == Payment.id).where(Allocation.attempt_id == change.attempt.id)
    return change.session.scalars(paid.order_by(Payment.id)).all()


def _unpay(change: Change, payment: Payment) -> None:
    """Take everything from a payment's lines that is still there; what refunds and disputes took before, left twice."""
    standing = lines_of(change.session, payment)
    held = [shares.between(each.line, each.taken, each.line.amount) for each in standing if each.taken < each.line.amount]
    gone = [shares.of(each.line, each.taken) for each in standing if each.taken]
    facts.applied_reversed(change.session, change.fact(payment), held, gone)
    if payment.state == PaymentState.PAID:
        payment.state = PaymentState.REVERSED
        release_claims(change.session, payment.id)
        record(change.session, payment, "payment.reversed", change.now, change.data(state="reversed"))
    else:
        # A lost dispute had taken all of it already.
        record(change.session, payment, "attempt.reversed", change.now, change.data())


def _empty(change: Change, receipt: UnappliedReceipt) -> None:
    taken = select(func.coalesce(func.sum(Refund.amount), 0)).where(
        Refund.receipt_id == receipt.id, Refund.state.in_(sorted(TAKEN))
    )
    held, refunded = receipt.remaining, int(change.session.scalar(taken) or 0)
    receipt.remaining = 0
    if held or refunded:
        facts.unapplied_reversed(change.session, change.fact(), held, refunded)
    record(change.session, change.payment, "attempt.reversed", change.now, change.data())


def _settle_refunds(change: Change) -> None:
    """Withdraw what waits; of what was taken open a discrepancy each: that money left twice."""
    refunds = change.session.scalars(
        select(Refund)
        .where(Refund.attempt_id == change.attempt.id, Refund.state.in_(sorted(WAITING | TAKEN | {RefundState.FAILED})))
        .order_by(Refund.id)
        .with_for_update(key_share=True)
    ).all()
    for refund in refunds:
        if refund.state in WAITING:
            payment = change.session.get_one(Payment, refund.payment_id)
            it = Giving(change.session, change.registers, change.account, payment, refund, change.attempt, None, change.now)
            it.move(RefundState.WITHDRAWN, why="reversed")
        elif refund.state == RefundState.FAILED:
            refund.next_at = None
        else:
            _claim(change, refund)


def _tell_of_disputes(change: Change) -> None:
    """What a lost dispute had taken left twice too."""
    lost = select(Dispute).where(Dispute.attempt_id == change.attempt.id, Dispute.state == DisputeState.LOST)
    for dispute in change.session.scalars(lost.order_by(Dispute.id)).all():
        shortfall.tell(change.session, change.account, change.attempt, dispute, change.now)


def _claim(change: Change, refund: Refund) -> None:
    open_discrepancy(
        change.session, kind="refund_and_reversal", key=f"{change.account.code}/refund/{refund.id}", on=change.gateway_on,
        amount=refund.amount, currency=refund.currency, evidence={"refund": str(refund.id), "attempt": str(change.attempt.id)},
        now=change.now, gateway_account_id=change.account.id, payment_id=refund.payment_id,
    )  # fmt: skip
