"""The facts that move money, each one function: which accounts it debits and which it credits.

Journals are written by these functions alone, and `applied` also inside the hot statement (`ledger.statements`). Amounts are minor
units, and a `Part` says what they are of. What is owed is divided into the agency's own part and the budget's; what belongs to
nobody yet, and what concerns the bank alone, is kept in one sum.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from payhub import ids
from payhub.accounts.models import GatewayAccount
from payhub.ledger.days import open_business_day
from payhub.ledger.models import Journal, Posting
from payhub.ledger.shares import Part, of
from payhub.payments.models import PaymentLine
from payhub.registers import Registers

Parts = Sequence[Part]
Move = tuple[str, str, Parts]
_SUMMED = {"unapplied", "gateway_fees", "bank"}
"""Accounts kept in one sum: of no agency and no line."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One journal: what it is about, and its days."""

    journal_id: uuid.UUID
    gateway_account_id: uuid.UUID
    payment_id: uuid.UUID | None
    attempt_id: uuid.UUID | None
    refund_id: uuid.UUID | None
    cohort_on: date
    business_on: date
    recorded_at: datetime
    currency: str
    payout_reference: str | None = None


def dated(
    session: Session, registers: Registers, account: GatewayAccount, cohort_on: date, recorded_at: datetime, currency: str, *,
    payment_id: uuid.UUID | None = None, attempt_id: uuid.UUID | None = None, refund_id: uuid.UUID | None = None,
    payout_reference: str | None = None,
) -> Fact:  # fmt: skip
    """Return a journal to be written on its cohort's day or, once that is shut, on the oldest open one; it stays open for it."""
    business_on = open_business_day(session, registers, account, cohort_on)
    return Fact(
        ids.new_id(), account.id, payment_id, attempt_id, refund_id, cohort_on, business_on, recorded_at, currency, payout_reference
    )  # fmt: skip


def applied(session: Session, fact: Fact, lines: Sequence[PaymentLine]) -> None:
    """Money that pays a payment: receivable / owed per line."""
    _write(session, "applied", fact, ("receivable", "owed", [of(line, line.amount, line.retained) for line in lines]))


def not_applicable(session: Session, fact: Fact, amount: int) -> None:
    """Money that is real and pays nothing: receivable / unapplied."""
    _write(session, "not_applicable", fact, ("receivable", "unapplied", [Part(amount)]))


def allocated(session: Session, fact: Fact, lines: Sequence[PaymentLine]) -> None:
    """Unapplied money that pays a payment after all: unapplied / owed per line."""
    _write(session, "allocated", fact, ("unapplied", "owed", [of(line, line.amount, line.retained) for line in lines]))


def refund_submitted(session: Session, fact: Fact, parts: Parts) -> None:
    """Giving back has begun: owed per line, or unapplied, / refunds_due."""
    _write(session, "refund_submitted", fact, (_held(parts), "refunds_due", parts))


def refund_failed(session: Session, fact: Fact, parts: Parts, *, gone: bool = False) -> None:
    """Nothing went back: refunds_due / owed, or unapplied; or differences where it was reversed or lost meanwhile (`gone`)."""
    _write(session, "refund_failed", fact, ("refunds_due", "differences" if gone else _held(parts), parts))


def refund_taken(session: Session, fact: Fact, parts: Parts) -> None:
    """The gateway has taken a refund from what it holds of ours: refunds_due / receivable."""
    _write(session, "refund_taken", fact, ("refunds_due", "receivable", parts))


def refund_not_taken(session: Session, fact: Fact, parts: Parts) -> None:
    """A refund that was taken failed after all: the mirror of `refund_taken`, before `refund_failed`."""
    _write(session, "refund_not_taken", fact, ("receivable", "refunds_due", parts))


def refund_by_bank(session: Session, fact: Fact, parts: Parts) -> None:
    """A refund the hub's own bank paid: refunds_due / bank."""
    _write(session, "refund_by_bank", fact, ("refunds_due", "bank", parts))


def applied_reversed(session: Session, fact: Fact, held: Parts, refunded: Parts) -> None:
    """Applied money the gateway took back: owed for what was `held`, differences for what refunds took, / receivable."""
    _write(session, "applied_reversed", fact, ("owed", "receivable", held), ("differences", "receivable", refunded))


def unapplied_reversed(session: Session, fact: Fact, held: int, refunded: int) -> None:
    """Unapplied money the gateway took back: unapplied for what was `held`, differences for what refunds took, / receivable."""
    moves = (("unapplied", "receivable", [Part(held)]), ("differences", "receivable", [Part(refunded)]))
    _write(session, "unapplied_reversed", fact, *moves)


def charged_back(session: Session, fact: Fact, held: Parts, refunded: Parts) -> None:
    """A dispute was lost: owed for what was `held`, differences for what refunds took, / receivable."""
    _write(session, "charged_back", fact, ("owed", "receivable", held), ("differences", "receivable", refunded))


def fee_withheld(session: Session, fact: Fact, amount: int) -> None:
    """A gateway kept its fee from a payout; what agencies are owed stays as it is: gateway_fees / receivable."""
    _write(session, "fee_withheld", fact, ("gateway_fees", "receivable", [Part(amount)]))


def adjusted(session: Session, fact: Fact, amount: int) -> None:
    """A gateway kept something else from a payout, or added it (negative): differences / receivable."""
    _write(session, "adjusted", fact, ("differences", "receivable", [Part(amount)]))


def banked(session: Session, fact: Fact, gross: Parts, withheld: int) -> None:
    """A gateway payout stands on the bank's statement.

    bank is debited with the net; receivable is credited with the gross of each agency and kind (refunds negative) and debited,
    without an agency, with what was withheld. What changes later is one more journal of the difference.
    """
    net = sum(part.amount for part in gross) - withheld
    _write(session, "banked", fact, ("bank", "", [Part(net)]), ("", "receivable", [*gross, Part(-withheld)]))


def paid_directly(session: Session, fact: Fact, parts: Parts) -> None:
    """A gateway paid the agency itself: owed / receivable."""
    _write(session, "paid_directly", fact, ("owed", "receivable", parts))


def payout_sent(session: Session, fact: Fact, parts: Parts) -> None:
    """A payout to an agency was sent: owed / in_transit."""
    _write(session, "payout_sent", fact, ("owed", "in_transit", parts))


def payout_failed(session: Session, fact: Fact, parts: Parts) -> None:
    """A payout came back or never left: the mirror of `payout_sent`."""
    _write(session, "payout_failed", fact, ("in_transit", "owed", parts))


def payout_confirmed(session: Session, fact: Fact, parts: Parts) -> None:
    """A payout stands on the bank's statement: in_transit / bank."""
    _write(session, "payout_confirmed", fact, ("in_transit", "bank", parts))


def fee_funded(session: Session, fact: Fact, amount: int) -> None:
    """Whoever bears a gateway's fee has paid it in: bank / gateway_fees."""
    _write(session, "fee_funded", fact, ("bank", "gateway_fees", [Part(amount)]))


def written_off(session: Session, fact: Fact, account: str, parts: Parts) -> None:
    """Two people gave something up: differences / the account."""
    _write(session, "written_off", fact, ("differences", account, parts))


def _held(parts: Parts) -> str:
    """Return where money stands while the hub has it: owed to an agency, or nobody's."""
    return "unapplied" if all(part.agency_id is None for part in parts) else "owed"


def _write(session: Session, name: str, fact: Fact, *moves: Move) -> None:
    columns = (
        "gateway_account_id", "payment_id", "attempt_id", "refund_id", "cohort_on", "business_on", "recorded_at",
        "payout_reference",
    )  # fmt: skip
    journal = {"id": fact.journal_id, "fact": name, **{column: getattr(fact, column) for column in columns}}
    session.flush()
    session.execute(insert(Journal).values(journal))
    same = {
        "journal_id": fact.journal_id, "gateway_account_id": fact.gateway_account_id, "business_on": fact.business_on,
        "currency": fact.currency,
    }  # fmt: skip
    sides = [side for debit, credit, parts in moves for side in (*_sides(debit, 1, parts), *_sides(credit, -1, parts))]
    # One statement for all sides: the database checks after each that the journals it touched balance.
    session.execute(insert(Posting).values([{**same, **side} for side in sides if side["amount"]]))


def _sides(account: str, sign: int, parts: Parts) -> Iterator[dict[str, Any]]:
    if not account:
        return
    if account in _SUMMED:
        parts = [Part(sum(part.amount for part in parts))]
    for part in parts:
        divided = account == "owed" and part.agency_id is not None
        shares = (("retained", part.retained), ("budget", part.amount - part.retained)) if divided else (("all", part.amount),)
        for share, amount in shares:
            yield {
                "account": account, "agency_id": part.agency_id, "kind": part.kind, "budget_line": part.budget_line,
                "payment_line_id": part.payment_line_id, "share": share, "amount": sign * amount,
            }  # fmt: skip
