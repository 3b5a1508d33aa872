"""Whether statements follow each other without a gap, and so which days they speak for."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise

from sqlalchemy import select
from sqlalchemy.orm import Session

from payhub.discrepancies import service as discrepancies
from payhub.discrepancies.models import Discrepancy
from payhub.discrepancies.service import Finding
from payhub.registers import Registers
from reconciliation.banking.accounts import Till, idle, row_on
from reconciliation.banking.models import Statement

KIND = "statement_gap"


@dataclass(frozen=True, slots=True)
class Said:
    """What a statement says of its account: from when to when, from which balance to which."""

    from_on: date
    to_on: date
    opening: int | None
    closing: int | None
    currency: str
    number: str | None = None

    def leads_to(self, later: Said) -> bool:
        """Tell whether the later one begins where this one ended; a notification has no balance to tell it by."""
        return self.closing is not None and self.closing == later.opening


def stretches(said: Iterable[Said], between: Callable[[date, date], bool]) -> list[tuple[date, date]]:
    """Return the days that are spoken for without a break.

    Statements join by their balances. Notifications join where no day is left out between them on which anybody works (`between`).
    """
    found: list[tuple[date, date]] = []
    last: Said | None = None
    for each in sorted(said, key=lambda each: (each.from_on, each.to_on)):
        joined = last is not None and (last.leads_to(each) if each.opening is not None else between(found[-1][1], each.from_on))
        if joined:
            first, until = found[-1]
            found[-1] = first, max(until, each.to_on)
        else:
            found.append((each.from_on, each.to_on))
        last = each
    return found


def covers(found: Sequence[tuple[date, date]], first: date, last: date) -> bool:
    """Tell whether one stretch has all of these days."""
    return any(begins <= first and last <= ends for begins, ends in found)


def gaps(said: Iterable[Said], code: str) -> list[Finding]:
    """Say of each statement that does not begin with the balance the one before it ended with."""
    ordered = sorted(said, key=lambda each: each.from_on)
    return [
        Finding(
            KIND, f"{code}/statement/{later.from_on}", later.from_on, abs((later.opening or 0) - (before.closing or 0)),
            later.currency,
            {
                "before": {"number": before.number, "until": str(before.to_on), "closing": before.closing},
                "after": {"number": later.number, "from": str(later.from_on), "opening": later.opening},
            },
        )
        for before, later in pairwise(ordered)
        if not before.leads_to(later)
    ]  # fmt: skip


def spoken_for(session: Session, registers: Registers, till: Till, since: date) -> list[tuple[date, date]]:
    """Return the stretches of days of which the account's authority has spoken, from a day on."""
    if till.bank_id is None:
        return []
    authority = row_on(registers.bank_accounts[till.code], since).authority
    said = [each for each in told(session, till.bank_id, authority) if each.to_on >= since]

    def between(after: date, before: date) -> bool:
        return before <= after + timedelta(days=1) or idle(registers, till.paid_by, after, before)

    return stretches(said, between)


def told(session: Session, bank_id: uuid.UUID, kind: str) -> list[Said]:
    """Return what every statement of an account says that counts."""
    columns = (Statement.from_on, Statement.to_on, Statement.opening, Statement.closing, Statement.currency, Statement.number)
    mine = (Statement.bank_account_id == bank_id, Statement.kind == kind, Statement.superseded_by_id.is_(None))
    return [Said(*row) for row in session.execute(select(*columns).where(*mine).order_by(Statement.from_on))]


def tell(session: Session, bank_id: uuid.UUID, code: str, now: datetime) -> None:
    """Open what does not follow, and resolve what does again."""
    found = gaps(told(session, bank_id, "statement"), code)
    discrepancies.open_many(session, found, now)
    open_ones = select(Discrepancy.id, Discrepancy.key).where(
        Discrepancy.kind == KIND, Discrepancy.state != "resolved", Discrepancy.key.startswith(f"{code}/statement/", autoescape=True)
    )
    keys = {finding.key for finding in found}
    over = [row.id for row in session.execute(open_ones) if row.key not in keys]
    discrepancies.resolve(session, over, act="closed by statement", actor="system", now=now)
