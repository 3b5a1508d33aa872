"""The fact of the hot path as a piece of a larger single statement: its journal and its postings.

`source` is a selectable of one row per journal with the columns journal_id, payment_id, attempt_id, gateway_account_id, cohort_on,
business_on, recorded_at and currency.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import CTE, String, func, insert, literal_column, select
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.orm import aliased
from sqlalchemy.sql.selectable import FromClause

from payhub.db import word
from payhub.ledger.models import Journal, Posting
from payhub.payments.models import PaymentLine

_SIDES = [
    "journal_id", "account", "gateway_account_id", "agency_id", "kind", "budget_line", "share", "payment_line_id", "business_on",
    "amount", "currency",
]  # fmt: skip


def applied(source: FromClause) -> tuple[CTE, CTE]:
    """Money that pays a payment: receivable / owed per line, a phí split into the agency's share and the budget's."""
    return _journal(source), _postings(source)


def _journal(source: FromClause) -> CTE:
    s = source.c
    columns = ["id", "fact", "gateway_account_id", "payment_id", "attempt_id", "cohort_on", "business_on", "recorded_at"]
    row = select(
        s.journal_id, word("applied"), s.gateway_account_id, s.payment_id, s.attempt_id, s.cohort_on, s.business_on, s.recorded_at
    )
    return insert(Journal).from_select(columns, row).cte("applied_journal")


def _postings(source: FromClause) -> CTE:
    line, s = aliased(PaymentLine, name="line"), source.c
    amounts = [line.amount, -line.retained, line.retained - line.amount]
    # Three rows for each line, unnested after the join so that the planner has nothing to reorder.
    sides = (
        select(
            s.journal_id, _each("receivable", "owed", "owed").label("account"), s.gateway_account_id, line.agency_id, line.kind,
            line.budget_line, _each("all", "retained", "budget").label("share"), line.id, s.business_on,
            func.unnest(array(amounts)).label("amount"), s.currency,
        )
        .join_from(source, line, line.payment_id == s.payment_id)
        .cte("applied_sides")
    )  # fmt: skip
    # The columns of `sides` stand in the order of _SIDES, so that the star spares the statement half its length.
    rows: Any = select(literal_column("*")).select_from(sides).where(sides.c.amount != word(0))
    return insert(Posting).from_select(_SIDES, rows).cte("applied_postings")


def _each(*words: str) -> Any:
    return func.unnest(array[Any]([word(each) for each in words], type_=String()))
