"""Reading a register's file: every row that can be read, and every cell that cannot, by row and column."""

from __future__ import annotations

import codecs
import csv
import io
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from payhub.imports.problems import Problem, Unreadable
from payhub.imports.specs import Key, Register, Row

MAX_BYTES = 32 * 1024 * 1024
MAX_ROWS = 200_000
"""What is read is held in memory: about a kilobyte a row. More is handed in as several files."""
_OTHERS = {";": ("dấu chấm phẩy", "semicolons"), "\t": ("dấu tab", "tabs"), "|": ("dấu gạch đứng", "vertical bars")}


@dataclass(slots=True)
class Reading:
    """What a file says. Rows come with their numbers as a spreadsheet counts them, the heading being row 1."""

    rows: list[tuple[int, Row]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    lines: int = 0
    """How many rows there are below the heading, good or bad."""
    reached: int = 0
    """The last row that could be taken apart at all."""
    lacking: tuple[str, ...] = ()
    """Columns that are younger than the file: it says nothing of them."""


def read(register: Register, body: bytes) -> Reading:
    """Read a whole file."""
    found = Reading()
    try:
        text = _decoded(body)
        cells = csv.reader(io.StringIO(text, newline=""), strict=True)
        heading = next(cells, [])
        found.reached = 1
        places = _places(register, heading, found)
        if not found.problems:
            _read_rows(register, cells, places, found)
    except _Stopped as stopped:
        found.problems.append(stopped.problem)
    except csv.Error as error:
        found.problems.append(Problem(found.reached + 1, "", "not_csv", (str(error),)))
    return found


class _Stopped(Exception):
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.problem = problem


def _decoded(body: bytes) -> str:
    if len(body) > MAX_BYTES:
        raise _Stopped(Problem(0, "", "too_large", (MAX_BYTES,)))
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise _Stopped(Problem(0, "", "utf16"))
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _Stopped(Problem(body.count(b"\n", 0, error.start) + 1, "", "not_utf8")) from None
    if not text.strip():
        raise _Stopped(Problem(0, "", "empty"))
    return text


def _places(register: Register, heading: Sequence[str], found: Reading) -> list[int | None]:
    """Return where each column of the register stands in the file; None for one that is younger than the file."""
    if len(heading) == 1 and (other := next((each for each in _OTHERS if each in heading[0]), None)) is not None:
        raise _Stopped(Problem(1, "", "separator", _OTHERS[other]))
    names = [column.name for column in register.columns]
    # A name is quoted back to whoever wrote it, so only as much of it as a person can read.
    found.problems += [Problem(1, name[:60], "column_unknown") for name in dict.fromkeys(heading) if name not in names]
    found.problems += [Problem(1, name, "column_repeated") for name in names if list(heading).count(name) > 1]
    found.lacking = tuple(column.name for column in register.columns if column.later and column.name not in heading)
    missing = (name for name in names if name not in heading and name not in found.lacking)
    found.problems += [Problem(1, name, "column_missing", (name,)) for name in missing]
    return [] if found.problems else [None if name in found.lacking else list(heading).index(name) for name in names]


def _read_rows(register: Register, lines: Iterator[list[str]], places: Sequence[int | None], found: Reading) -> None:
    width = sum(place is not None for place in places)
    seen: dict[Key, int] = {}
    same: dict[Any, Any] = {}
    for number, cells in enumerate(lines, start=2):
        found.reached = number
        if not cells:
            continue
        found.lines += 1
        if found.lines > MAX_ROWS:
            raise _Stopped(Problem(0, "", "too_many_rows", (MAX_ROWS,)))
        if len(cells) != width:
            found.problems.append(Problem(number, "", "cells", (len(cells), width)))
            continue
        row = _row(register, number, ["" if place is None else cells[place] for place in places], found.problems, same)
        if row is None:
            continue
        first = seen.setdefault(register.key_of(row), number)
        if first == number:
            found.rows.append((number, row))
        else:
            found.problems.append(Problem(number, register.key[0], "row_repeated", (first,)))


def _row(register: Register, number: int, cells: Sequence[str], problems: list[Problem], same: dict[Any, Any]) -> Row | None:
    """Return a row, or None after saying what is wrong with it. Values that are equal are kept once: files repeat themselves."""
    before, values = len(problems), []
    for column, cell in zip(register.columns, cells, strict=True):
        value = column.empty
        if not cell:
            if column.required:
                problems.append(Problem(number, column.name, "missing"))
        else:
            known = same.get((column.name, cell))
            try:
                value = column.read(cell if cell.isascii() else unicodedata.normalize("NFC", cell)) if known is None else known
            except Unreadable as wrong:
                problems.append(Problem(number, column.name, wrong.code, wrong.values))
            else:
                same[column.name, cell] = value
        values.append(value)
    if len(problems) > before:
        return None
    row = register.row._make(values)
    problems += [Problem(number, column, code, tuple(values)) for column, code, *values in register.slips(row)]
    end = register.end_of(row)
    if end is not None and end < register.begin_of(row):
        problems.append(Problem(number, str(register.ends), "ends_before_begin"))
    return None if len(problems) > before else row
