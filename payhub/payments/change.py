"""One message of a gateway at work on the rows it may change."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from gateways.base import Notice
from payhub.accounts.models import GatewayAccount
from payhub.discrepancies.service import open_ as open_discrepancy
from payhub.ledger.facts import Fact, dated
from payhub.payments import states
from payhub.payments.models import Attempt, Payment
from payhub.payments.states import AttemptState
from payhub.registers import Registers


@dataclass(slots=True)
class Change:
    """What the message says, and the locked rows it may change."""

    session: Session
    registers: Registers
    account: GatewayAccount
    notice: Notice
    payment: Payment
    attempt: Attempt
    now: datetime
    cohort_on: date
    gateway_on: date
    asked: bool
    """Whether the gateway says it because we asked: then it is how things stand now, and not a message that may be older."""

    def move(self, state: AttemptState) -> None:
        """Take an attempt to an outcome with what the gateway said of it."""
        attempt, notice = self.attempt, self.notice
        states.check("attempt", attempt.state, state)
        attempt.state, attempt.raw_code, attempt.ended_at, attempt.next_check_at = state, notice.raw_code, self.now, None
        attempt.client_ip = attempt.pay_url = None
        attempt.method = notice.method or attempt.method
        if state in {AttemptState.SUCCEEDED, AttemptState.CONFLICTED}:
            attempt.confirmed, attempt.gateway_transaction = notice.amount, notice.transaction
            attempt.paid_at, attempt.paid_at_text = notice.paid_at or self.now, notice.paid_at_text
            attempt.gateway_on, attempt.cohort_on = self.gateway_on, self.cohort_on

    def fact(self, payment: Payment | None = None) -> Fact:
        """Return the journal of this message, about its payment or another that its money had paid."""
        return dated(
            self.session, self.registers, self.account, self.cohort_on, self.now, self.attempt.currency,
            payment_id=(payment or self.payment).id, attempt_id=self.attempt.id,
        )  # fmt: skip

    def data(self, **more: Any) -> dict[str, Any]:
        """Return what an event about the attempt says."""
        return {**told(self.account, self.attempt), **more}

    def disagree(self, kind: str, amount: int, evidence: dict[str, Any]) -> None:
        """Open a discrepancy about the attempt's money."""
        open_discrepancy(
            self.session,
            kind=kind,
            key=f"{self.account.code}/payment/{self.attempt.reference}",
            on=self.gateway_on,
            amount=amount,
            currency=self.notice.currency,
            evidence={**evidence, "raw_code": self.notice.raw_code},
            now=self.now,
            gateway_account_id=self.account.id,
            payment_id=self.payment.id,
        )


def told(account: GatewayAccount, attempt: Attempt) -> dict[str, Any]:
    """Return what an event says of an attempt."""
    return {
        "attempt": str(attempt.id),
        "attempt_state": attempt.state,
        "gateway_account": account.code,
        "amount": attempt.confirmed,
        "currency": attempt.currency,
    }
