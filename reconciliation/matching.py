"""Holding a settlement against the hub: `pairing.sql` and `matching.sql` into `verdict`, and what is read from it."""

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

PAIRING, MATCHING = (Path(__file__).with_name(name).read_text(encoding="utf-8") for name in ("pairing.sql", "matching.sql"))

_HASHED_MB = 64
"""A month of one account, some 300,000 lines, is hashed in memory; what is larger goes through the disk."""

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
    "near_first": Uuid(), "near_last": Uuid(),
}  # fmt: skip


def statement(sql: str, *more: Any) -> Any:
    """Return a statement whose shared parameters are typed."""
    return text(sql).bindparams(*(bindparam(name, type_=kind) for name, kind in _TYPES.items() if f":{name}" in sql), *more)


_PAIR = statement(f"CREATE TEMPORARY TABLE pair ON COMMIT DROP AS {PAIRING}")
_MATCH = statement(f"CREATE TEMPORARY TABLE apart ON COMMIT DROP AS {MATCHING}")
# Hashing beats sorting here, compiling costs more than it saves, and each file wants a plan of its own.
_SETTINGS = text(
    "SET LOCAL jit = off; SET LOCAL enable_mergejoin = off; SET LOCAL plan_cache_mode = force_custom_plan; "
    f"SET LOCAL work_mem = '{_HASHED_MB}MB'"
)
# One name for both. It goes with the tables, when the transaction ends.
_VERDICT = text(
    """
    CREATE TEMPORARY VIEW verdict AS
    SELECT 'payment' AS line_type, reference, 1::bigint AS ordinal, number, happened_on, payout, amount AS their_amount,
           currency AS their_currency, our_id, payment_id, 'succeeded' AS state, true AS applied, gateway_on, cohort_on,
           amount AS our_amount, currency AS our_currency, 'matched' AS class, gateway_on <> happened_on AS dated_apart,
           false AS disputed
    FROM pair WHERE plain
    UNION ALL
    SELECT line_type, reference, ordinal, number, happened_on, payout, their_amount, their_currency, our_id, payment_id, state,
           applied, gateway_on, cohort_on, our_amount, our_currency, class, dated_apart, disputed
    FROM apart
    """
)
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
    WITH counted AS (
      SELECT 'matched' AS class, count(*) AS count, sum(amount) AS amount, count(*) AS lines, count(*) AS attempts,
             sum(amount) AS confirmed, sum(amount) AS listed, count(*) FILTER (WHERE gateway_on <> happened_on) AS dated_apart
      FROM pair WHERE plain HAVING count(*) > 0
      UNION ALL
      SELECT class, count(*), sum(coalesce(our_amount, their_amount)), count(number), count(our_id),
             coalesce(sum(our_amount * CASE line_type WHEN 'refund' THEN -1 ELSE 1 END), 0),
             coalesce(sum(their_amount) FILTER (WHERE line_type = 'payment'), 0)
               - coalesce(sum(their_amount) FILTER (WHERE line_type IN ('refund', 'reversal')), 0),
             count(*) FILTER (WHERE dated_apart)
      FROM apart GROUP BY class
    )
    SELECT class, sum(count)::bigint AS count, sum(amount)::bigint AS amount, sum(lines)::bigint AS lines,
           sum(attempts)::bigint AS attempts, sum(confirmed)::bigint AS confirmed, sum(listed)::bigint AS listed,
           sum(dated_apart)::bigint AS dated_apart
    FROM counted GROUP BY class ORDER BY class
    """
)


def match(session: Session, scope: Scope) -> None:
    """Fill `verdict`, which lives until the transaction ends."""
    session.execute(_SETTINGS)
    covered = session.scalar(_COVERED, scope.binds())
    binds = {**scope.binds(), **_named("earlier", session.execute(_EARLIER, scope.binds())), "covered": covered}
    session.execute(_PAIR, binds)
    session.execute(text("SET LOCAL default_statistics_target = 10; ANALYZE pair"))
    session.execute(_MATCH, binds)
    session.execute(text("ANALYZE apart; SET LOCAL enable_mergejoin TO DEFAULT"))
    session.execute(_VERDICT)


def later(session: Session, scope: Scope) -> dict[str, Any]:
    """Return the files of the month after, as parameters."""
    return _named("later", session.execute(_LATER, scope.binds()))


def _named(name: str, found: Iterable[Any]) -> dict[str, Any]:
    rows = list(found)
    return {name: [row.id for row in rows], f"{name}_parts": sorted({row.part for row in rows})}


def counts(session: Session) -> dict[str, dict[str, int]]:
    """Return, per class, how many rows and how much money: the hub's amount where it has one, else the gateway's."""
    return {row["class"]: {name: row[name] for name in row if name != "class"} for row in session.execute(_COUNTS).mappings()}
