"""Holding a settlement against the hub: `matching.sql` into a temporary table `verdict`, and what is read from it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.orm import Session
from sqlalchemy.types import ARRAY, BigInteger, Boolean, Date, Integer, Uuid

MATCHING = Path(__file__).with_name("matching.sql").read_text(encoding="utf-8")

CLASSES = (
    "matched", "late", "amount_differs", "refund_amount_differs", "currency_differs", "refund_unknown", "reversed", "conflicted",
    "duplicate_at_gateway", "missing_at_hub", "missing_at_gateway", "refund_missing_at_gateway", "awaited", "in_other_file",
    "not_a_payment",
)  # fmt: skip
"""Every line of both sides is in exactly one."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What is matched: one settlement of an account's days, and how long the gateway's files may lag."""

    settlement_id: uuid.UUID
    part: int
    account_id: uuid.UUID
    account_code: str
    first_on: date
    last_on: date
    grace_days: int

    def binds(self) -> dict[str, Any]:
        """Return the parameters that statements of a run share."""
        return {**asdict(self), "neighbours": max(1, self.grace_days)}


_TYPES: Mapping[str, Any] = {
    "settlement_id": Uuid(), "part": BigInteger(), "account_id": Uuid(), "first_on": Date(), "last_on": Date(),
    "grace_days": Integer(), "neighbours": Integer(), "covered": Boolean(), "earlier": ARRAY(Uuid()),
    "earlier_parts": ARRAY(BigInteger()), "later": ARRAY(Uuid()), "later_parts": ARRAY(BigInteger()), "run_id": Uuid(),
}  # fmt: skip


def statement(sql: str, *more: Any) -> Any:
    """Return a statement whose shared parameters are typed."""
    return text(sql).bindparams(*(bindparam(name, type_=kind) for name, kind in _TYPES.items() if f":{name}" in sql), *more)


_MATCH = statement(f"CREATE TEMPORARY TABLE verdict ON COMMIT DROP AS {MATCHING}")
_COVERED = statement(
    "SELECT count(*) = :grace_days FROM generate_series(1, :grace_days) AS after WHERE EXISTS (SELECT FROM settlement "
    "WHERE gateway_account_id = :account_id AND superseded_by_id IS NULL "
    "AND :last_on + after::int BETWEEN period_on AND until_on)"
)
# Which tables the other files' lines are in is said with them, so that no other table is looked at.
_NEAR = """
    SELECT id, part FROM settlement
    WHERE gateway_account_id = :account_id AND superseded_by_id IS NULL AND id <> :settlement_id AND
"""
_EARLIER = statement(_NEAR + " until_on BETWEEN :first_on - 31 AND :first_on - 1")
_LATER = statement(_NEAR + " period_on BETWEEN :last_on + 1 AND :last_on + 31")
# Money given back counts against money taken, as in the file's own sum.
_COUNTS = text(
    """
    SELECT class, count(*) AS count, coalesce(sum(coalesce(our_amount, their_amount)), 0)::bigint AS amount,
           count(number) AS lines, count(our_id) AS attempts,
           coalesce(sum(our_amount * CASE line_type WHEN 'refund' THEN -1 ELSE 1 END), 0)::bigint AS confirmed,
           coalesce(sum(their_amount) FILTER (WHERE line_type = 'payment'), 0)::bigint
             - coalesce(sum(their_amount) FILTER (WHERE line_type IN ('refund', 'reversal')), 0)::bigint AS listed,
           count(*) FILTER (WHERE dated_apart) AS dated_apart
    FROM verdict GROUP BY class ORDER BY class
    """
)


def match(session: Session, scope: Scope) -> None:
    """Fill the temporary table `verdict`, which lives until the transaction ends."""
    # Hashing beats sorting here, and compiling costs more than it saves.
    session.execute(text("SET LOCAL jit = off; SET LOCAL enable_mergejoin = off"))
    covered = session.scalar(_COVERED, scope.binds())
    session.execute(_MATCH, {**scope.binds(), **_named("earlier", session.execute(_EARLIER, scope.binds())), "covered": covered})
    session.execute(text("SET LOCAL enable_mergejoin TO DEFAULT; SET LOCAL default_statistics_target = 10; ANALYZE verdict"))


def later(session: Session, scope: Scope) -> dict[str, Any]:
    """Return the files of the month after, as parameters."""
    return _named("later", session.execute(_LATER, scope.binds()))


def _named(name: str, found: Iterable[Any]) -> dict[str, Any]:
    rows = list(found)
    return {name: [row.id for row in rows], f"{name}_parts": sorted({row.part for row in rows})}


def counts(session: Session) -> dict[str, dict[str, int]]:
    """Return, per class, how many rows and how much money: the hub's amount where it has one, else the gateway's."""
    return {row["class"]: {name: row[name] for name in row if name != "class"} for row in session.execute(_COUNTS).mappings()}
