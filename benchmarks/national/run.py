"""One national run: seed, reconcile, look at what was found, reconcile again beside citizens who pay."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import select, text

from benchmarks import machine
from benchmarks.arrivals import Arrivals, Arrived, arrive
from benchmarks.national import history
from benchmarks.national.history import PLANTED, Month
from benchmarks.sizes import FULL
from benchmarks.stage import Stage, running, stores
from reconciliation import runs
from reconciliation.models import Settlement
from reconciliation.totals import agency_totals

Say = Callable[[str], None]
BYTES_EACH = 3_300
"""What one payment takes on the disk, its file, its line, its proof and the log included."""
TUNED = {
    "shared_buffers": "1GB", "wal_level": "minimal", "max_wal_senders": "0", "max_wal_size": "8GB", "checkpoint_timeout": "30min",
}  # fmt: skip
"""PostgreSQL on one machine that nothing is replicated from: room for the rows at work, and no log of tables made with them."""
_DATA = ("postgres", "work")
"""The folders of `home` that grow with the payments."""
_WORKERS = 2
_ARRIVALS_PER_S = 15.0
_WARM_UP_S = 3.0
_FLOOR = """
    SELECT count(*) FILTER (WHERE theirs.reference IS NULL), count(*) FILTER (WHERE ours.reference IS NULL),
           count(*) FILTER (WHERE ours.amount <> theirs.amount)
    FROM (SELECT reference, confirmed AS amount FROM attempt WHERE gateway_on BETWEEN :first_on AND :last_on
          AND gateway_account_id = :account_id) AS ours
    FULL JOIN (SELECT line.reference, sum(line.amount) AS amount FROM settlement
               JOIN settlement_line AS line ON line.part = settlement.part AND line.settlement_id = settlement.id
               WHERE settlement.gateway_account_id = :account_id AND settlement.period_on = :first_on
               GROUP BY 1) AS theirs USING (reference)
"""


class NoRoom(Exception):
    """The disk has too little room."""


class FoundOtherwise(Exception):
    """What was found is not what was planted."""


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass over all files."""

    seconds: float
    workers: Sequence[Mapping[str, float]]
    cpu_s: Mapping[str, float]


def measure(root: Path, home: Path, payments: int, months: int, listened_s: float, say: Say) -> dict[str, Any]:
    """Measure everything; raise where something else was found than planted, and leave what there is to look at."""
    home.mkdir(parents=True, exist_ok=True)
    free, needed = _room(home), payments * BYTES_EACH
    if free < needed:
        raise NoRoom(f"{home} has {free / 2**30:.0f} GiB free, and {needed / 2**30:.0f} GiB are needed")
    told = _measured(root, home, payments, months, listened_s, say)
    for name in _DATA:
        shutil.rmtree(home / name, ignore_errors=True)
    return told


def _room(home: Path) -> int:
    """Return how much may be written: what is free, and what a run before left there, which this one removes."""
    left = (file.lstat().st_size for name in _DATA for file in (home / name).rglob("*") if file.is_file())
    return shutil.disk_usage(home).free + sum(left)


def _measured(root: Path, home: Path, payments: int, months: int, listened_s: float, say: Say) -> dict[str, Any]:
    with stores(root, home, replace(FULL, workers=2), TUNED) as stage:
        wanted = history.months(stage, payments, months)
        say(f"writing {sum(month.payments for month in wanted):,} payments and their files")
        began = time.monotonic()
        statements = history.write(stage, wanted)
        seeded_s = time.monotonic() - began
        say("first pass: import, match, prove, hold against the bank")
        files = [_file(month) for month in wanted]
        first = _pass(stage, [*files, *({"statement": str(path), "bank": history.BANK} for path in statements)])
        say(f"{first.seconds:.1f} s; looking at what was found")
        planted, found = _compare(stage, wanted)
        rows = _rows(stage)
        totals_ms = _totals_ms(stage)
        say("the bare join of the same rows")
        floor_s = _floor(stage, wanted)
        say("second pass, beside citizens who pay")
        second, quiet, beside = _beside(stage, listened_s)
        return {
            "rows": rows,
            "seconds": round(first.seconds, 2),
            "worker_peak_mib": round(max(each["peak_mib"] for each in first.workers), 1),
            "planted": planted,
            "found": found,
            "p99_ratio": round(beside.latency_ms["p99"] / quiet.latency_ms["p99"], 2),
            "p99_quiet_ms": quiet.latency_ms["p99"],
            "p99_beside_ms": beside.latency_ms["p99"],
            "second_pass_seconds": round(second.seconds, 2),
            "floor_seconds": round(floor_s, 2),
            "totals_ms": totals_ms,
            "seeding_seconds": round(seeded_s, 1),
            "workers": first.workers,
            "cpu_s": first.cpu_s,
            "settings": TUNED,
            "machine": machine.facts(stage.engine),
        }


def _file(month: Month) -> dict[str, Any]:
    period = {"first_on": month.first_on.isoformat(), "last_on": month.last_on.isoformat()}
    return {"path": str(month.file), "account": month.account, **period}


def _pass(stage: Stage, files: Sequence[Mapping[str, Any]]) -> Pass:
    """Let the workers take the files; each is a process of its own."""
    environment = {**stage.surroundings.environment, "PAYHUB_PATHS__MAPPINGS": str(history.HERE)}
    command = [sys.executable, "-m", "benchmarks.national.worker"]
    before, began = machine.cpu_s(stage.servers.postgres_pid), time.perf_counter()

    def work(place: int) -> dict[str, float]:
        done = subprocess.run(
            [*command, str(place), str(_WORKERS)], input=json.dumps(files), env=environment, cwd=stage.root,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise FoundOtherwise(done.stderr[-2000:])
        told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        return told

    with ThreadPoolExecutor(_WORKERS) as pool:
        workers = list(pool.map(work, range(_WORKERS)))
    took = time.perf_counter() - began
    postgres = machine.cpu_s(stage.servers.postgres_pid) - before
    return Pass(took, workers, {"postgres": round(postgres, 1), "workers": round(sum(each["cpu_s"] for each in workers), 1)})


def _compare(stage: Stage, wanted: Sequence[Month]) -> tuple[dict[str, int], dict[str, int]]:
    """Return what was planted and found of each kind; raise where the very payments differ."""
    planted = dict.fromkeys(PLANTED, sum(month.planted for month in wanted))
    # What is listed in another currency is to be paid over in it, and never is.
    planted["payout_missing"] = len(wanted)
    with stage.engine.connect() as connection:
        connection.execute(text("SET statement_timeout = 0"))
        standing = "SELECT kind, count(*) AS count FROM discrepancy WHERE state <> 'resolved' GROUP BY kind"
        counted = connection.execute(text(standing))
        found: dict[str, int] = dict(counted.tuples().all())
        cases = " ".join(f"WHEN '{kind}' THEN {place}" for kind, place in PLANTED.items())
        strange = connection.execute(
            text(
                "SELECT discrepancy.kind, discrepancy.key FROM discrepancy LEFT JOIN attempt "
                "ON attempt.gateway_account_id = discrepancy.gateway_account_id "
                "AND attempt.reference = rtrim(discrepancy.evidence ->> 'reference', 'X') "
                "LEFT JOIN payment ON payment.id = attempt.payment_id WHERE discrepancy.kind <> 'payout_missing' "
                f"AND right(payment.reference, 7)::int % 1000 IS DISTINCT FROM CASE discrepancy.kind {cases} END LIMIT 5"
            )
        ).all()
        banked = connection.scalar(text("SELECT count(*) FROM payout_state WHERE state = 'banked' AND currency = 'VND'"))
    if found != planted or strange or banked != len(wanted):
        raise FoundOtherwise(f"found {found} where {planted} was planted, {banked} payouts banked; others: {strange}")
    return planted, found


def _rows(stage: Stage) -> int:
    with stage.engine.connect() as connection:
        return connection.scalar(text("SELECT sum(line_count)::bigint FROM settlement WHERE superseded_by_id IS NULL")) or 0


def _totals_ms(stage: Stage) -> float:
    """Return how long one day's totals take, the median of five days."""
    took = []
    with stage.hub.db.session() as session:
        days = session.scalars(text("SELECT DISTINCT business_on FROM run_total ORDER BY 1 DESC LIMIT 7")).all()
        for day in days:
            began = time.perf_counter()
            agency_totals(session, day)
            took.append(1000 * (time.perf_counter() - began))
    return round(sorted(took)[len(took) // 2], 1)


def _floor(stage: Stage, wanted: Sequence[Month]) -> float:
    """Return how long the bare join of the same rows takes, two at a time."""

    def join(month: Month) -> None:
        with stage.engine.connect() as connection:
            connection.execute(text("SET statement_timeout = 0"))
            binds = {"first_on": month.first_on, "last_on": month.last_on, "account_id": month.account_id}
            connection.execute(text(_FLOOR), binds).one()

    began = time.perf_counter()
    with ThreadPoolExecutor(_WORKERS) as pool:
        list(pool.map(join, wanted))
    return time.perf_counter() - began


def _beside(stage: Stage, listened_s: float) -> tuple[Pass, Arrived, Arrived]:
    """Run every settlement again while citizens pay; return the pass, and how long they waited without and beside it."""
    with running(stage):
        load = Arrivals(stage.target, _ARRIVALS_PER_S, listened_s, 32, 1, "lifecycle")
        arrive(stage.root, replace(load, seconds=_WARM_UP_S))
        quiet = arrive(stage.root, load)
        # Asked for no sooner: the hub's own worker takes what waits.
        again = [{"run": str(run_id)} for run_id in _ask_again(stage)]
        with ThreadPoolExecutor(1) as pool:
            passing = pool.submit(_pass, stage, again)
            beside = arrive(stage.root, replace(load, seed=2))
            return passing.result(), quiet, beside


def _ask_again(stage: Stage) -> list[uuid.UUID]:
    with stage.hub.db.session() as session:
        current = session.scalars(select(Settlement).where(Settlement.superseded_by_id.is_(None)).order_by(Settlement.period_on))
        return [runs.ask_run(session, settlement, stage.hub.clock.now()) for settlement in current.all()]
