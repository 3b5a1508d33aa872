"""Totals of the gateway accounts: what is the agencies', was withheld, or is nobody's, and how every ledger account moved."""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import TextClause, bindparam, text
from sqlalchemy.orm import Session
from sqlalchemy.types import Date, Uuid

from payhub.ledger import rollups
from payhub.ledger.figures import ACCOUNT_FIGURES, AGENCY_FIGURES, DUE, OWED
from payhub.ledger.models import ACCOUNTS
from reconciliation.reports.proven import DAYS, MODES, proven

_OF_AGENCIES = (*AGENCY_FIGURES, OWED, DUE)
OF_BANK = ("banked_rest", "net")
"""What only the journals of payouts say, which belong to no cohort."""
SUMS = (*(figure.name for figure in (*_OF_AGENCIES, *ACCOUNT_FIGURES)), "reported")
FIGURES = (
    "collected", "reversed", "refunded", "charged_back", "owed", "reported", "banked", "paid_out", "written_off", "due", "fees",
    "fees_funded", "adjusted", "held", "allocated", "held_refunded", "held_reversed", "held_written_off", "unapplied", "left_twice",
    "given_up", "banked_rest", "net",
)  # fmt: skip
"""What is said of a gateway account, in the order it is shown."""
_BOOKS = {name: f"books_{name}" for name in ACCOUNTS}

_STATEMENT = """
    WITH moved AS (
      SELECT gateway_account_id, currency, {moved}, {books}, 0::bigint AS reported FROM ({booked}) AS booked
      WHERE {day} BETWEEN :first_on AND :last_on AND (CAST(:account_id AS uuid) IS NULL OR gateway_account_id = :account_id)
        {within}
      GROUP BY 1, 2
    ), proven AS (
      SELECT gateway_account_id, currency, {proven_as}, {no_books}, sum(reported)::bigint AS reported FROM ({proven}) AS proof
      WHERE CAST(:account_id AS uuid) IS NULL OR gateway_account_id = :account_id
      GROUP BY 1, 2
    )
    SELECT gateway_account.code AS gateway_account, each.currency, {sums}
    FROM (SELECT * FROM moved UNION ALL SELECT * FROM proven) AS each
    JOIN gateway_account ON gateway_account.id = each.gateway_account_id
    GROUP BY 1, 2 ORDER BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class AccountTotal:
    """What is said of one gateway account: its figures, and how each account of the ledger moved, debits positive."""

    gateway_account: str
    currency: str
    figures: Mapping[str, int | None]
    books: Mapping[str, int]


def _statement(mode: str) -> TextClause:
    sums = {figure.name: figure.sum() for figure in (*_OF_AGENCIES, *ACCOUNT_FIGURES)}
    if mode == "cohort":
        sums |= dict.fromkeys(("banked", *OF_BANK), "0::bigint")
    books = [f"coalesce(sum(amount) FILTER (WHERE account = '{name}'), 0)::bigint AS {_BOOKS[name]}" for name in ACCOUNTS]
    told = ("sum(banked)::bigint" if name == "banked" else "0::bigint" for name in sums)
    written = _STATEMENT.format(
        day=DAYS[mode], booked=rollups.BOOKED, proven=proven(mode), within="AND fact <> 'banked'" if mode == "cohort" else "",
        moved=", ".join(f"{sql} AS {name}" for name, sql in sums.items()), books=", ".join(books), proven_as=", ".join(told),
        no_books=", ".join("0::bigint" for _ in ACCOUNTS),
        sums=", ".join(f"sum({name})::bigint AS {name}" for name in (*SUMS, *_BOOKS.values())),
    )  # fmt: skip
    binds = (bindparam("first_on", type_=Date()), bindparam("last_on", type_=Date()), bindparam("account_id", type_=Uuid()))
    return text(written).bindparams(*binds)


_TOTALS = {mode: _statement(mode) for mode in MODES}


def account_totals(
    session: Session, on: date, account_id: uuid.UUID | None = None, *, until: date | None = None, mode: str = "activity"
) -> Sequence[AccountTotal]:
    """Return a day, or days, per gateway account and currency."""
    rollups.ready(session)
    rows = session.execute(_TOTALS[mode], {"first_on": on, "last_on": until or on, "account_id": account_id}).mappings()
    return [_total(row, mode) for row in rows]


def _total(row: Mapping[Any, Any], mode: str) -> AccountTotal:
    found: dict[str, int | None] = {name: int(row[name]) for name in SUMS}
    left = ("allocated", "held_refunded", "held_reversed", "held_written_off")
    found["unapplied"] = int(row["held"]) - sum(int(row[name]) for name in left)
    if mode == "cohort":
        found |= dict.fromkeys(OF_BANK)
    books = {name: int(row[column]) for name, column in _BOOKS.items()}
    return AccountTotal(row["gateway_account"], row["currency"], {name: found[name] for name in FIGURES}, books)


def shown(totals: Iterable[AccountTotal]) -> list[str]:
    """Return the figures of no agency that are worth a column: those that any account has."""
    kept, own = list(totals), FIGURES[FIGURES.index("fees") :]
    always = {"fees", "adjusted", "unapplied"}
    return [name for name in own if name in always or any(total.figures[name] for total in kept)]


def as_csv(days: str, totals: Iterable[AccountTotal]) -> str:
    """Write totals as CSV, one row per gateway account and currency."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\r\n")
    rows.writerow(("date", "gateway_account", *FIGURES, *_BOOKS.values(), "currency"))
    for total in totals:
        rows.writerow((days, total.gateway_account, *total.figures.values(), *total.books.values(), total.currency))
    return out.getvalue()
