"""Unapplied money pays a payment after all, its own or another of the same portal: one person proposes it, another approves.

Locks are taken payments first, by id, then the receipt.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from payhub import ids
from payhub.accounts.calendar import cohort_day
from payhub.accounts.models import GatewayAccount
from payhub.discrepancies import proposing
from payhub.errors import FieldProblem, InvalidInput, NotFound, Text
from payhub.hub import Hub
from payhub.ledger import facts
from payhub.payments import closing, states
from payhub.payments.models import Allocation, Attempt, Payment, PaymentLine, UnappliedReceipt
from payhub.payments.receipts import settling
from payhub.payments.receipts.errors import NotAllocatable
from payhub.payments.recording import record
from payhub.payments.refunds.standing import available
from payhub.payments.states import PaymentState
from payhub.staff import service as staff
from payhub.staff.errors import AlreadyProposed
from payhub.staff.executors import executes
from payhub.staff.models import Principal, Proposal

KIND = "allocation"


@dataclass(slots=True)
class Allocating:
    """A receipt, the payment it came for, and the payment that it is to pay, all locked."""

    receipt: UnappliedReceipt
    account: GatewayAccount
    attempt: Attempt
    own: Payment
    target: Payment
    now: datetime


def propose(
    hub: Hub, session: Session, receipt_id: uuid.UUID | None, public: str, by: Principal, *, discrepancy_id: uuid.UUID | None = None
) -> Proposal:
    """Propose that a receipt pays a payment whole, because of a discrepancy where one is named."""
    it = _locked(hub, session, receipt_id, ids.read_public_id("pay", public, hub.settings.mode))
    _demand_allocatable(session, it)
    target, content = f"unapplied/{it.receipt.id}", _content(it) | ({"discrepancy": str(discrepancy_id)} if discrepancy_id else {})
    same = select(Proposal.id).where(Proposal.kind == KIND, Proposal.target == target, Proposal.content == content)
    # Looked for before it is written: whoever decides on the first one now holds it, and waits for the payments held here.
    waiting = session.scalar(same.where(Proposal.state.in_(["proposed", "approved"])))
    if waiting is not None:
        raise AlreadyProposed(waiting)
    return staff.propose(session, kind=KIND, target=target, content=content, by=by, now=it.now, target_seq=None)


@executes(KIND)
def allocate(hub: Hub, session: Session, proposal: Proposal) -> None:
    """Let a receipt pay the payment that two people agreed on, if both are still as they must be."""
    receipt_id, payment_id = uuid.UUID(proposal.target.removeprefix("unapplied/")), uuid.UUID(proposal.content["payment"])
    it = _locked(hub, session, receipt_id, payment_id)
    if staff.void_if_changed(session, proposal, it.target.event_seq, it.now):
        return
    # Whether the payment is over must not depend on when the job that ends payments last ran.
    closing.finish_if_over(session, it.target, it.now)
    _demand_allocatable(session, it)
    _pay(hub, session, it, proposal)
    key = settling.key_of(it.account, it.attempt)
    settling.settle(session, key, it.receipt, act="allocated", actor=str(proposal.decided_by), now=it.now)
    proposing.over(session, proposal.id, str(proposal.decided_by), it.now, "allocated")
    session.flush()


def _locked(hub: Hub, session: Session, receipt_id: uuid.UUID | None, payment_id: uuid.UUID | None) -> Allocating:
    receipt = session.get(UnappliedReceipt, receipt_id) if receipt_id else None
    if receipt is None or receipt.payment_id is None or receipt.attempt_id is None:
        raise NotFound
    wanted = {receipt.payment_id, *([payment_id] if payment_id else [])}
    locks = select(Payment).where(Payment.id.in_(wanted)).order_by(Payment.id).with_for_update(key_share=True)
    payments = {payment.id: payment for payment in session.scalars(locks.execution_options(populate_existing=True))}
    if payment_id is None or payment_id not in payments:
        text = Text("Không có khoản thanh toán này", "There is no such payment")
        raise InvalidInput([FieldProblem("/payment", "unknown_payment", text)])
    session.refresh(receipt, with_for_update={"key_share": True})
    account = hub.registers.gateway_accounts_by_id[receipt.gateway_account_id]
    attempt = session.get_one(Attempt, receipt.attempt_id)
    return Allocating(receipt, account, attempt, payments[receipt.payment_id], payments[payment_id], hub.clock.now())


def _demand_allocatable(session: Session, it: Allocating) -> None:
    """Raise unless the receipt can pay the payment whole."""
    target, left = it.target, available(session, it.receipt)
    if target.portal_id != it.own.portal_id:
        raise NotAllocatable("other_portal")
    if session.scalar(select(Payment.id).where(Payment.replaces_id == target.id)) is not None:
        raise NotAllocatable("replaced")
    # An open payment that its portal wants cancelled takes what comes by itself, and nothing is brought to it.
    unwanted = target.state == PaymentState.OPEN and target.closing_reason == "cancelled"
    if target.state not in {PaymentState.OPEN, PaymentState.EXPIRED} or unwanted or not target.total:
        raise NotAllocatable("not_open", state=target.state)
    if target.currency != it.receipt.currency:
        raise NotAllocatable("other_currency")
    if left < target.total:
        raise NotAllocatable("too_little", available=left, total=target.total)


def _content(it: Allocating) -> dict[str, Any]:
    """Return what the second person approves: which money, and what it pays."""
    return {
        "unapplied": str(it.receipt.id),
        "attempt": str(it.attempt.id),
        "reason": it.receipt.reason,
        "payment": str(it.target.id),
        "amount": it.target.total,
        "currency": it.target.currency,
    }


def _pay(hub: Hub, session: Session, it: Allocating, proposal: Proposal) -> None:
    target, receipt = it.target, it.receipt
    states.check("payment", target.state, PaymentState.PAID)
    target.state, target.paid_at = PaymentState.PAID, it.now
    receipt.remaining -= target.total
    session.add(
        Allocation(
            payment_id=target.id, receipt_id=receipt.id, attempt_id=it.attempt.id, proposal_id=proposal.id, amount=target.total,
            allocated_at=it.now,
        )
    )  # fmt: skip
    fact = facts.dated(
        session, hub.registers, it.account, cohort_day(hub.registers, it.account, it.now), it.now, target.currency,
        payment_id=target.id, attempt_id=it.attempt.id,
    )  # fmt: skip
    lines = session.scalars(select(PaymentLine).where(PaymentLine.payment_id == target.id).order_by(PaymentLine.number))
    facts.allocated(session, fact, lines.all())
    _tell(session, it)


def _tell(session: Session, it: Allocating) -> None:
    """Write the events: of the payment that is paid, and of the one that the money had come for."""
    target, receipt = it.target, it.receipt
    said: dict[str, Any] = {
        "unapplied": str(receipt.id), "gateway_account": it.account.code, "amount": target.total, "currency": target.currency,
    }  # fmt: skip
    own = {"attempt": str(it.attempt.id), "attempt_state": it.attempt.state} if it.own is target else {}
    record(session, target, "payment.paid", it.now, {"state": target.state, **said, **own})
    if it.own is not target:
        told = {**said, "allocated_to": str(target.id), "remaining": receipt.remaining}
        record(session, it.own, "receipt.allocated", it.now, told)
