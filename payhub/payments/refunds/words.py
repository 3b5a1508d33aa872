"""What a gateway's word about a try does to the refund."""

from __future__ import annotations

import uuid
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateways.base import RefundNotice, RefundOutcome
from payhub.clock import local_date
from payhub.discrepancies.service import open_ as open_discrepancy
from payhub.hub import Hub
from payhub.payments import states
from payhub.payments.refunds.changing import Giving, giving
from payhub.payments.refunds.models import RefundTry
from payhub.payments.states import UNANSWERED, RefundState, TryState


def not_reached(hub: Hub, refund_id: uuid.UUID, try_id: uuid.UUID) -> None:
    """The gateway cannot have seen the request: send another later, and after the ladder's last step let the refund fail."""
    now, ladder = hub.clock.now(), hub.settings.payments.ladder_s
    with hub.db.session() as session:
        it, row = _locked(hub, session, refund_id, try_id)
        if row.state != TryState.CREATED:
            return
        _close(row, TryState.NOT_REACHED, it)
        if row.number < len(ladder):
            it.refund.next_at = now + timedelta(seconds=ladder[row.number])
        else:
            it.put_back(given=False)
            it.move(RefundState.FAILED, why="not_reached")


def answered(
    hub: Hub, refund_id: uuid.UUID, try_id: uuid.UUID, notice: RefundNotice | None, *, asked: bool, counts: bool = True
) -> None:
    """Apply what the gateway said of a try, None where nothing usable; `asked`: in answer to a question, not to the request.

    A question that does not count is a person's: it takes no step of the ladder.
    """
    with hub.db.session() as session:
        it, row = _locked(hub, session, refund_id, try_id)
        if row.state in UNANSWERED:
            _decide(it, row, _outcome(it, row, notice, asked=asked), notice)
            if counts or row.state == TryState.ACCEPTED:
                _ask_later(hub, it, row, asked=asked)
        elif row.state == TryState.ACCEPTED and it.refund.state == RefundState.SUCCEEDED:
            _confirm(hub, it, row, notice, counts=counts)
        elif row.state == TryState.REFUSED and notice is not None and notice.outcome == RefundOutcome.ACCEPTED:
            _disagree(it, row, "refund_unknown", {"state": row.state, "said": notice.outcome, "raw_code": notice.raw_code})


def _locked(hub: Hub, session: Session, refund_id: uuid.UUID, try_id: uuid.UUID) -> tuple[Giving, RefundTry]:
    it = giving(hub, session, refund_id, hub.clock.now())
    return it, session.get_one(RefundTry, try_id, populate_existing=True)


def _outcome(it: Giving, row: RefundTry, notice: RefundNotice | None, *, asked: bool) -> RefundOutcome:
    """Return what can be believed of a notice: where it states another amount or order than was asked, nothing."""
    if notice is None or (notice.transaction is not None and _anothers(it, row, notice.transaction)):
        return RefundOutcome.UNKNOWN
    said = (notice.reference, notice.original_reference, notice.currency)
    if said != (row.reference, it.attempt.reference, it.refund.currency) or notice.amount not in {None, it.refund.amount}:
        _disagree(it, row, "refund_amount_differs", {"said": notice.amount, "raw_code": notice.raw_code})
        return RefundOutcome.UNKNOWN
    if notice.outcome == RefundOutcome.NOT_FOUND:
        # Said of the request itself it is a refusal; said later, of an order that was paid there, it contradicts.
        return RefundOutcome.UNKNOWN if asked else RefundOutcome.REFUSED
    return notice.outcome


def _anothers(it: Giving, row: RefundTry, transaction: str) -> bool:
    """Tell whether the gateway's number is known to be of another request: it answers a question about the order with the last."""
    same = (RefundTry.gateway_account_id == it.account.id, RefundTry.gateway_transaction == transaction, RefundTry.id != row.id)
    return it.session.scalar(select(RefundTry.id).where(*same).limit(1)) is not None


def _decide(it: Giving, row: RefundTry, outcome: RefundOutcome, notice: RefundNotice | None) -> None:
    if notice is not None:
        row.raw_code, row.answered_at = notice.raw_code, it.now
    match outcome:
        case RefundOutcome.ACCEPTED:
            row.gateway_transaction = notice.transaction if notice else None
            succeed(it, row)
        case RefundOutcome.REFUSED:
            fail(it, row, "refused")
        case RefundOutcome.PROCESSING if row.state == TryState.CREATED:
            states.check("refund_try", row.state, TryState.PROCESSING)
            row.state = TryState.PROCESSING
        case RefundOutcome.UNKNOWN if row.state != TryState.UNKNOWN:
            states.check("refund_try", row.state, TryState.UNKNOWN)
            row.state = TryState.UNKNOWN
            if it.refund.state == RefundState.SUBMITTED:
                it.move(RefundState.UNKNOWN, next_at=it.refund.next_at)


def succeed(it: Giving, row: RefundTry, why: str | None = None) -> None:
    """The money goes back."""
    _close(row, TryState.ACCEPTED, it)
    it.give()
    it.move(RefundState.SUCCEEDED, why=why, next_at=None)
    it.end_discrepancy("refund_unknown", _key(it, row), "the refund succeeded")


def fail(it: Giving, row: RefundTry, why: str) -> None:
    """No money goes back; where it had been said to, this corrects it."""
    given = it.refund.state == RefundState.SUCCEEDED
    _close(row, TryState.REFUSED, it)
    it.put_back(given=given)
    it.move(RefundState.FAILED, why=why, correction=given)
    it.end_discrepancy("refund_unknown", _key(it, row), "the refund failed")


def _close(row: RefundTry, state: TryState, it: Giving) -> None:
    states.check("refund_try", row.state, state)
    row.state, row.checks, row.answered_at = state, 0, row.answered_at or it.now


def _confirm(hub: Hub, it: Giving, row: RefundTry, notice: RefundNotice | None, *, counts: bool) -> None:
    """A gateway that took a refund may still refuse it at the bank. Only its word on this very refund corrects ours."""
    numbered = notice is not None and notice.transaction is not None and notice.transaction == row.gateway_transaction
    this = numbered or (notice is not None and notice.names_try)
    if notice is not None and this and notice.outcome == RefundOutcome.REFUSED and notice.amount in {None, it.refund.amount}:
        row.raw_code, it.refund.next_at = notice.raw_code, None
        fail(it, row, "refused")
    elif counts:
        row.checks, it.refund.next_at = row.checks + 1, None
        _confirm_later(hub, it, row)


def _confirm_later(hub: Hub, it: Giving, row: RefundTry) -> None:
    confirm = hub.settings.payments.refund_confirm_s
    if row.checks < len(confirm):
        it.refund.next_at = it.now + timedelta(seconds=confirm[row.checks])


def _ask_later(hub: Hub, it: Giving, row: RefundTry, *, asked: bool) -> None:
    """Set when to ask next; after the last step open a discrepancy instead, and stay unknown."""
    if row.state == TryState.ACCEPTED:
        _confirm_later(hub, it, row)
    if row.state not in UNANSWERED:
        return
    ladder = hub.settings.payments.ladder_s
    row.checks += asked
    if row.checks < len(ladder):
        it.refund.next_at = max(row.asked_at + timedelta(seconds=ladder[row.checks]), it.now)
        return
    it.refund.next_at = None
    if it.refund.state == RefundState.SUBMITTED:
        it.move(RefundState.UNKNOWN)
    _disagree(it, row, "refund_unknown", {"state": row.state, "raw_code": row.raw_code, "checks": row.checks})


def _disagree(it: Giving, row: RefundTry, kind: str, evidence: dict[str, object]) -> None:
    open_discrepancy(
        it.session, kind=kind, key=_key(it, row), on=local_date(row.asked_at), amount=it.refund.amount, currency=it.refund.currency,
        evidence={"refund": str(it.refund.id), "asked": it.refund.amount, **evidence}, now=it.now,
        gateway_account_id=it.account.id, payment_id=it.payment.id,
    )  # fmt: skip


def _key(it: Giving, row: RefundTry) -> str:
    return f"{it.account.code}/refund/{row.reference}"
