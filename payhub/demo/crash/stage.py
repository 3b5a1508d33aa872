"""Where a round takes place: stores and processes of its own, each of which can be killed and started again."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from payhub import embedded
from payhub.demo.crash.service import Service
from payhub.demo.crash.strikes import Strike, victim_of

_PATIENCE_S = 60.0
_AIM_S = 1.5


class Stores:
    """PostgreSQL and Valkey under one folder, with all that makes a commit last."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._servers = embedded.start(home)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._servers.stop()

    @property
    def addresses(self) -> embedded.Addresses:
        """Where they listen; a store that is started again listens where it did."""
        return self._servers.addresses

    def kill_valkey(self) -> None:
        """Kill Valkey with -9."""
        _kill_child(self._servers.redis_pid)

    def kill_postgres(self) -> None:
        """Kill the postmaster with -9: its backends notice, and end."""
        _kill_child(self._servers.postgres_pid)

    def kill_backend(self, chance: random.Random) -> None:
        """Kill the server process of one connection with -9, after which PostgreSQL restarts all; itself where there is none."""
        backends = sorted(_backends(self._servers.postgres_pid))
        if not backends:
            self.kill_postgres()
            return
        with suppress(ProcessLookupError):
            os.kill(chance.choice(backends), signal.SIGKILL)

    def revive(self) -> None:
        """Start what is down, and let it recover."""
        self._servers = embedded.start(self._home)


def _kill_child(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    with suppress(ChildProcessError):
        os.waitpid(pid, 0)


def _backends(postmaster: int) -> Iterator[int]:
    """Find the server processes of connections, which say so in their titles."""
    for entry in os.scandir("/proc"):
        if entry.name.isdecimal():
            with suppress(OSError, ValueError, IndexError):
                parent = int(Path(entry.path, "stat").read_text().rpartition(")")[2].split()[1])
                if parent == postmaster and b"[local]" in Path(entry.path, "cmdline").read_bytes():
                    yield int(entry.name)


class Stage:
    """Everything that can be killed, by the names of `strikes.TARGETS`; `kills` counts by victim.

    The worker is killed while it is `sending`, if it does so soon.
    """

    def __init__(self, stores: Stores, service: Service, seed: int, sending: Callable[[], bool]) -> None:
        self._stores, self._service, self._chance, self._sending = stores, service, random.Random(seed), sending
        self.kills: Counter[str] = Counter()

    def strike(self, strike: Strike) -> None:
        """Let the calm pass, kill, let the pause pass, and start again."""
        self._pass(strike.calm_s)
        if "worker" in map(victim_of, strike.targets):
            self._pass(_AIM_S, self._sending)
        for target in strike.targets:
            self._kill(target)
            self.kills[victim_of(target)] += 1
        self._pass(strike.pause_s)
        for target in strike.targets:
            self._revive(victim_of(target))

    def _kill(self, target: str) -> None:
        killers: dict[str, Callable[[], None]] = {
            "web/worker": lambda: self._service.kill_child("web", self._chance),
            "worker/jobs": lambda: self._service.kill_child("worker", self._chance),
            "valkey": self._stores.kill_valkey,
            "postgres": self._stores.kill_postgres,
            "postgres/backend": lambda: self._stores.kill_backend(self._chance),
        }
        killers.get(target, lambda: self._service.kill(target))()

    def _revive(self, victim: str) -> None:
        if victim in {"postgres", "valkey"}:
            self._stores.revive()
        else:
            self._service.revive(victim)

    def _pass(self, duration_s: float, sooner: Callable[[], bool] = lambda: False) -> None:
        ends = time.monotonic() + duration_s
        self._service.wait_until(lambda: sooner() or time.monotonic() >= ends, lambda: "time to pass", _PATIENCE_S)
