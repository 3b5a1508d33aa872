"""Holding a settlement against the hub: `matching.sql` into a temporary table `verdict`, and what is read from it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.orm import Session
from sqlalchemy.types import Boolean, Date, Integer, Uuid

MATCHING = Path(__file__).with_name("matching.sql").read_text(encoding="utf-8")

CLASSES = (
    "matched", "late", "amount_differs", "refund_amount_differs", "currency_differs", "refund_unknown", "reversed", "conflicted",
    "duplicate_at_gateway", "missing_at_hub", "missing_at_gateway", "refund_missing_at_gateway", "awaited", "in_other_file",
    "not_a_payment",
)  # fmt: skip
"""Every line of both sides is in exactly one."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What is matched: one settlement of an account's day, and how long the gateway's files may lag."""

    settlement_id: uuid.UUID
    account_id: uuid.UUID
    account_code: str
    period_on: date
    grace_days: int

    @property
    def neighbours(self) -> int:
        """Return within how many days a line may be in another day's file and still be in time."""
        return max(1, self.grace_days)

    def binds(self) -> dict[str, Any]:
        """Return the parameters that every statement of a run shares."""
        return {
            "settlement_id": self.settlement_id,
            "account_id": self.account_id,
            "account_code": self.account_code,
            "period_on": self.period_on,
            "grace_days": self.grace_days,
            "neighbours": self.neighbours,
        }


def statement(sql: str, *more: Any) -> Any:
    """Return a statement whose shared parameters are typed."""
    types = {
        "settlement_id": Uuid,
        "account_id": Uuid,
        "period_on": Date,
        "grace_days": Integer,
        "neighbours": Integer,
        "covered": Boolean,
    }
    return text(sql).bindparams(*(bindparam(name, type_=kind()) for name, kind in types.items() if f":{name}" in sql), *more)


_MATCH = statement(f"CREATE TEMPORARY TABLE verdict ON COMMIT DROP AS {MATCHING}")
_COVERED = statement(
    "SELECT count(*) = :grace_days FROM settlement WHERE gateway_account_id = :account_id AND superseded_by_id IS NULL"
    " AND period_on BETWEEN :period_on + 1 AND :period_on + :grace_days"
)
# Money given back counts against money taken, as in the file's own sum.
_COUNTS = text(
    """
    SELECT class, count(*) AS count, coalesce(sum(coalesce(our_amount, their_amount)), 0)::bigint AS amount,
           count(line_id) AS lines, count(our_id) AS attempts,
           coalesce(sum(our_amount * CASE line_type WHEN 'refund' THEN -1 ELSE 1 END), 0)::bigint AS confirmed,
           coalesce(sum(their_amount) FILTER (WHERE line_type = 'payment'), 0)::bigint
             - coalesce(sum(their_amount) FILTER (WHERE line_type IN ('refund', 'reversal')), 0)::bigint AS listed,
           count(*) FILTER (WHERE dated_apart) AS dated_apart
    FROM verdict GROUP BY class ORDER BY class
    """
)


def match(session: Session, scope: Scope) -> None:
    """Fill the temporary table `verdict`, which lives until the transaction ends."""
    # Sorting beats hashing here, and compiling costs more than it saves.
    session.execute(text("SET LOCAL jit = off"))
    covered = session.scalar(_COVERED, scope.binds())
    session.execute(_MATCH, {**scope.binds(), "covered": covered})
    session.execute(text("ANALYZE verdict"))


def counts(session: Session) -> dict[str, dict[str, int]]:
    """Return, per class, how many rows and how much money: the hub's amount where it has one, else the gateway's."""
    return {row["class"]: {name: row[name] for name in row if name != "class"} for row in session.execute(_COUNTS).mappings()}
