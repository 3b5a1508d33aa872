"""Totals per agency and kind of fee, of business days or of the days on which money came: collected, reported, banked, due."""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any

from sqlalchemy import TextClause, bindparam, func, select, text
from sqlalchemy.orm import Session
from sqlalchemy.types import Boolean, Date, Uuid

from payhub.ledger import rollups
from payhub.ledger.figures import AGENCY_FIGURES, BY_NAME, OWED
from payhub.ledger.models import Posting
from reconciliation.reports.proven import DAYS, MODES, proven

SUMS = ("count", *(figure.name for figure in AGENCY_FIGURES), "owed", "retained", "reported")
FIGURES = (
    "count", "collected", "reversed", "refunded", "charged_back", "owed", "reported", "difference", "banked", "paid_out",
    "written_off", "due", "retained", "budget",
)  # fmt: skip
"""What is said of each agency and kind, in the order it is shown; `totals.sql` says what each is made of."""
SHARES = ("retained", "budget")
COLUMNS = ("date", "agency", "agency_name", "kind", *FIGURES, "currency")


@dataclass(frozen=True, slots=True)
class Total:
    """What is said of one agency, kind and budget line, and gateway account where it is asked for; minor units."""

    agency: str
    agency_name_vi: str
    agency_name_en: str
    gateway_account: str | None
    kind: str
    budget_line: str
    currency: str
    count: int
    collected: int
    reversed: int
    refunded: int
    charged_back: int
    paid_out: int
    written_off: int
    banked: int
    owed: int
    retained: int
    reported: int

    @property
    def difference(self) -> int:
        """What was collected and stayed, and is not reported."""
        return self.collected - self.reversed - self.reported

    @property
    def due(self) -> int:
        """What is owed and not paid out."""
        return self.owed - self.paid_out - self.written_off

    @property
    def budget(self) -> int:
        """The budget's part of what is owed."""
        return self.owed - self.retained

    def figures(self) -> dict[str, int]:
        """Return every figure by its name."""
        return {name: getattr(self, name) for name in FIGURES}


def _moved(mode: str) -> str:
    sums = {figure.name: figure.sum() for figure in AGENCY_FIGURES}
    if mode == "cohort":
        sums["banked"] = "0::bigint"
    lines = (BY_NAME[name].sum("lines").replace("-sum", "sum") for name in ("collected", "reversed"))
    sums |= {"count": " - ".join(lines), "owed": OWED.sum(), "retained": OWED.sum("retained"), "reported": "0::bigint"}
    return ", ".join(f"{sums[name]} AS {name}" for name in SUMS)


_WITHIN = {"activity": "(account = 'owed' OR account = 'receivable' AND fact = 'banked')", "cohort": "account = 'owed'"}


def _statement(mode: str) -> TextClause:
    told = {name: f"sum({name})::bigint" if name in {"reported", "banked"} else "0::bigint" for name in SUMS}
    template = Path(__file__).with_name("totals.sql").read_text(encoding="utf-8")
    written = template.format(
        day=DAYS[mode], within=_WITHIN[mode], booked=rollups.BOOKED, moved=_moved(mode), proven=proven(mode),
        proven_as=", ".join(f"{sum_} AS {name}" for name, sum_ in told.items()),
        sums=", ".join(f"sum({name})::bigint AS {name}" for name in SUMS),
    )  # fmt: skip
    return text(written).bindparams(
        bindparam("first_on", type_=Date()), bindparam("last_on", type_=Date()), bindparam("account_id", type_=Uuid()),
        bindparam("by_account", type_=Boolean()),
    )  # fmt: skip


_TOTALS = {mode: _statement(mode) for mode in MODES}


def agency_totals(
    session: Session, on: date, account_id: uuid.UUID | None = None, *, until: date | None = None, mode: str = "activity",
    by_account: bool = False,
) -> Sequence[Total]:  # fmt: skip
    """Return a day, or days, per agency, kind and budget line, of one gateway account or of all.

    What is read is bounded by the registers and by what is not folded yet, not by the payments.
    """
    rollups.ready(session)
    asked = {"first_on": on, "last_on": until or on, "account_id": account_id, "by_account": by_account}
    return [Total(**row) for row in session.execute(_TOTALS[mode], asked).mappings()]


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
    whole: dict[str, Any] = dict.fromkeys(("agency_name_vi", "agency_name_en", "kind", "budget_line"), "")
    return [
        _add(list(group), agency="TOTAL", gateway_account=None, **whole)
        for _, group in groupby(ordered, key=lambda total: total.currency)
    ]


def _per_kind(total: Total) -> tuple[str, str, str, str]:
    return total.agency, total.gateway_account or "", total.kind, total.currency


def _add(group: Sequence[Total], **changes: Any) -> Total:
    first = group[0]
    named = ("agency", "agency_name_vi", "agency_name_en", "gateway_account", "kind", "currency")
    same = {name: getattr(first, name) for name in named}
    return Total(**{**same, **changes, **{name: sum(getattr(total, name) for total in group) for name in SUMS}})


def shown(totals: Iterable[Mapping[str, Any]], besides: Collection[str] = ()) -> list[str]:
    """Return the figures worth a column: where nothing left, not what left, nor what is owed, which is what was collected."""
    kept = list(totals)
    left = {name for name in ("reversed", "refunded", "charged_back") if any(total[name] for total in kept)}
    out = {name for name in ("paid_out", "written_off") if any(total[name] for total in kept)}
    hidden = {"reversed", "refunded", "charged_back", "paid_out", "written_off", *besides} - left - out
    hidden |= set() if left else {"owed"}
    hidden |= set() if out else {"due"}
    return [name for name in FIGURES if name not in hidden]


def as_csv(days: str, totals: Sequence[Total], language: str) -> str:
    """Write totals as CSV, one row per agency and kind and a last one for all; accounts have a column where they are told apart."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\r\n")
    apart = any(total.gateway_account for total in totals)
    rows.writerow((*COLUMNS, "gateway_account") if apart else COLUMNS)
    for total in [*by_kind(totals), *grand(totals)]:
        name = total.agency_name_en if language == "en" else total.agency_name_vi
        row = (days, total.agency, name, total.kind, *total.figures().values(), total.currency)
        rows.writerow((*row, total.gateway_account or "") if apart else row)
    return out.getvalue()
