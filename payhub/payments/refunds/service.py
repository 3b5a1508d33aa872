"""Asking for money to be given back, and deciding it: one asks, another person approves."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from gateways.base import Refundable
from payhub import ids
from payhub.accounts.models import GatewayAccount
from payhub.errors import FieldProblem, InvalidInput, NotFound, Text
from payhub.hub import Hub
from payhub.payments import closing
from payhub.payments.models import Allocation, Attempt, Payment, UnappliedReceipt
from payhub.payments.refunds.changing import Giving, giving
from payhub.payments.refunds.errors import GatewayRefundsNothing, NotRefundable, RefundNotRetriable
from payhub.payments.refunds.models import Refund, RefundLine
from payhub.payments.refunds.standing import LineStanding, available, lines_of
from payhub.payments.states import RefundState
from payhub.staff import audit
from payhub.staff import service as staff
from payhub.staff.executors import dropped, executes
from payhub.staff.models import Principal, Proposal

KIND = "refund"


def request(
    hub: Hub, session: Session, payment_id: uuid.UUID | None, data: Mapping[str, Any], by: Principal, *,
    portal_id: uuid.UUID | None, discrepancy_id: uuid.UUID | None = None,
) -> Refund:
    """Ask for money of a payment to be given back; `portal_id` None is a person of the staff, who may ask for any payment."""
    payment = closing.locked(session, payment_id) if payment_id else None
    if payment is None or portal_id not in {None, payment.portal_id}:
        raise NotFound
    if payment.erased_at is not None and data.get("note"):
        raise InvalidInput([FieldProblem("/note", "payer_erased", _ERASED)])
    source = _of_receipt(hub, session, payment, data) if data.get("unapplied") else _of_lines(session, payment, data["lines"])
    refundable(hub, hub.registers.gateway_accounts_by_id[source.attempt.gateway_account_id])
    now, refund_id = hub.clock.now(), ids.new_id()
    note = hub.keyring.seal(data["note"].encode(), f"refund note {refund_id}") if data.get("note") else None
    refund = Refund(
        id=refund_id, payment_id=payment.id, number=_next_number(session, payment.id), receipt_id=source.receipt_id,
        attempt_id=source.attempt.id, gateway_account_id=source.attempt.gateway_account_id, method="gateway",
        state=RefundState.REQUESTED, amount=source.amount, currency=payment.currency, reason=data["reason"],
        note_key=note and note.key, note=note and note.data, requested_by=by.id, requested_at=now, version=1,
    )  # fmt: skip
    session.add(refund)
    session.flush()
    session.add_all(RefundLine(refund_id=refund_id, payment_line_id=line, amount=amount) for line, amount in source.lines)
    session.flush()
    giving(hub, session, refund_id, now).record("refund.requested", reason=refund.reason)
    target, content = f"refund/{refund_id}", _content(refund, source)
    if discrepancy_id is not None:
        content["discrepancy"] = str(discrepancy_id)
    proposal = staff.propose(session, kind=KIND, target=target, content=content, by=by, now=now, target_seq=refund.version)
    refund.proposal_id = proposal.id
    session.flush()
    return refund


_ERASED = Text(
    "Dữ liệu người nộp đã xóa theo yêu cầu; không ghi chú gì thêm",
    "The payer's data was erased: nothing more is written about them",
)


@dataclass(frozen=True, slots=True)
class _Source:
    """Where the money to give back comes from."""

    attempt: Attempt
    receipt_id: uuid.UUID | None
    lines: Sequence[tuple[uuid.UUID, int]]
    amount: int


def _of_lines(session: Session, payment: Payment, asked: Sequence[Mapping[str, int]]) -> _Source:
    standing = {each.line.number: each for each in lines_of(session, payment)}
    demand_lines(standing, asked)
    short = [
        {"line": line["number"], "refundable": standing[line["number"]].refundable}
        for line in asked
        if line["amount"] > standing[line["number"]].refundable
    ]
    attempt = None if short else source_attempt(session, payment)
    if attempt is None:
        raise NotRefundable(lines=short)
    lines = [(standing[line["number"]].line.id, line["amount"]) for line in asked]
    return _Source(attempt, None, lines, sum(amount for _, amount in lines))


def demand_lines(standing: Mapping[int, LineStanding], asked: Sequence[Mapping[str, int]]) -> None:
    """Raise with every line of the request that the payment has not, or that is named twice."""
    problems, seen = [], set()
    for at, line in enumerate(asked):
        if line["number"] not in standing:
            text = Text("Khoản thanh toán không có dòng này", "The payment has no such line")
            problems.append(FieldProblem(f"/lines/{at}/number", "unknown_line", text))
        elif line["number"] in seen:
            text = Text("Mỗi dòng chỉ nêu một lần", "Each line may be named once")
            problems.append(FieldProblem(f"/lines/{at}/number", "line_repeated", text))
        seen.add(line["number"])
    if problems:
        raise InvalidInput(problems)


def source_attempt(session: Session, payment: Payment) -> Attempt | None:
    """Return the attempt whose money paid the payment, by itself or through an allocation."""
    applied = select(Attempt).where(Attempt.payment_id == payment.id, Attempt.applied)
    allocated = select(Attempt).join(Allocation, Allocation.attempt_id == Attempt.id).where(Allocation.payment_id == payment.id)
    return session.scalar(applied) or session.scalar(allocated)


def _of_receipt(hub: Hub, session: Session, payment: Payment, data: Mapping[str, Any]) -> _Source:
    receipt_id = ids.read_public_id("uap", data["unapplied"], hub.settings.mode)
    receipt = session.get(UnappliedReceipt, receipt_id, with_for_update={"key_share": True}) if receipt_id else None
    if receipt is None or receipt.payment_id != payment.id or receipt.attempt_id is None:
        text = Text("Khoản thanh toán không có khoản tiền chưa phân bổ này", "The payment has no such unapplied receipt")
        raise InvalidInput([FieldProblem("/unapplied", "unknown_unapplied", text)])
    left = available(session, receipt)
    amount = data.get("amount") or left
    if not 0 < amount <= left:
        raise NotRefundable(refundable=left)
    return _Source(session.get_one(Attempt, receipt.attempt_id), receipt.id, (), amount)


def _next_number(session: Session, payment_id: uuid.UUID) -> int:
    return (session.scalar(select(func.max(Refund.number)).where(Refund.payment_id == payment_id)) or 0) + 1


def _content(refund: Refund, source: _Source) -> dict[str, Any]:
    """Return what the second person approves: what is given back, and of what."""
    return {
        "payment": str(refund.payment_id),
        "attempt": str(refund.attempt_id),
        "unapplied": str(refund.receipt_id) if refund.receipt_id else None,
        "lines": [{"line": str(line), "amount": amount} for line, amount in source.lines],
        "amount": refund.amount,
        "currency": refund.currency,
        "method": refund.method,
        "reason": refund.reason,
    }


def refundable(hub: Hub, account: GatewayAccount) -> Refundable:
    """Return an account's protocol; raise `GatewayRefundsNothing` where it cannot give money back."""
    gateway = hub.gateways[account.gateway]
    if not isinstance(gateway, Refundable):
        raise GatewayRefundsNothing
    return gateway


def fits(it: Giving) -> bool:
    """Tell whether what the refund asks is there, everything else that waits being served first."""
    if it.receipt is not None:
        return it.refund.amount <= available(it.session, it.receipt, it.refund.id)
    standing = {each.line.id: each.refundable for each in lines_of(it.session, it.payment, it.refund.id)}
    wanted = it.session.scalars(select(RefundLine).where(RefundLine.refund_id == it.refund.id))
    return all(line.amount <= standing[line.payment_line_id] for line in wanted)


@executes(KIND)
def approve(hub: Hub, session: Session, proposal: Proposal) -> None:
    """Let an approved refund be sent, if what it asks is still there."""
    now = hub.clock.now()
    it = _target(hub, session, proposal, now)
    if staff.void_if_changed(session, proposal, it.refund.version, now):
        return
    if not fits(it):
        raise NotRefundable
    it.refund.decided_at = now
    it.move(RefundState.APPROVED, next_at=now)
    session.flush()


@dropped(KIND)
def drop(hub: Hub, session: Session, proposal: Proposal) -> None:
    """End a refund that was declined or taken back."""
    now = hub.clock.now()
    it = _target(hub, session, proposal, now)
    if it.refund.state == RefundState.REQUESTED:
        it.refund.decided_at = now
        it.move(RefundState(proposal.state))
        session.flush()


def _target(hub: Hub, session: Session, proposal: Proposal, now: datetime) -> Giving:
    return giving(hub, session, uuid.UUID(proposal.target.removeprefix("refund/")), now)


def withdraw(hub: Hub, session: Session, refund: Refund, by: Principal) -> None:
    """Take back a refund that nobody has decided yet; only who asked for it may."""
    if refund.proposal_id is None:
        raise NotFound
    staff.withdraw(hub, session, refund.proposal_id, by, hub.clock.now())


def retry(hub: Hub, session: Session, refund_id: uuid.UUID, by: Principal) -> None:
    """Send a failed refund again, as a new try; it stays approved, and is only sent if what it asks is still there."""
    now = hub.clock.now()
    it = giving(hub, session, refund_id, now)
    if it.refund.state != RefundState.FAILED:
        raise RefundNotRetriable
    if not fits(it):
        raise NotRefundable
    if it.refund.next_at is None:
        it.refund.next_at = now
        it.record("refund.retried")
        session.flush()
        audit.append(session, actor=by.id, act="refund.retried", target=f"refund/{refund_id}", at=now)
