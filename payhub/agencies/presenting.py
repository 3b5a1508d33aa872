"""Agencies in outside words, the abolished ones with who came after them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from payhub import searching
from payhub.agencies.models import Agency
from payhub.agencies.service import known_as, successor_in_force
from payhub.portals.grants import granted
from payhub.portals.models import Portal
from payhub.registers import Registers, in_force


@dataclass(frozen=True, slots=True)
class _Known:
    """One code: the row that other tables name, the name it has on the day, and the rows that came into force by then or will."""

    code: str
    agency: Agency
    named: Agency
    rows: Sequence[Agency]
    state: str


def page(
    registers: Registers, portal: Portal, on: date, *, limit: int, cursor: str | None = None, search: str | None = None,
    state: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return a page of the agencies that there are on a day or were before it, by code."""
    found = (
        known
        for known in _known(registers, on)
        if state in {None, known.state} and searching.finds(search, known.code, known.named.name_vi, known.named.name_en)
    )
    shown, more = searching.page(found, limit, cursor)
    return {"data": [_describe(registers, portal, known, on) for known in shown], "next": more}


def _known(registers: Registers, on: date) -> Iterator[_Known]:
    for code, agency in registers.agencies.items():
        # A row that ends on its first day was planned and taken back.
        rows = [row for row in registers.agency_rows[code] if row.valid_to != row.valid_from]
        if rows and rows[0].valid_from <= on:
            state = "abolished" if in_force(rows, on) is None else "in_force"
            yield _Known(code, agency, known_as(registers, agency, on), rows, state)


def _describe(registers: Registers, portal: Portal, known: _Known, on: date) -> dict[str, Any]:
    last = known.rows[-1]
    successor = registers.agencies_by_id[last.successor_id] if last.successor_id else None
    collects = successor_in_force(registers, known.agency, on)
    accounts = registers.collecting_accounts.get(collects.id, ()) if collects else ()
    return {
        **{name: getattr(known.named, name) for name in ("code", "name_vi", "name_en", "chapter", "budget_unit")},
        "valid_from": known.rows[0].valid_from,
        "valid_to": last.valid_to,
        "state": known.state,
        "successor": successor and successor.code,
        "collected_by": collects and collects.code,
        "kinds": sorted({account.purpose for account in accounts if in_force([account], on)}),
        "granted": granted(registers, portal, on, agencies=[each.id for each in (known.agency, collects) if each]),
    }
