"""New accounts wait: nobody's money goes to an account that nobody has had time to look at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date

from payhub.agencies.calendar import working_days_after
from payhub.hub import Hub
from payhub.imports.planning import Act, Change
from payhub.imports.problems import Problem
from payhub.imports.specs import Key, Register


def earliest(hub: Hub, approved_on: date, days: int, calendar: str) -> date:
    """Return the first day on which an account that is approved on a day may take effect."""
    # The database counts by the calendar as it is now, so no copy of a while ago will do.
    return working_days_after(hub.cache.fresh(), calendar, approved_on, days)


def cool(register: Register, changes: Sequence[Change], floor: date) -> list[Change]:
    """Let nothing new begin before a day; what it takes the place of stays until then."""
    moved: dict[tuple[Key, date], date] = {}
    for change in changes:
        begins = register.begin_of(change.row)
        if change.act is Act.ADDED and begins < floor:
            moved[register.subject_of(change.row), begins] = floor
    return [_moved(register, change, moved) for change in changes]


def _moved(register: Register, change: Change, moved: dict[tuple[Key, date], date]) -> Change:
    about, begins, ends = register.subject_of(change.row), register.begin_of(change.row), register.end_of(change.row)
    fresh = {}
    if change.act is Act.ADDED and (about, begins) in moved:
        fresh[register.begins] = moved[about, begins]
    if ends is not None and (about, ends) in moved:
        fresh[str(register.ends)] = moved[about, ends]
    return replace(change, row=change.row._replace(**fresh)) if fresh else change


def too_late(register: Register, changes: Sequence[Change], floor: date) -> Iterator[Problem]:
    """Find what would be over before it could take effect."""
    for change in cool(register, changes, floor):
        if change.act is Act.ADDED and register.taken_back(change.row):
            yield Problem(change.line, str(register.ends), "account_over", (register.begin_of(change.row),))
