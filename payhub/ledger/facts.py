"""The facts that move money, each one function: which accounts it debits and credits.

A fact is written as two pieces of SQL, its journal and its postings, so that it can stand inside a larger single statement or run
on its own. `source` is a selectable of one row per journal with the columns journal_id, payment_id, attempt_id, gateway_account_id,
cohort_on, business_on, recorded_at, amount and currency.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    Date,
    DateTime,
    String,
    Uuid,
    bindparam,
    cast,
    func,
    insert,
    literal_column,
    null,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.orm import Session, aliased
from sqlalchemy.sql.selectable import FromClause

from payhub.db import word
from payhub.ledger.models import Journal, Posting
from payhub.payments.models import PaymentLine

_SIDES = [
    "journal_id", "account", "gateway_account_id", "agency_id", "kind", "budget_line", "share", "payment_line_id", "business_on",
    "amount", "currency",
]  # fmt: skip


def applied(source: FromClause, name: str = "applied") -> tuple[CTE, CTE]:
    """Money that pays a payment: receivable / owed per line, a phí split into the agency's share and the budget's."""
    return _journal(source, "applied", name), _per_line(source, +1, name)


def applied_reversed(source: FromClause, name: str = "applied_reversed") -> tuple[CTE, CTE]:
    """Applied money the gateway took back: owed / receivable, the mirror of `applied`."""
    return _journal(source, "applied_reversed", name), _per_line(source, -1, name)


def not_applicable(source: FromClause, name: str = "not_applicable") -> tuple[CTE, CTE]:
    """Money that is real and pays nothing: receivable / unapplied, the whole amount the gateway confirmed."""
    return _journal(source, "not_applicable", name), _whole(source, "receivable", "unapplied", name)


def unapplied_reversed(source: FromClause, name: str = "unapplied_reversed") -> tuple[CTE, CTE]:
    """Unapplied money the gateway took back: unapplied / receivable."""
    return _journal(source, "unapplied_reversed", name), _whole(source, "unapplied", "receivable", name)


def _journal(source: FromClause, fact: str, name: str) -> CTE:
    s = source.c
    columns = ["id", "fact", "gateway_account_id", "payment_id", "attempt_id", "cohort_on", "business_on", "recorded_at"]
    row = select(
        s.journal_id, word(fact), s.gateway_account_id, s.payment_id, s.attempt_id, s.cohort_on, s.business_on, s.recorded_at
    )
    return insert(Journal).from_select(columns, row).cte(f"{name}_journal")


def _per_line(source: FromClause, sign: int, name: str) -> CTE:
    line, s = aliased(PaymentLine, name="line"), source.c
    amounts = (line.amount, -line.retained, line.retained - line.amount)
    # Three rows for each line, unnested after the join so that the planner has nothing to reorder.
    sides = (
        select(
            s.journal_id, _each("receivable", "owed", "owed").label("account"), s.gateway_account_id, line.agency_id, line.kind,
            line.budget_line, _each("all", "retained", "budget").label("share"), line.id, s.business_on,
            func.unnest(array([amount if sign > 0 else -amount for amount in amounts])).label("amount"), s.currency,
        )
        .join_from(source, line, line.payment_id == s.payment_id)
        .cte(f"{name}_sides")
    )  # fmt: skip
    # The columns of `sides` stand in the order of _SIDES, so that the star spares the statement half its length.
    rows: Any = select(literal_column("*")).select_from(sides).where(sides.c.amount != word(0))
    return insert(Posting).from_select(_SIDES, rows).cte(f"{name}_postings")


def _each(*words: str) -> Any:
    return func.unnest(array[Any]([word(each) for each in words], type_=String()))


def _whole(source: FromClause, debit: str, credit: str, name: str) -> CTE:
    s = source.c
    nobody = [cast(null(), Uuid), cast(null(), String), cast(null(), String), word("all"), cast(null(), Uuid)]

    def side(account: str, amount: Any) -> Any:
        return select(s.journal_id, word(account), s.gateway_account_id, *nobody, s.business_on, amount, s.currency).select_from(
            source
        )

    return insert(Posting).from_select(_SIDES, union_all(side(debit, s.amount), side(credit, -s.amount))).cte(f"{name}_postings")


@dataclass(frozen=True, slots=True)
class Fact:
    """The parameters of one journal written on its own; `amount` in minor units."""

    journal_id: uuid.UUID
    payment_id: uuid.UUID | None
    attempt_id: uuid.UUID | None
    gateway_account_id: uuid.UUID
    cohort_on: date
    business_on: date
    recorded_at: datetime
    amount: int
    currency: str


_FACT = select(
    bindparam("journal_id", type_=Uuid).label("journal_id"),
    bindparam("payment_id", type_=Uuid).label("payment_id"),
    bindparam("attempt_id", type_=Uuid).label("attempt_id"),
    bindparam("gateway_account_id", type_=Uuid).label("gateway_account_id"),
    bindparam("cohort_on", type_=Date).label("cohort_on"),
    bindparam("business_on", type_=Date).label("business_on"),
    bindparam("recorded_at", type_=DateTime(timezone=True)).label("recorded_at"),
    bindparam("amount", type_=BigInteger).label("amount"),
    bindparam("currency", type_=String).label("currency"),
).cte("fact")


def _alone(pieces: tuple[CTE, CTE]) -> Any:
    return select(word(1)).add_cte(*pieces)


_STATEMENTS = {
    function.__name__: _alone(function(_FACT)) for function in (applied, applied_reversed, not_applicable, unapplied_reversed)
}


def post(session: Session, name: str, fact: Fact) -> None:
    """Write one fact by the name of its function."""
    session.execute(_STATEMENTS[name], {field: getattr(fact, field) for field in Fact.__slots__})
