"""What a gateway's word does to an attempt and its payment.

`statements.succeed` does the frequent case, an open payment paid whole. `under_lock` does every case, the frequent one too, and is
the rule: the statement only gets there faster. Locks are taken payment first, then its attempts by id.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateways.base import Notice, Outcome, Verdict
from payhub import ids
from payhub.accounts.calendar import cohort_day
from payhub.accounts.models import GatewayAccount
from payhub.clock import local_date
from payhub.fees.models import Fee
from payhub.hub import Hub
from payhub.ledger import facts
from payhub.payments import closing, states
from payhub.payments.change import Change, told
from payhub.payments.models import Allocation, Attempt, Payment, PaymentLine, UnappliedReceipt
from payhub.payments.recording import record
from payhub.payments.reversals import reverse
from payhub.payments.states import UNDECIDED, AttemptState, PaymentState

REVERSAL_HEARD = "reversal_heard"


def success(hub: Hub, account: GatewayAccount, notice: Notice, now: datetime) -> dict[str, Any]:
    """Return the values `statements.succeed` wants for a notice of success."""
    paid_at = notice.paid_at or now
    cohort_on = cohort_day(hub.registers, account, paid_at)
    return {
        "gateway_account_id": account.id,
        "reference": notice.reference,
        "confirmed": notice.amount,
        "currency": notice.currency,
        "raw_code": notice.raw_code,
        "gateway_transaction": notice.transaction,
        "method": notice.method,
        "paid_at": paid_at,
        "paid_at_text": notice.paid_at_text,
        "gateway_on": local_date(paid_at),
        "cohort_on": cohort_on,
        "business_on": cohort_on,
        "now": now,
        "journal_id": ids.new_id(),
        "event_id": ids.new_id(),
        "event_data": {
            "state": "paid",
            "attempt_state": "succeeded",
            "gateway_account": account.code,
            "amount": notice.amount,
            "currency": notice.currency,
        },
    }


def find(session: Session, account: GatewayAccount, reference: str) -> tuple[Payment, Attempt] | None:
    """Return payment and attempt, locked in the one order, for a gateway's reference; None where there is none.

    The payments that the attempt's money was allocated to are locked with it, by id.
    """
    wanted = select(Attempt.id, Attempt.payment_id).where(Attempt.gateway_account_id == account.id, Attempt.reference == reference)
    found = session.execute(wanted).one_or_none()
    if found is None:
        return None
    allocated = select(Allocation.payment_id).where(Allocation.attempt_id == found.id)
    touched: set[uuid.UUID] = set()
    # What is allocated while the locks are waited for is locked in a second turn, and nothing is after that.
    while not (now := {found.payment_id, *session.scalars(allocated)}) <= touched:
        touched = now
        locks = select(Payment).where(Payment.id.in_(now)).order_by(Payment.id).with_for_update(key_share=True)
        payments = {payment.id: payment for payment in session.scalars(locks)}
    attempts = session.scalars(
        select(Attempt).where(Attempt.payment_id == found.payment_id).order_by(Attempt.id).with_for_update(key_share=True)
    ).all()
    return payments[found.payment_id], next(attempt for attempt in attempts if attempt.id == found.id)


def under_lock(
    hub: Hub, session: Session, account: GatewayAccount, notice: Notice, payment: Payment, attempt: Attempt, *, asked: bool = False
) -> Verdict:
    """Apply a verified notice to locked rows; return what became of it."""
    now = hub.clock.now()
    # A reversal happens when it is told; the message repeats the instant of the payment it undoes.
    paid_at = notice.paid_at if notice.paid_at and notice.outcome == Outcome.SUCCEEDED else now
    registers = hub.registers
    cohort_on = cohort_day(registers, account, paid_at)
    change = Change(session, registers, account, notice, payment, attempt, now, cohort_on, local_date(paid_at), asked)
    match notice.outcome:
        case Outcome.SUCCEEDED:
            return _succeeded(change)
        case Outcome.FAILED | Outcome.CANCELLED:
            return _ended(change, AttemptState(notice.outcome.value))
        case Outcome.REVERSED if attempt.state in {AttemptState.SUCCEEDED, AttemptState.CONFLICTED}:
            return _reversed(change)
        case Outcome.PENDING:
            return known_there(session, account, payment, attempt, now)
        case Outcome.NOT_FOUND:
            return Verdict.REPEATED
        case _:
            return _unknown(change)


def _succeeded(change: Change) -> Verdict:
    attempt, notice = change.attempt, change.notice
    if attempt.state in {AttemptState.SUCCEEDED, AttemptState.REVERSED}:
        return Verdict.REPEATED
    if attempt.state == AttemptState.CONFLICTED:
        return Verdict.WRONG_AMOUNT
    if attempt.reason == REVERSAL_HEARD and not change.asked:
        # The reversal of this very success was heard before it: which of the two is the later word, only asking tells.
        attempt.next_check_at = change.now
        return Verdict.RECORDED
    attempt.reason = None
    # Whether money is late must not depend on when the job that expires payments last ran.
    closing.finish_if_over(change.session, change.payment, change.now)
    if notice.amount != attempt.amount or notice.currency != attempt.currency:
        change.move(AttemptState.CONFLICTED)
        _hold(change, "underpaid" if (notice.amount or 0) < attempt.amount else "overpaid")
        return Verdict.WRONG_AMOUNT
    change.move(AttemptState.SUCCEEDED)
    reason = _why_not(change)
    if reason is None:
        _apply(change)
    else:
        _hold(change, reason)
    return Verdict.RECORDED


def _why_not(change: Change) -> str | None:
    """Return why money that is whole cannot pay its payment, as a kind of discrepancy, or None where it can."""
    match change.payment.state:
        case PaymentState.OPEN:
            return "cancelled_but_paid" if change.payment.closing_reason == "replaced" else None
        case PaymentState.EXPIRED:
            return None if _late_money_applies(change) else "late"
        case PaymentState.CANCELLED:
            return "cancelled_but_paid"
        case _:
            return "paid_twice"


def _late_money_applies(change: Change) -> bool:
    replaced = change.session.scalar(select(Payment.id).where(Payment.replaces_id == change.payment.id).limit(1))
    if replaced is not None:
        return False
    rules = change.session.scalars(
        select(Fee.late_money).join(PaymentLine, PaymentLine.fee_id == Fee.id).where(PaymentLine.payment_id == change.payment.id)
    )
    return all(rule == "apply" for rule in rules)


def _apply(change: Change) -> None:
    """Pay the payment by this attempt."""
    payment, attempt = change.payment, change.attempt
    states.check("payment", payment.state, PaymentState.PAID)
    payment.state, payment.paid_at, attempt.applied = PaymentState.PAID, change.now, True
    lines = change.session.scalars(select(PaymentLine).where(PaymentLine.payment_id == payment.id).order_by(PaymentLine.number))
    facts.applied(change.session, change.fact(), lines.all())
    record(change.session, payment, "payment.paid", change.now, change.data(state="paid"))


def _hold(change: Change, reason: str) -> None:
    """Keep money that cannot apply: an unapplied receipt, its journal, and a discrepancy for a person."""
    payment, attempt, amount = change.payment, change.attempt, change.notice.amount or 0
    change.session.add(
        UnappliedReceipt(
            id=ids.new_id(), gateway_account_id=change.account.id, payment_id=payment.id, attempt_id=attempt.id, amount=amount,
            remaining=amount, currency=change.notice.currency, reason=reason, received_at=change.now,
        )
    )  # fmt: skip
    facts.not_applicable(change.session, change.fact(), amount)
    record(change.session, payment, "attempt.unapplied", change.now, change.data(reason=reason))
    change.disagree(reason, amount, {"expected": attempt.amount, "confirmed": amount})


def _reversed(change: Change) -> Verdict:
    """The gateway took back what it had confirmed; of a conflict only where it is that very amount."""
    attempt = change.attempt
    if attempt.state == AttemptState.CONFLICTED and change.notice.amount != attempt.confirmed:
        change.disagree("reversed", attempt.confirmed or 0, {"confirmed": attempt.confirmed, "reversed": change.notice.amount})
        return Verdict.REPEATED
    reverse(change)
    return Verdict.RECORDED


def _ended(change: Change, state: AttemptState) -> Verdict:
    """The gateway says no money came. It never undoes a success: that would be a reversal, which it would say."""
    if change.attempt.state not in UNDECIDED:
        return Verdict.REPEATED
    change.move(state)
    record(change.session, change.payment, f"attempt.{state}", change.now, change.data())
    return Verdict.RECORDED


def known_there(session: Session, account: GatewayAccount, payment: Payment, attempt: Attempt, now: datetime) -> Verdict:
    """The gateway knows the order and has no money yet: it fills in, and never moves an outcome back."""
    if attempt.state != AttemptState.CREATED:
        return Verdict.REPEATED
    states.check("attempt", attempt.state, AttemptState.STARTED)
    attempt.state, attempt.started_at = AttemptState.STARTED, now
    record(session, payment, "attempt.started", now, told(account, attempt))
    return Verdict.RECORDED


def end_without_money(
    session: Session, account: GatewayAccount, payment: Payment, attempt: Attempt, reason: str, now: datetime
) -> None:
    """End a locked attempt of which it is certain that no money came and none will, for a reason of ours."""
    states.check("attempt", attempt.state, AttemptState.FAILED)
    attempt.state, attempt.reason, attempt.ended_at = AttemptState.FAILED, reason, now
    attempt.next_check_at = attempt.client_ip = attempt.pay_url = None
    data = {"attempt": str(attempt.id), "attempt_state": attempt.state, "gateway_account": account.code, "reason": reason}
    record(session, payment, "attempt.failed", now, data)


def _unknown(change: Change) -> Verdict:
    """Neither paid nor unpaid. A reversal of a success that was never heard is remembered: the success may still be on its way."""
    if change.notice.outcome == Outcome.REVERSED and change.attempt.state != AttemptState.REVERSED:
        change.attempt.reason = REVERSAL_HEARD
    if change.attempt.state not in {AttemptState.CREATED, AttemptState.STARTED}:
        return Verdict.REPEATED
    states.check("attempt", change.attempt.state, AttemptState.UNKNOWN)
    change.attempt.state, change.attempt.raw_code = AttemptState.UNKNOWN, change.notice.raw_code
    record(change.session, change.payment, "attempt.unknown", change.now, change.data())
    return Verdict.RECORDED
