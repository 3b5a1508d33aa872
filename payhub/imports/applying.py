"""Writing rows of a register: what is added, and what becomes of rows that are there."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import Any

import orjson
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from payhub import ids
from payhub.imports.planning import Change
from payhub.imports.specs import Register, Row
from payhub.imports.standing import NAMED, Names, held, table_form

_BATCH = 5_000


def on_day(session: Session, day: date) -> None:
    """Let the guards of registers judge by the hub's day; where money is real the database goes by its own."""
    session.execute(select(func.set_config("payhub.today", day.isoformat(), True)))  # noqa: FBT003 - for this transaction alone


def fill(session: Session, register: Register, rows: Sequence[Row]) -> None:
    """Add the rows whose keys are missing."""
    names = Names(session)
    there = {register.key_of(each.row) for each in held(session, register, names)}
    insert(session, register, [row for row in rows if register.key_of(row) not in there], names)


def apply(session: Session, register: Register, changes: Iterable[Change], names: Names, **also: Any) -> dict[Row, uuid.UUID]:
    """Write changes; what ends is written before what takes its place. Return the ids of what was added."""
    turns: dict[int, list[Change]] = {0: [], 1: [], 2: [], 3: []}
    for change in changes:
        turns[_turn(register, change, names)].append(change)
    made = insert(session, register, [change.row for change in turns[0]], names, **also)
    _update(session, register, turns[1], names)
    _update(session, register, turns[2], names)
    return made | insert(session, register, [change.row for change in turns[3]], names, **also)


def _turn(register: Register, change: Change, names: Names) -> int:
    """Say when a change is written: 0 brings a code that nobody had, 1 ends sooner than it did, 2 is there, 3 is new."""
    if change.was is None:
        # An agency that ends may name one that the same file brings.
        return 0 if register.name in NAMED and change.row.code not in names.ids(register.name) else 3
    before, after = register.end_of(change.was.row), register.end_of(change.row)
    return 1 if after is not None and (before is None or after < before) else 2


def insert(session: Session, register: Register, rows: Sequence[Row], names: Names, **also: Any) -> dict[Row, uuid.UUID]:
    """Insert rows, those about one thing in one statement, so that each guard sees them whole; return their ids."""
    made = {row: ids.new_id() for row in rows}
    names.learn(register, made)
    identified = "id" in register.model.__table__.columns
    for batch in _batches(register, rows):
        values = [{**({"id": made[row]} if identified else {}), **table_form(register, row, names), **also} for row in batch]
        columns = ", ".join(f'"{name}"' for name in values[0])
        statement = (
            f'INSERT INTO "{register.table}" ({columns}) '  # noqa: S608 - names of our own tables
            f'SELECT {columns} FROM jsonb_populate_recordset(CAST(NULL AS "{register.table}"), CAST(:rows AS jsonb))'
        )
        session.execute(text(statement), {"rows": _json(values)})
    return made


def _update(session: Session, register: Register, changes: Sequence[Change], names: Names) -> None:
    for start in range(0, len(changes), _BATCH):
        batch = changes[start : start + _BATCH]
        values = [{**(change.was.found_by if change.was else {}), **table_form(register, change.row, names)} for change in batch]
        keys = [column.name for column in register.model.__table__.primary_key]
        columns = ", ".join(f'"{name}" = fresh."{name}"' for name in values[0] if name not in keys)
        found = " AND ".join(f'known."{name}" = fresh."{name}"' for name in keys)
        statement = (
            f'UPDATE "{register.table}" AS known SET {columns} '  # noqa: S608 - names of our own tables
            f'FROM jsonb_populate_recordset(CAST(NULL AS "{register.table}"), CAST(:rows AS jsonb)) AS fresh WHERE {found}'
        )
        session.execute(text(statement), {"rows": _json(values)})


def _batches(register: Register, rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Cut rows into batches between things, never within one; rows that may name each other stay together."""
    batch: list[Row] = []
    whole = any(column.of == register.name for column in register.columns)
    for _, about in groupby(sorted(rows, key=register.key_of), key=register.subject_of):
        batch += about
        if len(batch) >= _BATCH and not whole:
            yield batch
            batch = []
    if batch:
        yield batch


def _json(values: Sequence[Mapping[str, Any]]) -> str:
    return orjson.dumps(values).decode()
