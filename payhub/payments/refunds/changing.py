"""Changing a refund: its state, its journal and its event together, under the locks of its payment and its own row."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session, aliased

from payhub.accounts.calendar import cohort_day
from payhub.accounts.models import GatewayAccount
from payhub.discrepancies import proposing
from payhub.discrepancies import service as discrepancies
from payhub.discrepancies.models import Discrepancy
from payhub.errors import NotFound
from payhub.hub import Hub
from payhub.ledger import facts, shares
from payhub.ledger.shares import Part
from payhub.payments import closing, states
from payhub.payments.disputes import shortfall
from payhub.payments.disputes.models import DisputeLine
from payhub.payments.models import Attempt, Payment, PaymentLine, UnappliedReceipt
from payhub.payments.receipts import settling
from payhub.payments.recording import record
from payhub.payments.refunds.models import Refund, RefundLine, RefundTry
from payhub.payments.refunds.standing import lines_of
from payhub.payments.states import AttemptState, PaymentState, RefundState
from payhub.registers import Registers


@dataclass(slots=True)
class Giving:
    """A refund with everything it touches, locked: payment first, then the receipt and the refund."""

    session: Session
    registers: Registers
    account: GatewayAccount
    payment: Payment
    refund: Refund
    attempt: Attempt
    receipt: UnappliedReceipt | None
    now: datetime

    def move(self, state: RefundState, *, why: str | None = None, next_at: datetime | None = None, **more: Any) -> None:
        """Take the refund to a state and say so in an event; `next_at` is when to look at it again."""
        refund = self.refund
        states.check("refund", refund.state, state)
        refund.state, refund.version, refund.next_at, refund.end_reason = state, refund.version + 1, next_at, why
        ended = state not in {RefundState.APPROVED, RefundState.SUBMITTED, RefundState.UNKNOWN}
        refund.ended_at = self.now if ended else None
        self.record(f"refund.{state}", **({"reason": why} if why else {}), **more)
        if ended:
            # What this was to end may be there still: part of the money, or all of it.
            proposing.over(self.session, refund.proposal_id, "system", self.now, f"refund {state}")

    def record(self, type_: str, **more: Any) -> None:
        """Write an event about the refund."""
        refund = self.refund
        data = {
            "refund": str(refund.id), "refund_state": refund.state, "number": refund.number, "amount": refund.amount,
            "currency": refund.currency, "gateway_account": self.account.code, **more,
        }  # fmt: skip
        record(self.session, self.payment, type_, self.now, data)

    def take(self) -> None:
        """Take the money from what is owed or unapplied: a request to give it back is about to be sent."""
        parts = self._parts(before=True)
        if self.receipt is not None:
            self.receipt.remaining -= self.refund.amount
        facts.refund_submitted(self.session, self._fact(), parts)

    def give(self) -> None:
        """The gateway has taken the money from what it holds: where a line is given back whole, its fee may be asked again."""
        self.session.flush()
        facts.refund_taken(self.session, self._fact(), self._parts(before=False))
        if self.receipt is None:
            release_gone(self.session, self.payment, self.refund.id)
        else:
            key = settling.key_of(self.account, self.attempt)
            settling.settle(self.session, key, self.receipt, act="refunded", actor="system", now=self.now, besides=self.refund.id)

    def put_back(self, *, given: bool) -> None:
        """Nothing goes back: the money is owed, or unapplied, as before; where it was booked as gone (`given`), that first."""
        parts = self._parts(before=False)
        if given:
            facts.refund_not_taken(self.session, self._fact(), parts)
        gone = self.attempt.state == AttemptState.REVERSED
        if gone:
            facts.refund_failed(self.session, self._fact(), parts, gone=True)
            self.end_discrepancy("refund_and_reversal", f"{self.account.code}/refund/{self.refund.id}", "the refund failed")
        elif self.receipt is not None:
            self.receipt.remaining += self.refund.amount
            facts.refund_failed(self.session, self._fact(), parts)
            key = settling.key_of(self.account, self.attempt)
            settling.unsettle(self.session, key, self.receipt, refund_id=self.refund.id, now=self.now)
        else:
            self._owe_again()

    def _owe_again(self) -> None:
        """Let lines be owed again, after what disputes that were lost meanwhile did not find there."""
        owed, claimed = [], []
        for line, less, more in self._steps(before=False):
            late = shortfall.make_up(self.session, self.account, self.attempt, line.id, more - less, self.now)
            owed.append(shares.between(line, less + late, more))
            claimed.append(shares.of(line, late))
        for parts, gone in ((owed, False), (claimed, True)):
            if any(part.amount for part in parts):
                facts.refund_failed(self.session, self._fact(), parts, gone=gone)
        if self.payment.state == PaymentState.PAID:
            claim_again(self.session, [part.payment_line_id for part in owed if part.amount])

    def end_discrepancy(self, kind: str, key: str, why: str) -> None:
        """Resolve what a discrepancy waited for."""
        open_ = select(Discrepancy.id).where(Discrepancy.kind == kind, Discrepancy.key == key, Discrepancy.state != "resolved")
        wanted = self.session.scalars(open_).all()
        discrepancies.resolve(self.session, wanted, actor="system", now=self.now, act="closed by the gateway", data={"why": why})

    def _parts(self, *, before: bool) -> Sequence[Part]:
        """Return what the refund is made of. `before` it is submitted its lines do not count it yet; after, they do."""
        if self.receipt is not None:
            return [Part(self.refund.amount)]
        return [shares.between(line, less, more) for line, less, more in self._steps(before=before)]

    def _steps(self, *, before: bool) -> Sequence[tuple[PaymentLine, int, int]]:
        """Return each line of the refund with what is taken of it without the refund and with it."""
        asked = select(RefundLine.payment_line_id, RefundLine.amount).where(RefundLine.refund_id == self.refund.id)
        amounts = dict(self.session.execute(asked).all())
        steps = []
        for standing in lines_of(self.session, self.payment):
            amount = amounts.get(standing.line.id, 0)
            less = standing.taken - (0 if before else amount)
            if amount:
                steps.append((standing.line, less, less + amount))
        return steps

    def _fact(self) -> facts.Fact:
        return facts.dated(
            self.session, self.registers, self.account, cohort_day(self.registers, self.account, self.now), self.now,
            self.refund.currency, payment_id=self.payment.id, attempt_id=self.attempt.id, refund_id=self.refund.id,
        )  # fmt: skip


def giving(hub: Hub, session: Session, refund_id: uuid.UUID, now: datetime) -> Giving:
    """Lock a refund and everything it touches, in the one order; raise `NotFound` where there is none."""
    payment_id = session.scalar(select(Refund.payment_id).where(Refund.id == refund_id))
    payment = closing.locked(session, payment_id) if payment_id else None
    if payment is None:
        raise NotFound
    refund = session.get_one(Refund, refund_id, with_for_update={"key_share": True}, populate_existing=True)
    attempt = session.get_one(Attempt, refund.attempt_id, populate_existing=True)
    receipt = None
    if refund.receipt_id is not None:
        receipt = session.get_one(UnappliedReceipt, refund.receipt_id, with_for_update={"key_share": True}, populate_existing=True)
    account = hub.registers.gateway_accounts_by_id[refund.gateway_account_id]
    return Giving(session, hub.registers, account, payment, refund, attempt, receipt, now)


def release_gone(session: Session, payment: Payment, besides: uuid.UUID | None = None) -> None:
    """Let the fee of each line of which nothing is left be asked again; the refund `besides` counts as having succeeded."""
    refunded = select(func.coalesce(func.sum(RefundLine.amount), 0)).join(Refund, Refund.id == RefundLine.refund_id)
    gone = or_(Refund.state == RefundState.SUCCEEDED, Refund.id == besides)
    lost = select(func.coalesce(func.sum(DisputeLine.charged_back), 0)).where(DisputeLine.payment_line_id == PaymentLine.id)
    given = refunded.where(RefundLine.payment_line_id == PaymentLine.id, gone).scalar_subquery() + lost.scalar_subquery()
    whole = (PaymentLine.payment_id == payment.id, PaymentLine.amount > 0, PaymentLine.amount == given)
    held = PaymentLine.dossier_claim.is_not(None)
    session.execute(update(PaymentLine).where(*whole, held).values(dossier_claim=None, released_claim=PaymentLine.dossier_claim))


def claim_again(session: Session, lines: Sequence[uuid.UUID | None]) -> None:
    """Let lines that owe again after all have their fee's claim back, unless it was asked again meanwhile."""
    other = aliased(PaymentLine)
    taken = select(other.id).where(other.dossier_claim == PaymentLine.released_claim).exists()
    free = (PaymentLine.id.in_(lines), PaymentLine.released_claim.is_not(None), ~taken)
    session.execute(update(PaymentLine).where(*free).values(dossier_claim=PaymentLine.released_claim, released_claim=None))


def latest_try(session: Session, refund_id: uuid.UUID) -> RefundTry | None:
    """Return the last request that was sent for a refund."""
    return session.scalar(select(RefundTry).where(RefundTry.refund_id == refund_id).order_by(RefundTry.number.desc()).limit(1))
