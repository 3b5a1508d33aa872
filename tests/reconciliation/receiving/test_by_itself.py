"""A scheduler and two workers as real processes: files that are dropped are taken and run without anybody asking."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

pytestmark = pytest.mark.heavy

ROOT = Path(__file__).parents[3]
BODY = """
from gateways.registry import GATEWAYS
from payhub import log, settings
from payhub.app import registry
from payhub.clock import SystemClock
from payhub.hub import build
from payhub.scheduling import run_scheduler, run_worker
given = settings.load()
log.configure(given.log)
hub = build(given, GATEWAYS, SystemClock())
"""
SCHEDULER = f"{BODY}\nrun_scheduler(hub, [each for each in registry().periodic if each.path.startswith('reconciliation')])"
WORKER = f"{BODY}\nrun_worker(hub)"


def test_what_is_dropped_is_taken_and_run_while_workers_die(desk, settings, inbox, rows, eventually) -> None:
    environ = {
        **os.environ, "PAYHUB_CONFIG": str(ROOT / "config" / "test.toml"), "DATABASE_URL": settings.database.url, "REDIS_URL": settings.redis.url,
        "PAYHUB_PATHS__MAPPINGS": str(settings.paths.mappings), "PAYHUB_FILES__FOLDER": settings.files.folder, "PAYHUB_FILES__QUIET_S": "0",
        "PAYHUB_FILES__LOOK_S": "1", "PAYHUB_JOBS__RUNS_S": "1",
    }  # fmt: skip
    attempt = desk.pay()

    with ExitStack() as running:

        def start(body: str) -> subprocess.Popen[bytes]:
            process = subprocess.Popen([sys.executable, "-c", body], cwd=ROOT, env=environ)
            running.callback(process.wait, 20)
            running.callback(process.terminate)
            return process

        start(SCHEDULER)
        workers = [start(WORKER) for _ in range(2)]
        inbox.drop("vnpay-2026-11-20.csv", desk.write([desk.row_of(attempt)]))
        assert eventually(lambda: rows("SELECT state FROM run") == [("done",)], "it was never run", 40)
        workers[0].kill()
        inbox.drop("vnpay-2026-11-20.csv", desk.write([desk.row_of(attempt), desk.row("X", 1_000)]))
        assert eventually(lambda: rows("SELECT state FROM run ORDER BY id") == [("done",)] * 2, "the correction was never run", 40)
        assert eventually(lambda: len(inbox.holds().get("taken", ())) == 2)
    assert rows("SELECT state FROM received_file") == [("taken",)] * 2
    assert desk.classes() == {"matched": 1, "missing_at_hub": 1}
