"""Changing a dispute: its state, its journal and its event together, under the locks of its payment and its own row."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from payhub.accounts.calendar import cohort_day
from payhub.accounts.models import GatewayAccount
from payhub.errors import NotFound
from payhub.hub import Hub
from payhub.ledger import facts, shares
from payhub.payments import closing, states
from payhub.payments.disputes import shortfall
from payhub.payments.disputes.models import Dispute, DisputeLine
from payhub.payments.models import Attempt, Payment
from payhub.payments.recording import record, release_claims
from payhub.payments.refunds.changing import Giving, release_gone
from payhub.payments.refunds.models import Refund, RefundLine
from payhub.payments.refunds.standing import lines_of
from payhub.payments.states import WAITING, DisputeState, PaymentState, RefundState
from payhub.registers import Registers


@dataclass(slots=True)
class Case:
    """A dispute with everything it touches, locked: payment first, then the dispute."""

    session: Session
    registers: Registers
    account: GatewayAccount
    payment: Payment
    dispute: Dispute
    attempt: Attempt
    now: datetime

    def move(self, state: DisputeState) -> None:
        """Take the dispute to its end and say so in an event."""
        dispute = self.dispute
        states.check("dispute", dispute.state, state)
        dispute.state, dispute.version, dispute.ended_at = state, dispute.version + 1, self.now
        self.record(f"dispute.{state}")
        self.session.flush()

    def record(self, type_: str) -> None:
        """Write an event about the dispute."""
        dispute = self.dispute
        data = {
            "dispute": str(dispute.id), "dispute_state": dispute.state, "number": dispute.number, "amount": dispute.amount,
            "currency": dispute.currency, "gateway_account": self.account.code,
        }  # fmt: skip
        record(self.session, self.payment, type_, self.now, data)

    def take(self) -> None:
        """Take what was lost from what the lines still owe; what had gone by refunds or a reversal before left twice."""
        # Where the gateway has reversed the payment meanwhile nothing is owed, so nothing more is taken from an agency: all of the
        # dispute is a difference. The same remains where the gateway reverses after the loss, and only a statement can tell
        # whether the bank and the gateway really took the money twice or mean one movement by two names.
        standing = {each.line.id: each for each in lines_of(self.session, self.payment)}
        held, gone, left = [], [], {line_id: each.held for line_id, each in standing.items()}
        for row in self.lines():
            line, less = standing[row.payment_line_id].line, standing[row.payment_line_id].taken
            row.charged_back = min(row.amount, left[line.id])
            left[line.id] -= row.charged_back
            held.append(shares.between(line, less, less + row.charged_back))
            gone.append(shares.of(line, row.amount - row.charged_back))
        self._withdraw_refunds(left)
        self.session.flush()
        facts.charged_back(self.session, self._fact(), held, gone)
        shortfall.tell(self.session, self.account, self.attempt, self.dispute, self.now)
        release_gone(self.session, self.payment)
        self._unpay_if_gone()

    def lines(self) -> Sequence[DisputeLine]:
        """Return what is disputed of each line."""
        wanted = select(DisputeLine).where(DisputeLine.dispute_id == self.dispute.id).order_by(DisputeLine.payment_line_id)
        return self.session.scalars(wanted).all()

    def _withdraw_refunds(self, left: dict[uuid.UUID, int]) -> None:
        """Withdraw refunds that wait for more than is `left` of a line, the last one asked for first."""
        waiting = self.session.scalars(
            select(Refund)
            .where(Refund.payment_id == self.payment.id, Refund.receipt_id.is_(None), Refund.state.in_(sorted(WAITING)))
            .order_by(Refund.id)
            .with_for_update(key_share=True)
        ).all()
        for refund in waiting:
            asked = self.session.scalars(select(RefundLine).where(RefundLine.refund_id == refund.id)).all()
            if all(each.amount <= left[each.payment_line_id] for each in asked):
                for each in asked:
                    left[each.payment_line_id] -= each.amount
            else:
                it = Giving(self.session, self.registers, self.account, self.payment, refund, self.attempt, None, self.now)
                it.move(RefundState.WITHDRAWN, why="disputed")

    def _unpay_if_gone(self) -> None:
        """Reverse a payment of which a bank has taken back everything; its fees may then be asked again."""
        lost = select(func.sum(Dispute.amount)).where(Dispute.payment_id == self.payment.id, Dispute.state == DisputeState.LOST)
        if self.payment.state != PaymentState.PAID or self.session.scalar(lost) != self.payment.total:
            return
        states.check("payment", self.payment.state, PaymentState.REVERSED)
        self.payment.state = PaymentState.REVERSED
        release_claims(self.session, self.payment.id)
        data = {"gateway_account": self.account.code, "amount": self.payment.total, "currency": self.payment.currency}
        record(self.session, self.payment, "payment.reversed", self.now, {"state": self.payment.state, **data})

    def _fact(self) -> facts.Fact:
        return facts.dated(
            self.session, self.registers, self.account, cohort_day(self.registers, self.account, self.now), self.now,
            self.dispute.currency, payment_id=self.payment.id, attempt_id=self.attempt.id,
        )  # fmt: skip


def case(hub: Hub, session: Session, dispute_id: uuid.UUID, now: datetime) -> Case:
    """Lock a dispute and everything it touches, in the one order; raise `NotFound` where there is none."""
    payment_id = session.scalar(select(Dispute.payment_id).where(Dispute.id == dispute_id))
    payment = closing.locked(session, payment_id) if payment_id else None
    if payment is None:
        raise NotFound
    dispute = session.get_one(Dispute, dispute_id, with_for_update={"key_share": True}, populate_existing=True)
    attempt = session.get_one(Attempt, dispute.attempt_id, populate_existing=True)
    account = hub.registers.gateway_accounts_by_id[dispute.gateway_account_id]
    return Case(session, hub.registers, account, payment, dispute, attempt, now)
