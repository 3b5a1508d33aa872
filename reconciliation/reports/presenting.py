"""How reports and their rows look from outside."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from payhub import ids
from payhub.errors import FieldProblem, InvalidInput, Text
from payhub.hub import Hub
from reconciliation import totals
from reconciliation.reports import tracing
from reconciliation.reports.accounts import AccountTotal
from reconciliation.reports.tracing import Asked, Row
from reconciliation.totals import Total

_KEY = re.compile(r"[0-9a-f-]{1,120}")


@dataclass(frozen=True, slots=True)
class Days:
    """The days of a report, and by which day they count."""

    first_on: date
    last_on: date
    mode: str

    def __str__(self) -> str:
        """Return them as a column or a file name has them."""
        return str(self.first_on) if self.first_on == self.last_on else f"{self.first_on}..{self.last_on}"

    @property
    def view(self) -> dict[str, Any]:
        """Return what every report begins with."""
        return {"date": self.first_on, "until": self.last_on, "mode": self.mode}


def describe_totals(days: Days, found: Sequence[Total], language: str) -> dict[str, Any]:
    """Return totals with names in the caller's language."""
    name = "agency_name_en" if language == "en" else "agency_name_vi"
    return {
        **days.view,
        "totals": [{**_total(each), "agency_name": getattr(each, name)} for each in found],
        "sum": [_total(each) for each in totals.grand(found)],
    }


def _total(total: Total) -> dict[str, Any]:
    return {**asdict(total), **total.figures()}


def describe_accounts(days: Days, found: Sequence[AccountTotal]) -> dict[str, Any]:
    """Return the totals of gateway accounts."""
    told = [
        {"gateway_account": each.gateway_account, "currency": each.currency, **each.figures, "books": each.books} for each in found
    ]
    return {**days.view, "totals": told}


def page_of_rows(hub: Hub, asked: Asked, *, limit: int, cursor: str | None) -> dict[str, Any]:
    """Return a page of the rows of a figure."""
    after = "" if cursor is None else _read(cursor)
    with hub.db.session() as session:
        found = tracing.rows(session, asked, limit=limit + 1, after=after)
    days = Days(asked.first_on, asked.last_on, asked.mode)
    more = urlsafe_b64encode(found[limit - 1].key.encode()).decode() if len(found) > limit else None
    return {**days.view, "figure": asked.figure, "data": [_row(hub, row) for row in found[:limit]], "next": more}


def _read(cursor: str) -> str:
    try:
        key = urlsafe_b64decode(cursor.encode()).decode()
    except ValueError:
        key = ""
    if not _KEY.fullmatch(key):
        raise InvalidInput(
            [FieldProblem("/cursor", "cursor_invalid", Text("Con trỏ không hợp lệ", "The cursor is not one of ours"))]
        )
    return key


def _row(hub: Hub, row: Row) -> dict[str, Any]:
    named = (("payment", "pay", row.payment_id), ("settlement", "stl", row.settlement_id), ("bank_entry", "bke", row.entry_id))
    public = {name: None if value is None else ids.public_id(kind, value, hub.settings.mode) for name, kind, value in named}
    return {**asdict(row), **public}
