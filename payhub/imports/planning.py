"""What a file would change: each row held against the register, and all of it against what must hold across rows."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import cached_property
from typing import Any

import orjson
from sqlalchemy.orm import Session

from payhub.imports.problems import Problem
from payhub.imports.reading import Reading
from payhub.imports.specs import Key, Register, Row
from payhub.imports.standing import NAMED, Held, Names, by_subject, held
from payhub.imports.tables import REGISTERS


class Act(StrEnum):
    """What happens to a row."""

    ADDED = "added"
    ENDED = "ended"
    CHANGED = "changed"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Change:
    """One row as it was and as it would be."""

    line: int
    act: Act
    was: Held | None
    row: Row

    def entry(self, register: Register) -> dict[str, Any]:
        """Return the change in words: the key, and each field that changes, as files write it."""
        names = [column.name for column in register.columns]
        now = dict(zip(names, register.cells(self.row), strict=True))
        before = dict(zip(names, register.cells(self.was.row), strict=True)) if self.was else {}
        fields = [name for name in names if now[name] != before.get(name)] if self.act is not Act.ADDED else names
        return {
            "row": self.line,
            "act": self.act.value,
            "key": {name: now[name] for name in register.key},
            "was": {name: before[name] for name in fields} if self.act is not Act.ADDED else {},
            "is": {name: now[name] for name in fields},
        }


@dataclass(slots=True)
class Plan:
    """Everything a file would do, or everything that stands against it."""

    register: Register
    lines: int
    changes: list[Change] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    unchanged: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """How many rows of the file do what."""
        acts = Counter(change.act for change in self.changes)
        return {**{act.value: acts[act] for act in Act}, "unchanged": self.unchanged}

    def entries(self) -> Iterator[str]:
        """Give every change as one canonical line."""
        for change in self.changes:
            yield orjson.dumps(change.entry(self.register), option=orjson.OPT_SORT_KEYS).decode()


def digest(entries: Iterable[str]) -> str:
    """Return the SHA-256 of all changes, one to a line."""
    whole = hashlib.sha256()
    for number, entry in enumerate(entries):
        whole.update(f"\n{entry}".encode() if number else entry.encode())
    return whole.hexdigest()


def plan(session: Session, register: Register, reading: Reading, today: date) -> Plan:
    """Hold a file against its register on a day; nothing is written."""
    made = Plan(register, reading.lines, problems=list(reading.problems))
    names = Names(session)
    look = _Looking(session, register, names, today, [each for each in held(session, register, names) if _counts(register, each)])
    for line, told in reading.rows:
        row = _completed(look, told, reading.lacking)
        found = list(_judged(look, line, row, made))
        made.problems += found
    look.settle(made.changes)
    made.problems += _unknown(look)
    if register.exclusive:
        made.problems += _overlaps(look)
    made.problems += register.checks(look)
    made.problems.sort(key=lambda problem: (problem.row, problem.column))
    return made


def _completed(look: _Looking, row: Row, lacking: Sequence[str]) -> Row:
    """Return a row with what it has already in the columns that its file does not know."""
    was = look.held.get(look.register.key_of(row)) if lacking else None
    return row if was is None else row._replace(**{name: getattr(was.row, name) for name in lacking})


def _counts(register: Register, each: Held) -> bool:
    # An account that was stopped is over; the next one is a row of its own.
    return not (register.cooled and register.taken_back(each.row))


class _Looking:
    """What checks may see while a file is held against a register."""

    def __init__(self, session: Session, register: Register, names: Names, today: date, rows: Sequence[Held]) -> None:
        self.session, self.register, self.names, self._today = session, register, names, today
        self.held = {register.key_of(each.row): each for each in rows}
        self._before = by_subject(register, iter(rows))
        self.firsts: dict[Key, date] = {}
        for each in rows:
            self.firsts.setdefault(register.subject_of(each.row), register.begin_of(each.row))
        self._lines: dict[Key, int] = {}
        self._abouts: dict[Key, int] = {}
        self._others: dict[str, Mapping[Key, Sequence[Row]]] = {}
        self.touched: list[tuple[int, Row]] = []

    @property
    def today(self) -> date:
        return self._today

    def mark(self, line: int, row: Row) -> None:
        """Remember where in the file a row stands."""
        self._lines[self.register.key_of(row)] = line
        self._abouts.setdefault(self.register.subject_of(row), line)

    def settle(self, changes: Sequence[Change]) -> None:
        """Take every change for done."""
        self.touched = [(change.line, change.row) for change in changes]

    def line_of(self, row: Row) -> int:
        known = self._lines.get(self.register.key_of(row)) or self._abouts.get(self.register.subject_of(row))
        return known or (self.touched[0][0] if self.touched else 0)

    def known(self, subject: Key) -> bool:
        return subject in self._before

    @cached_property
    def codes(self) -> Collection[str]:
        return {*self.names.ids(self.register.name), *(row.code for _, row in self.touched)}

    @cached_property
    def _after(self) -> Mapping[Key, Sequence[Row]]:
        """The rows about each thing that a change touches, as they would be."""
        changed: defaultdict[Key, dict[Key, Row]] = defaultdict(dict)
        for _, row in self.touched:
            changed[self.register.subject_of(row)][self.register.key_of(row)] = row
        groups = {}
        for subject, fresh in changed.items():
            rows = {self.register.key_of(row): row for row in self._before.get(subject, ())} | fresh
            standing = [row for row in rows.values() if not self.register.taken_back(row)]
            groups[subject] = sorted(standing, key=self.register.begin_of)
        return groups

    def of(self, subject: Key) -> Sequence[Row]:
        return self._after.get(subject, self._before.get(subject, ()))

    def all(self) -> Iterator[Row]:
        for subject in self._before.keys() | self._after.keys():
            yield from self._after.get(subject, self._before.get(subject, ()))

    def other(self, register: str) -> Mapping[Key, Sequence[Row]]:
        if register not in self._others:
            of = REGISTERS[register]
            rows = by_subject(of, held(self.session, of, self.names))
            # What is retained is asked for by its fee.
            self._others[register] = _by_fee(rows) if register == "retentions" else rows
        return self._others[register]


def _by_fee(rows: Mapping[Key, Sequence[Row]]) -> Mapping[Key, Sequence[Row]]:
    groups: defaultdict[Key, list[Row]] = defaultdict(list)
    for each in (row for group in rows.values() for row in group):
        groups[each.fee,].append(each)
    return groups


def _judged(look: _Looking, line: int, row: Row, made: Plan) -> Iterator[Problem]:
    """Say what one row of the file does; give what stands against it."""
    register = look.register
    look.mark(line, row)
    was = look.held.get(register.key_of(row))
    if was is not None and was.row == row:
        made.unchanged += 1
        return
    if was is None or register.taken_back(was.row):
        act, found = Act.ADDED, list(_against_adding(look, line, was, row))
    elif register.begin_of(was.row) > look.today:
        act = Act.WITHDRAWN if register.taken_back(row) else Act.CHANGED
        found = list(_against_replanning(register, line, was.row, row))
    else:
        opened = register.end_of(was.row) is None and register.end_of(row) is not None
        act, found = Act.ENDED if opened else Act.CHANGED, list(_against_rewriting(look, line, was.row, row))
    yield from found
    if not found:
        made.changes.append(Change(line, act, was, row))


def _against_adding(look: _Looking, line: int, was: Held | None, row: Row) -> Iterator[Problem]:
    register = look.register
    if register.taken_back(row):
        yield Problem(line, str(register.ends), "ends_before_begin")
        return
    begins, subject = register.begin_of(row), register.subject_of(row)
    if was is not None and begins <= look.today:
        yield Problem(line, register.begins, "taken_back", (begins,))
        return
    if begins < look.today and look.known(subject):
        yield Problem(line, register.begins, "begins_in_past", (look.today,))
    # Other tables name a code by its first row.
    first = look.firsts.get(subject) if register.name in NAMED else None
    if first is not None and begins < first:
        yield Problem(line, register.begins, "before_first", (first,))


def _against_replanning(register: Register, line: int, was: Row, row: Row) -> Iterator[Problem]:
    """What has not begun may still become anything, but for an account that cools."""
    facts = [name for name in _differ(register, was, row) if name != register.ends]
    if register.cooled and (facts or register.taken_back(row)):
        yield Problem(line, facts[0] if facts else str(register.ends), "planned_account")


def _against_rewriting(look: _Looking, line: int, was: Row, row: Row) -> Iterator[Problem]:
    """What has begun may only be ended, once, and be given what follows it."""
    register, differ = look.register, _differ(look.register, was, row)
    ended, ends = register.end_of(was), register.end_of(row)
    over = ended is not None and ended <= look.today
    for name in differ:
        if name == register.ends:
            if over:
                yield Problem(line, name, "ended_for_good", (ended,))
            elif ends is not None and ends < look.today:
                yield Problem(line, name, "ends_in_past", (look.today,))
            elif register.taken_back(row):
                yield Problem(line, name, "ends_before_begin")
        elif name not in register.follows or ((over or name in register.once) and getattr(was, name) is not None):
            yield Problem(line, name, "fixed") if register.undated else Problem(line, name, "history", (register.begin_of(was),))


def _differ(register: Register, was: Row, row: Row) -> list[str]:
    return [column.name for column, old, new in zip(register.columns, was, row, strict=True) if old != new]


def _unknown(look: _Looking) -> Iterator[Problem]:
    """Find codes that no register has."""
    register = look.register
    for column in (column for column in register.columns if column.of):
        known = look.codes if column.of == register.name else look.names.ids(column.of)
        says = REGISTERS[column.of].says if column.of in REGISTERS else None
        for line, row in look.touched:
            code = getattr(row, column.name)
            if code is not None and code != column.any_word and code not in known:
                vi, en = (says.vi, says.en) if says else ("tài khoản cổng thanh toán", "gateway accounts")
                yield Problem(line, column.name, "unknown", (code, vi, en))


def _overlaps(look: _Looking) -> Iterator[Problem]:
    """Find things that would have two rows at once."""
    register = look.register
    subjects = dict.fromkeys(register.subject_of(row) for _, row in look.touched)
    for subject in subjects:
        last: Row | None = None
        for row in look.of(subject):
            if last is not None:
                end = register.end_of(last)
                if end is None or end > register.begin_of(row):
                    line = max(look.line_of(last), look.line_of(row))
                    yield Problem(line, register.begins, "overlaps", (register.begin_of(last),))
            last = row
