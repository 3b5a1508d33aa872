"""Which treasury day an instant belongs to."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from payhub.accounts.models import GatewayAccount, GatewayTerms
from payhub.agencies.calendar import works
from payhub.clock import LOCAL
from payhub.registers import Registers


class NoTerms(LookupError):
    """A gateway account has no terms on a date: the register is incomplete."""


def terms_on(registers: Registers, account: GatewayAccount, on: date) -> GatewayTerms:
    """Return the terms in force; the last ones that had begun."""
    begun = [terms for terms in registers.terms.get(account.id, ()) if terms.valid_from <= on]
    if not begun:
        raise NoTerms(f"gateway account {account.code} has no terms on {on}")
    return begun[-1]


def cohort_day(registers: Registers, account: GatewayAccount, instant: datetime) -> date:
    """Return the treasury day of a gateway's instant: before the cut-off of a working day, that day; else the next working day."""
    local = instant.astimezone(LOCAL)
    terms = terms_on(registers, account, local.date())
    day = local.date() if local.time() < terms.cut_off else local.date() + timedelta(days=1)
    while not works(registers, terms.calendar, day):
        day += timedelta(days=1)
    return day
