"""Whose files may come, and by which of the register's ways on a day."""

from __future__ import annotations

import hashlib
import os
import re
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from payhub.accounts import filenames
from payhub.accounts.filenames import Days
from payhub.accounts.sources import FileSource
from payhub.hub import Hub
from payhub.identifiers import is_identifier
from payhub.registers import in_force
from reconciliation.receiving.errors import NameUnexpected

_ISO = "(?P<{}>[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}})"
_USUAL = re.compile(rf"{_ISO.format('first')}(?:_{_ISO.format('last')})?\.[0-9A-Za-z.]{{1,12}}")
"""What a settlement is called in a folder of which the register says nothing."""


@dataclass(frozen=True, slots=True)
class Place:
    """One account whose files come."""

    id: uuid.UUID
    """Of a bank account, its first row's."""
    code: str
    of_gateway: bool

    @property
    def usual(self) -> str:
        """What its files are where nothing else is said."""
        return "settlement" if self.of_gateway else "statement"


@dataclass(frozen=True, slots=True)
class Source:
    """One way of the register, as it holds today."""

    id: uuid.UUID
    """Of the first row of its code: the one that others name."""
    row: FileSource
    place: Place

    def days_of(self, name: str) -> Days | None:
        """Return the days that a name says; None where no file of this source is called so."""
        return Days(None, None) if self.row.names is None else filenames.read(self.row.names).days(name)


@dataclass(frozen=True, slots=True)
class Expected:
    """What a file of this name is."""

    files: str
    first: date | None
    last: date | None
    source_id: uuid.UUID | None


def called(name: str) -> str:
    """Return a file's name as it is kept: itself where it is no more than a name, else one that always stands for it."""
    return name if is_identifier(name) else f"~{hashlib.sha256(os.fsencode(name)).hexdigest()[:20]}"


def places(hub: Hub) -> Iterator[Place]:
    """Give every account that files may come for."""
    for account in hub.registers.gateway_accounts.values():
        yield Place(account.id, account.code, of_gateway=True)
    for code, rows in hub.registers.bank_accounts.items():
        yield Place(rows[0].id, code, of_gateway=False)


def place_of(hub: Hub, gateway_account_id: uuid.UUID | None, bank_account_id: uuid.UUID | None) -> Place:
    """Return the account that a row names."""
    if gateway_account_id is not None:
        return Place(gateway_account_id, hub.registers.gateway_accounts_by_id[gateway_account_id].code, of_gateway=True)
    assert bank_account_id is not None  # noqa: S101 - the database demands one of the two
    return Place(bank_account_id, hub.registers.bank_accounts_by_id[bank_account_id].code, of_gateway=False)


def sources(hub: Hub, session: Session, on: date, way: str) -> list[Source]:
    """Return the register's sources of one way that hold on a day."""
    rows: dict[str, list[FileSource]] = {}
    for row in session.scalars(select(FileSource).order_by(FileSource.code, FileSource.valid_from)):
        rows.setdefault(row.code, []).append(row)
    found = ((of[0].id, in_force(of, on)) for of in rows.values())
    return [
        Source(first, row, place_of(hub, row.gateway_account_id, row.bank_account_id))
        for first, row in found
        if row is not None and row.way == way
    ]


def expected(place: Place, name: str, ways: Sequence[Source]) -> Expected:
    """Return what a file is that lies in a folder under this name; raise `NameUnexpected`."""
    mine = [source for source in ways if source.place.id == place.id]
    for source in mine:
        days = source.days_of(name)
        if days is not None:
            return Expected(source.row.files, days.first, days.last, source.id)
    if any(source.row.files == place.usual for source in mine):
        raise NameUnexpected
    return Expected(place.usual, *_usual_days(place, name), None)


def _usual_days(place: Place, name: str) -> tuple[date | None, date | None]:
    found = _USUAL.fullmatch(name) if place.of_gateway else None
    if found is None:
        return None, None
    try:
        first = date.fromisoformat(found["first"])
        last = date.fromisoformat(found["last"]) if found["last"] else first
    except ValueError:
        return None, None
    return (first, last) if first <= last else (None, None)
