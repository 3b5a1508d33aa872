"""Totals of one business day per agency and kind of fee: what the ledger says, and what the gateways report."""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any

from sqlalchemy import bindparam, func, select, text
from sqlalchemy.orm import Session
from sqlalchemy.types import Date, Uuid

from payhub.ledger.models import Posting

_TOTALS = text(Path(__file__).with_name("totals.sql").read_text(encoding="utf-8")).bindparams(
    bindparam("business_on", type_=Date()), bindparam("account_id", type_=Uuid())
)
FIGURES = ("count", "collected", "reversed", "refunded", "charged_back", "owed", "reported", "difference")
"""What a day says of each agency and kind, in the order it is shown; `totals.sql` says what each is made of."""
COLUMNS = ("date", "agency", "agency_name", "kind", *FIGURES, "currency")


@dataclass(frozen=True, slots=True)
class Total:
    """The day of one agency, kind and budget line. Amounts are minor units; `difference` is collected - reversed - reported."""

    agency: str
    agency_name_vi: str
    agency_name_en: str
    kind: str
    budget_line: str
    currency: str
    count: int
    collected: int
    reversed: int
    refunded: int
    charged_back: int
    owed: int
    reported: int
    difference: int


def agency_totals(session: Session, business_on: date, account_id: uuid.UUID | None = None) -> Sequence[Total]:
    """Return the day per agency, kind and budget line, of one gateway account or of all.

    What a day has is bounded by the registers, not by its payments.
    """
    session.execute(text("SET LOCAL jit = off"))
    asked = {"business_on": business_on, "account_id": account_id}
    return [Total(**row) for row in session.execute(_TOTALS, asked).mappings()]


def newest_day(session: Session) -> date | None:
    """Return the newest business day on which anything was collected or given back, or None."""
    return session.scalar(select(func.max(Posting.business_on)).where(Posting.account == "owed"))


def by_kind(totals: Iterable[Total]) -> list[Total]:
    """Return the same per agency and kind, the budget lines added up."""
    ordered = sorted(totals, key=_per_kind)
    return [_add(list(group), budget_line="") for _, group in groupby(ordered, key=_per_kind)]


def grand(totals: Iterable[Total]) -> list[Total]:
    """Return the sum of everything, one per currency."""
    ordered = sorted(totals, key=lambda total: total.currency)
    return [
        _add(list(group), agency="TOTAL", names="", kind="", budget_line="")
        for _, group in groupby(ordered, key=lambda total: total.currency)
    ]


def _per_kind(total: Total) -> tuple[str, str, str]:
    return total.agency, total.kind, total.currency


def _add(
    group: Sequence[Total], *, budget_line: str, agency: str | None = None, names: str | None = None, kind: str | None = None
) -> Total:
    first = group[0]
    return Total(
        agency=first.agency if agency is None else agency,
        agency_name_vi=first.agency_name_vi if names is None else names,
        agency_name_en=first.agency_name_en if names is None else names,
        kind=first.kind if kind is None else kind,
        budget_line=budget_line,
        currency=first.currency,
        **{name: sum(getattr(total, name) for total in group) for name in FIGURES},
    )


def shown(totals: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the figures worth a column: where nothing left, not what left, nor what is owed, which is what was collected."""
    kept = list(totals)
    left = {name for name in ("reversed", "refunded", "charged_back") if any(total[name] for total in kept)}
    hidden = {"reversed", "refunded", "charged_back"} - left | (set() if left else {"owed"})
    return [name for name in FIGURES if name not in hidden]


def as_csv(business_on: date, totals: Sequence[Total], language: str) -> str:
    """Write the day as CSV, one row per agency and kind and a last one for all."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\r\n")
    rows.writerow(COLUMNS)
    for total in [*by_kind(totals), *grand(totals)]:
        name = total.agency_name_en if language == "en" else total.agency_name_vi
        figures = (getattr(total, figure) for figure in FIGURES)
        rows.writerow((business_on.isoformat(), total.agency, name, total.kind, *figures, total.currency))
    return out.getvalue()
