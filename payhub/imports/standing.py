"""What a register holds now, in the form its file has."""

from __future__ import annotations

import csv
import io
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import RowMapping, select
from sqlalchemy.orm import Session

from payhub.accounts.models import BankAccount, GatewayAccount
from payhub.agencies.models import Agency
from payhub.fees.models import Fee
from payhub.imports.specs import Column, Key, Register, Row
from payhub.portals.models import Portal


class Names:
    """Codes and ids of what registers refer to. Of several rows with one code, the first is what other tables name."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._codes: dict[str, Mapping[uuid.UUID, str]] = {}
        self._ids: dict[str, Mapping[str, uuid.UUID]] = {}

    def codes(self, register: str) -> Mapping[uuid.UUID, str]:
        """Return the codes of a register's rows by their ids, in order of time."""
        if register not in self._codes:
            model, order = NAMED[register]
            found = self._session.execute(select(model.id, model.code).order_by(order))
            self._codes[register] = {row.id: row.code for row in found}
        return self._codes[register]

    def ids(self, register: str) -> Mapping[str, uuid.UUID]:
        """Return the id by which other tables name each code."""
        if register not in self._ids:
            newest_first = reversed(tuple(self.codes(register).items()))
            self._ids[register] = {code: id_ for id_, code in newest_first}
        return self._ids[register]

    def learn(self, register: Register, made: Mapping[Row, uuid.UUID]) -> None:
        """Take rows for known that are about to be written."""
        if register.name in NAMED:
            fresh = {made[row]: row.code for row in sorted(made, key=register.begin_of)}
            self._codes[register.name] = {**self.codes(register.name), **fresh}
            self._ids.pop(register.name, None)

    @cached_property
    def fees(self) -> Mapping[uuid.UUID, Key]:
        """The code and first day of every row of the fee schedule, by its id."""
        return {id_: (code, begins) for id_, code, begins in self._session.execute(select(Fee.id, Fee.code, Fee.valid_from))}

    @cached_property
    def fee_ids(self) -> Mapping[Key, uuid.UUID]:
        """The id of every row of the fee schedule, by its code and first day."""
        return {key: id_ for id_, key in self.fees.items()}


NAMED: Mapping[str, tuple[Any, Any]] = {
    "agencies": (Agency, Agency.valid_from),
    "portals": (Portal, Portal.valid_from),
    "bank_accounts": (BankAccount, BankAccount.valid_from),
    "gateway_accounts": (GatewayAccount, GatewayAccount.code),
    "fees": (Fee, Fee.valid_from),
}
"""Registers that others refer to by code, and the order of their rows."""


@dataclass(frozen=True, slots=True)
class Held:
    """A row as it is: the values that find it in its table, and its file's form."""

    found_by: Mapping[str, Any]
    row: Row


def held(session: Session, register: Register, names: Names) -> Iterator[Held]:
    """Give every row of a register in the order of its key, rows that were taken back before they began among them."""
    table = register.model.__table__
    keys = [column.name for column in table.primary_key]
    stored = session.execute(select(table)).mappings()
    rows = (Held({name: row[name] for name in keys}, _file_form(register, row, names)) for row in stored)
    return iter(sorted(rows, key=lambda each: register.key_of(each.row)))


def by_subject(register: Register, rows: Iterator[Held]) -> Mapping[Key, Sequence[Row]]:
    """Group rows that hold on some day by what they are about, in order of time."""
    groups: defaultdict[Key, list[Row]] = defaultdict(list)
    for each in rows:
        if not register.taken_back(each.row):
            groups[register.subject_of(each.row)].append(each.row)
    return groups


def export(session: Session, register: Register) -> Iterator[str]:
    """Write a register as its file, line by line; what never came into force is not in it."""
    yield _line([column.name for column in register.columns])
    for each in held(session, register, Names(session)):
        if not register.taken_back(each.row):
            yield _line(register.cells(each.row))


def _line(cells: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()


def _file_form(register: Register, stored: RowMapping, names: Names) -> Row:
    values = {column.name: _value(column, stored.get(column.stored), names) for column in register.columns}
    if register.part_of:
        values[register.part_of], values[register.begins] = names.fees[stored[f"{register.part_of}_id"]]
    return register.row(**values)


def _value(column: Column, stored: Any, names: Names) -> Any:
    if stored is None:
        return column.any_word or column.empty
    if isinstance(stored, list):
        return tuple(stored)
    return names.codes(column.of)[stored] if isinstance(stored, uuid.UUID) else stored


def table_form(register: Register, row: Row, names: Names) -> dict[str, Any]:
    """Return the table's columns of a row, but for its id."""
    values = {}
    for column in register.columns:
        value = getattr(row, column.name)
        if column.any_word and value == column.any_word:
            value = None
        elif column.stored.endswith("_id") and value is not None:
            value = names.ids(column.of)[value]
        values[column.stored] = value
    if register.part_of:
        values[f"{register.part_of}_id"] = names.fee_ids[getattr(row, register.part_of), register.begin_of(row)]
        del values[register.part_of], values[register.begins]
    return values
