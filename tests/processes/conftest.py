"""Real processes and a Valkey of their own, which a test may kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import RedisError

from payhub.embedded.valkey import ValkeyServer
from payhub.settings import Settings

ROOT = Path(__file__).parents[2]
BODY = """
from payhub import log, settings
from payhub.clock import SystemClock
from payhub.hub import build
from payhub.registry import Periodic
from payhub.scheduling import run_scheduler, run_worker
given = settings.load()
log.configure(given.log)
hub = build(given, {}, SystemClock())
"""
SCHEDULER = BODY + "run_scheduler(hub, [Periodic(f'webhooks.jobs.{name}', lambda s: 1) for name in ('relay', 'deliver_due')])"
WORKER = BODY + "run_worker(hub)"


class Valkey:
    """A Valkey that can be killed and started again on the same data."""

    def __init__(self, home: Path) -> None:
        for name in ("run", "log"):
            (home / name).mkdir(parents=True)
        self._home = home
        self.start()
        self.client = Redis.from_url(self.url)

    def start(self) -> None:
        self._server = ValkeyServer(self._home, "valkey")
        self._server.start()
        self.url = self._server.url

    def kill(self) -> None:
        os.kill(self._server.pid, signal.SIGKILL)
        self._server.child.wait()

    def stop(self) -> None:
        self.client.close()
        self._server.stop()


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    made = Valkey(tmp_path / "valkey-of-its-own")
    yield made
    made.stop()


@dataclass
class Processes:
    """Schedulers and workers of one test; none outlives it."""

    environ: dict[str, str]
    log: Path
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def scheduler(self) -> subprocess.Popen[bytes]:
        return self._start(SCHEDULER)

    def worker(self) -> subprocess.Popen[bytes]:
        return self._start(WORKER)

    def _start(self, body: str) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            process = subprocess.Popen([sys.executable, "-c", body], cwd=ROOT, env=self.environ, stdout=log, stderr=log)
        self.started.append(process)
        return process


@pytest.fixture
def processes(settings: Settings, valkey: Valkey, tmp_path: Path) -> Iterator[Processes]:
    environ = {
        **os.environ,
        "PAYHUB_CONFIG": str(ROOT / "config" / "test.toml"),
        "PAYHUB_LOG__LEVEL": "INFO",
        "DATABASE_URL": settings.database.url,
        "REDIS_URL": valkey.url,
    }
    made = Processes(environ, tmp_path / "processes.log")
    yield made
    for process in made.started:
        process.terminate()
    for process in made.started:
        process.wait(20)
    sys.stderr.write(made.log.read_text())


@pytest.fixture
def comes_true(eventually) -> Callable[..., Any]:
    """Wait for a condition; trouble with a Valkey that is starting again counts as not yet."""
    return partial(eventually, within_s=15.0, despite=(RedisError,))
