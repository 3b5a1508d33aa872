"""Which days a calendar works."""

from __future__ import annotations

from datetime import date, timedelta

from payhub.registers import Registers

_SATURDAY = 5


def works(registers: Registers, calendar: str, day: date) -> bool:
    """Tell whether a calendar works on a day: Monday to Friday, but for what its register says."""
    if day.weekday() >= _SATURDAY:
        return day in registers.days_worked.get(calendar, frozenset())
    return day not in registers.days_off.get(calendar, frozenset())


def working_days_after(registers: Registers, calendar: str, day: date, count: int) -> date:
    """Return the last of so many working days after a day."""
    while count:
        day += timedelta(days=1)
        count -= works(registers, calendar, day)
    return day
