"""The hub's own bank accounts, and the gateway accounts that are paid into each."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from payhub.accounts.calendar import NoTerms, terms_on
from payhub.accounts.models import BankAccount, GatewayAccount
from payhub.agencies.calendar import works
from payhub.errors import NotFound, Text
from payhub.registers import Registers, in_force

AUTHORITY = """(
    SELECT row.authority FROM bank_account AS first JOIN bank_account AS row ON row.code = first.code
    WHERE first.id = entry.bank_account_id
    ORDER BY row.valid_from <= entry.booked_on DESC, abs(row.valid_from - entry.booked_on) LIMIT 1)"""
"""Whose word counts for an `entry`, by the register of its day."""


@dataclass(frozen=True, slots=True)
class Till:
    """Where money of gateways arrives: a bank account of ours, and whose payouts go there.

    A gateway account that is paid into no account of the register has a till of its own, at which nothing ever arrives.
    """

    bank_id: uuid.UUID | None
    code: str
    paid_by: Sequence[GatewayAccount]

    @property
    def account_ids(self) -> list[uuid.UUID]:
        """The gateway accounts."""
        return [account.id for account in self.paid_by]

    def lock(self, session: Session) -> None:
        """Let one at a time decide here; it comes after every lock of settlements and statements, and before those of days."""
        key = f"till {self.bank_id or self.paid_by[0].id}"
        session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": key})


def till_of(registers: Registers, account: GatewayAccount) -> Till | None:
    """Return where a gateway account's payouts arrive; None where they are an agency's own."""
    if account.settlement != "pooled":
        return None
    if account.bank_account_id is None:
        return Till(None, account.code, [account])
    return till(registers, registers.bank_accounts_by_id[account.bank_account_id])


def till(registers: Registers, bank: BankAccount) -> Till:
    """Return a bank account, named by its first row, with those whose payouts go there."""
    paid_by = [
        account
        for account in registers.gateway_accounts.values()
        if account.bank_account_id == bank.id and account.settlement == "pooled"
    ]
    return Till(bank.id, bank.code, paid_by)


def bank_rows(registers: Registers, code: str) -> Sequence[BankAccount]:
    """Return a bank account's rows in order of time; the first is the one that others name."""
    rows = registers.bank_accounts.get(code)
    if not rows:
        raise NotFound(Text(f"Không có tài khoản ngân hàng {code}", f"There is no bank account {code}"))
    return rows


def row_on(rows: Sequence[BankAccount], on: date) -> BankAccount:
    """Return the row in force on a day, else the nearest."""
    return in_force(rows, on) or min(rows, key=lambda row: abs(row.valid_from - on))


def mark_on(registers: Registers, account: GatewayAccount, on: date) -> str | None:
    """Return what must stand in a bank's text of this day for amount and date to be enough."""
    try:
        return terms_on(registers, account, on).payout_text
    except NoTerms:
        return None


def idle(registers: Registers, paid_by: Sequence[GatewayAccount], after: date, before: date) -> bool:
    """Tell whether nobody works on any day between two days."""
    days = (after + timedelta(days=step) for step in range(1, (before - after).days))
    calendars = {terms.calendar for account in paid_by for terms in registers.terms.get(account.id, ())}
    return not any(works(registers, calendar, day) for day in days for calendar in calendars)
