"""`python -m benchmarks.totals`: how long totals take beside a ledger of a size; writes build/bench-totals.json."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from sqlalchemy import bindparam, text
from sqlalchemy.types import BigInteger, Date

from benchmarks import machine
from benchmarks.sizes import FULL
from benchmarks.stage import Stage, stores
from payhub.demo.processes import interruptible
from payhub.embedded import EmbeddedError
from payhub.ledger import rollups
from reconciliation.reports.accounts import account_totals
from reconciliation.totals import agency_totals, grand

ROOT = Path(__file__).parent.parent
FIRST_ON = date(2025, 1, 1)
_READS = 60
# One day's payments: each a journal and three postings, of so many agencies and one of two kinds, at one of the gateway accounts.
_AGENCIES = """
    INSERT INTO agency (id, code, name_vi, name_en, chapter, budget_unit, valid_from)
    SELECT ('03000000-0000-7000-8000-' || lpad(to_hex(k), 12, '0'))::uuid, 'Q' || k, 'Q' || k, 'Q' || k, '018', '1000000',
           '2020-01-01'
    FROM generate_series(1, :agencies) AS k
"""
_DAY = text(
    """
    WITH made AS MATERIALIZED (
      SELECT k, ('01' || lpad(to_hex(:number), 6, '0') || '-0000-7000-8000-' || lpad(to_hex(k), 12, '0'))::uuid AS id,
             50000 + (k % 97) * 1000 AS amount,
             ('03000000-0000-7000-8000-' || lpad(to_hex(1 + k % :agencies), 12, '0'))::uuid AS agency_id,
             CASE k % 2 WHEN 0 THEN 'phi' ELSE 'le_phi' END AS kind, CASE k % 2 WHEN 0 THEN 7000 ELSE 0 END AS retention_bp,
             (ARRAY(SELECT gateway_account.id FROM gateway_account ORDER BY code LIMIT 3))[1 + k % 3] AS account_id
      FROM generate_series(1, :payments) AS k
    ), journals AS (
      INSERT INTO journal (id, fact, gateway_account_id, cohort_on, business_on, recorded_at)
      SELECT id, 'applied', account_id, :day, :day, now() FROM made
    )
    INSERT INTO posting (journal_id, account, gateway_account_id, agency_id, kind, budget_line, share, payment_line_id, business_on,
                         amount, currency)
    SELECT id, side.account, account_id, agency_id, kind, '2764', side.share, id, :day, side.amount, 'VND'
    FROM made CROSS JOIN LATERAL (VALUES
      ('receivable', 'all', amount),
      ('owed', 'retained', -(amount * retention_bp / 10000)),
      ('owed', 'budget', amount * retention_bp / 10000 - amount)) AS side (account, share, amount)
    WHERE side.amount <> 0
    """
).bindparams(*(bindparam(name, type_=BigInteger) for name in ("number", "payments", "agencies")), bindparam("day", type_=Date))
_COUNT = """
    SELECT (SELECT count(*) FROM journal) AS journals, (SELECT count(*) FROM posting) AS postings,
           (SELECT count(*) FROM rollup) AS rollups,
           (SELECT count(*) FROM rollup WHERE business_on = :day) AS rollups_of_a_day,
           (SELECT count(*) FROM journal WHERE business_on = :day) AS payments_of_a_day,
           pg_total_relation_size('rollup') / 1048576 AS rollup_mib, pg_relation_size('ix_journal_xact') / 1048576 AS index_mib
"""
_FLOOR = text("SELECT agency_id, kind, budget_line, sum(amount) FROM rollup WHERE business_on = :day GROUP BY 1, 2, 3")
_BEFORE = text(
    "SELECT agency_id, kind, budget_line, sum(amount) FROM posting WHERE business_on = :day AND account = 'owed' GROUP BY 1, 2, 3"
)


class AddsUpOtherwise(Exception):
    """A total is not what was written."""


def measure(home: Path, payments: int, days: int, agencies: int, tail: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure everything; raise where a total is not what was written."""
    home.mkdir(parents=True, exist_ok=True)
    with stores(ROOT, home, FULL) as stage:
        each = payments // days
        say(f"writing {each * days:,} payments of {days} days and {agencies} agencies")
        _write(stage, each, days, agencies)
        say("folding")
        began = time.perf_counter()
        steps = rollups.fold(stage.hub, 100_000)
        fold_s = time.perf_counter() - began
        with stage.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("SET statement_timeout = 0"))
            connection.execute(text("VACUUM (ANALYZE, PARALLEL 2)"))
            counted = dict(connection.execute(text(_COUNT), {"day": FIRST_ON}).mappings().one())
        say("reading")
        quiet = _reads(stage, days, each)
        # A day's last journals, of which nobody has gathered statistics and nothing is folded.
        _fill(stage, days, tail, agencies)
        behind = _reads(stage, days + 1, each, [FIRST_ON + timedelta(days=days)])
        return {
            "payments": each * days, **counted, "fold_seconds": round(fold_s, 1), "fold_steps": steps,
            "folded_per_s": round(each * days / fold_s), **quiet, "tail": tail,
            **{f"{name}_with_tail": ms for name, ms in behind.items()}, "machine": machine.facts(stage.engine),
        }  # fmt: skip


def _write(stage: Stage, each: int, days: int, agencies: int) -> None:
    with stage.engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text(_AGENCIES), {"agencies": agencies})
    for number in range(days):
        _fill(stage, number, each, agencies)


def _fill(stage: Stage, number: int, payments: int, agencies: int) -> None:
    with stage.engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        day = FIRST_ON + timedelta(days=number)
        connection.execute(_DAY, {"number": number, "day": day, "payments": payments, "agencies": agencies})


def _reads(stage: Stage, days: int, each: int, asked: list[date] | None = None) -> dict[str, float]:
    """Return how long each read takes, the median of many days, and the CPU that PostgreSQL needs for one of agencies' totals."""
    wanted = asked or [FIRST_ON + timedelta(days=number * days // _READS % days) for number in range(_READS)]
    wanted = (wanted * _READS)[:_READS]
    with stage.hub.db.session() as session:
        if asked is None and {grand(agency_totals(session, day))[0].count for day in wanted[:3]} != {each}:
            raise AddsUpOtherwise(f"a day's total is not {each} payments")
        pid = session.connection().scalar(text("SELECT pg_backend_pid()")) or 0
        used = machine.cpu_s(pid)
        told = {"activity_ms": _ms(wanted, lambda day: agency_totals(session, day))}
        used = machine.cpu_s(pid) - used
        told |= {
            "activity_cpu_ms": round(1000 * used / len(wanted), 1),
            "cohort_ms": _ms(wanted, lambda day: agency_totals(session, day, mode="cohort")),
            "accounts_ms": _ms(wanted, lambda day: account_totals(session, day)),
            "floor_ms": _ms(wanted, lambda day: session.execute(_FLOOR, {"day": day}).all()),
            "from_postings_ms": _ms(wanted, lambda day: session.execute(_BEFORE, {"day": day}).all()),
        }
        return told


def _ms(days: list[date], read: Callable[[date], object]) -> float:
    took = []
    for day in days:
        began = time.perf_counter()
        read(day)
        took.append(1000 * (time.perf_counter() - began))
    return round(median(took), 1)


def main() -> int:
    """Measure and return the exit code: 1 where a total is wrong, 130 when interrupted."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.totals", description=__doc__)
    parser.add_argument("--payments", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=100)
    parser.add_argument("--agencies", type=int, default=500)
    parser.add_argument("--tail", type=int, default=1_000, help="payments that are not folded yet while the last reads are done")
    parser.add_argument("--home", type=Path, default=ROOT / ".payhub" / "bench-totals", help="where the servers keep data")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "bench-totals.json", help="where the figures go")
    asked, console = parser.parse_args(), Console()
    try:
        with interruptible():
            told = measure(asked.home.resolve(), asked.payments, asked.days, asked.agencies, asked.tail, console.print)
    except (AddsUpOtherwise, EmbeddedError) as error:
        console.print(f"bench-totals: {type(error).__name__}: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("bench-totals: interrupted, everything is stopped")
        return 130
    asked.output.parent.mkdir(parents=True, exist_ok=True)
    asked.output.write_text(json.dumps(told, indent=2, default=int) + "\n", encoding="utf-8")
    console.print_json(json.dumps({name: value for name, value in told.items() if name != "machine"}, default=int))
    return 0


if __name__ == "__main__":
    sys.exit(main())
