"""Holding a settlement against the hub: what agrees at once (`pairing.sql`), and a `verdict` on the rest (`matching.sql`)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
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
    "earlier_parts": ARRAY(BigInteger()), "other": ARRAY(Uuid()), "other_parts": ARRAY(BigInteger()),
    "later": ARRAY(Uuid()), "later_parts": ARRAY(BigInteger()), "run_id": Uuid(),
    "near_first": Uuid(), "near_last": Uuid(),
}  # fmt: skip


def statement(sql: str, *more: Any) -> Any:
    """Return a statement whose shared parameters are typed."""
    return text(sql).bindparams(*(bindparam(name, type_=kind) for name, kind in _TYPES.items() if f":{name}" in sql), *more)


_PAIR = statement(PAIRING)
_MATCH = statement(f"CREATE TEMPORARY TABLE verdict ON COMMIT DROP AS {MATCHING}")
# Hashing beats sorting here, compiling costs more than it saves, each file wants a plan of its own, and each worker a processor.
_SETTINGS = text(
    "SET LOCAL jit = off; SET LOCAL enable_mergejoin = off; SET LOCAL plan_cache_mode = force_custom_plan; "
    f"SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL work_mem = '{_HASHED_MB}MB'; "
    "CREATE TEMPORARY TABLE uncertain (number bigint, our_id uuid) ON COMMIT DROP"
)
_COVERED = statement(
    "SELECT count(*) = :grace_days FROM generate_series(1, :grace_days) AS after WHERE EXISTS (SELECT FROM settlement "
    "WHERE gateway_account_id = :account_id AND superseded_by_id IS NULL "
    "AND :last_on + after::int BETWEEN period_on AND until_on)"
)
# Which tables the other files' lines are in is said with them, so that no other table is looked at.
_OTHERS = statement(
    "SELECT id, part, period_on, until_on FROM settlement "
    "WHERE gateway_account_id = :account_id AND superseded_by_id IS NULL AND id <> :settlement_id"
)
_NEAR = timedelta(days=31)
# Money given back counts against money taken, as in the file's own sum.
_COUNTS = text(
    """
    SELECT class, count(*) AS count, coalesce(sum(coalesce(our_amount, their_amount)), 0)::bigint AS amount,
           count(number) AS lines, count(our_id) AS attempts,
           coalesce(sum(our_amount * CASE line_type WHEN 'refund' THEN -1 ELSE 1 END), 0)::bigint AS confirmed,
           (coalesce(sum(their_amount) FILTER (WHERE line_type = 'payment'), 0)
             - coalesce(sum(their_amount) FILTER (WHERE line_type IN ('refund', 'reversal')), 0))::bigint AS listed,
           count(*) FILTER (WHERE dated_apart) AS dated_apart
    FROM verdict GROUP BY class
    """
)


@dataclass(frozen=True, slots=True)
class Agreed:
    """The lines of a settlement that were taken at once, because they and their payments agree in everything."""

    count: int
    amount: int
    dated_apart: int
    """How many of them the gateway dates a day before or after the hub."""
    payout: str | None
    """What all of them call the payout they came in, empty where none names it; None where they came in several."""
    seen: str
    """The snapshot in which both sides were read (PostgreSQL's `pg_snapshot`)."""


def match(session: Session, scope: Scope) -> Agreed:
    """Take at once what agrees; fill `verdict` for what is `uncertain`. Both tables live until the transaction ends."""
    session.execute(_SETTINGS)
    covered = session.scalar(_COVERED, scope.binds())
    binds = {**scope.binds(), **others(session, scope), "covered": covered}
    agreed = Agreed(**session.execute(_PAIR, binds).mappings().one())
    session.execute(text("SET LOCAL default_statistics_target = 10; ANALYZE uncertain"))
    session.execute(_MATCH, binds)
    session.execute(text("ANALYZE verdict; SET LOCAL enable_mergejoin TO DEFAULT"))
    return agreed


def others(session: Session, scope: Scope) -> dict[str, Any]:
    """Return the other files of the account that count, and those of the month before and after it, as parameters."""
    rows = session.execute(_OTHERS, scope.binds()).all()
    day = timedelta(days=1)
    earlier = [row for row in rows if scope.first_on - _NEAR <= row.until_on <= scope.first_on - day]
    later = [row for row in rows if scope.last_on + day <= row.period_on <= scope.last_on + _NEAR]
    return {**_named("other", rows), **_named("earlier", earlier), **_named("later", later)}


def _named(name: str, rows: Sequence[Any]) -> dict[str, Any]:
    return {name: [row.id for row in rows], f"{name}_parts": sorted({row.part for row in rows})}


def counts(session: Session, agreed: Agreed) -> dict[str, dict[str, int]]:
    """Return, per class, how many rows and how much money: the hub's amount where it has one, else the gateway's."""
    found = {row["class"]: {name: row[name] for name in row if name != "class"} for row in session.execute(_COUNTS).mappings()}
    if agreed.count:
        both = dict.fromkeys(("count", "lines", "attempts"), agreed.count) | dict.fromkeys(
            ("amount", "confirmed", "listed"), agreed.amount
        )
        matched = {**both, "dated_apart": agreed.dated_apart}
        closer = found.get("matched", {})
        found["matched"] = {name: value + closer.get(name, 0) for name, value in matched.items()}
    return dict(sorted(found.items()))
