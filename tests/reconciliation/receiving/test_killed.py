"""A worker that is killed while it takes a file leaves nothing half done, and the next one does it once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from reconciliation.receiving import folder, working

pytestmark = pytest.mark.heavy

ROOT = Path(__file__).parents[3]
TAKE = """
import sys, uuid
from gateways.registry import GATEWAYS
from payhub import settings
from payhub.clock import SystemClock
from payhub.hub import build
from reconciliation.receiving import working
working.execute(build(settings.load(), GATEWAYS, SystemClock()), uuid.UUID(sys.argv[1]))
"""


@pytest.fixture
def locked(hub):
    """Keep others from a table until told to let go."""

    @contextmanager
    def hold(table: str):
        with hub.db.engine.connect() as connection, connection.begin():
            connection.execute(text(f"LOCK TABLE {table} IN SHARE MODE"))
            yield connection

    return hold


def test_it_is_killed_before_while_and_after_the_file_is_taken(desk, hub, settings, inbox, locked, blocked, eventually, rows, came, clock) -> None:
    environ = {
        **os.environ, "PAYHUB_CONFIG": str(ROOT / "config" / "test.toml"), "DATABASE_URL": settings.database.url, "REDIS_URL": settings.redis.url,
        "PAYHUB_PATHS__MAPPINGS": str(settings.paths.mappings), "PAYHUB_FILES__FOLDER": settings.files.folder, "PAYHUB_FILES__QUIET_S": "0",
    }  # fmt: skip
    inbox.drop("vnpay-2026-11-20.csv", desk.write([desk.row("A", 1_000)]))
    folder.look(hub)
    [(file_id,)] = rows("SELECT id FROM received_file")

    @contextmanager
    def begin() -> Iterator[subprocess.Popen[bytes]]:
        with subprocess.Popen([sys.executable, "-c", TAKE, str(file_id)], cwd=ROOT, env=environ) as worker:
            try:
                yield worker
            finally:
                worker.kill()

    def kill(worker: subprocess.Popen[bytes]) -> None:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        clock.set(datetime.now(UTC))
        clock.pass_(hours=1)
        assert eventually(waiting, "nobody may take it over", 8) == [file_id]

    def waiting() -> list:
        with hub.db.session() as session:
            return working.due(session, hub.clock.now())

    with locked("received_file"), begin() as worker:
        blocked()
        kill(worker)
    # What it had asked for last may still have been done, by a server that did not know yet.
    assert rows("SELECT step FROM received_file") in ([(None,)], [("fetching",)])
    with locked("settlement_line"), begin() as worker:
        blocked()
        assert waiting() == [], "its owner lives"
        kill(worker)
    assert rows("SELECT state, step FROM received_file") == [("running", "taking")]
    assert desk.count("settlement") == 0
    with locked("settlement_line") as first, begin() as worker:
        blocked()
        with locked("received_file"):
            first.commit()
            eventually(lambda: desk.count("settlement") == 1)
            blocked()
            kill(worker)
    assert rows("SELECT state FROM received_file") in ([("running",)], [("taken",)])
    assert inbox.holds() == {"incoming": ["vnpay-2026-11-20.csv"]}
    inbox.look()
    assert came() == [("vnpay-2026-11-20.csv", "taken", None)]
    assert inbox.holds() == {"taken": ["vnpay-2026-11-20.csv"]}
    assert (desk.count("settlement"), desk.count("run")) == (1, 1)
    desk.carry_out()
