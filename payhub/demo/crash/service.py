"""The hub's processes under a service manager that starts again whatever has ended, and a way to kill them outright."""

from __future__ import annotations

import os
import random
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from payhub.demo.processes import Processes

_NEVER_ENDS = "simulator"
"""Its books are what the hub is held against: should it end, the round is worth nothing."""


class Service(Processes):
    """Each life of a process has a log of its own; `ended` counts those that ended without having been killed."""

    def __init__(self, root: Path, logs: Path, environment: Mapping[str, str]) -> None:
        super().__init__(root, logs, environment)
        self._commands: dict[str, tuple[str, ...]] = {}
        self._lives: Counter[str] = Counter()
        self._killed: dict[str, subprocess.Popen[bytes]] = {}
        self.ended: Counter[str] = Counter()

    def start(self, name: str, *arguments: str) -> None:
        """Start a process, and remember how."""
        self._commands[name] = arguments
        self._lives[name] += 1
        super().start(name, *arguments)

    def log(self, name: str) -> Path:
        """Return the file that takes what a process says in its present life."""
        return self._logs / f"{name}-{self._lives[name]}.log"

    def kill(self, name: str) -> None:
        """Kill a main process with -9; what it had started is left to itself until `revive`."""
        process = self._killed[name] = self._running.pop(name)
        os.kill(process.pid, signal.SIGKILL)

    def kill_child(self, name: str, chance: random.Random) -> None:
        """Kill one of the processes that a main process started; itself where it has none yet."""
        children = list(_children(self._running[name].pid))
        if not children:
            self.kill(name)
            return
        with suppress(ProcessLookupError):
            os.kill(chance.choice(children), signal.SIGKILL)

    def revive(self, name: str) -> None:
        """Start a killed process again; what is left of its former life is killed first, as service managers do."""
        process = self._killed.pop(name, None)
        if process is not None:
            _bury(process)
            self.start(name, *self._commands[name])

    def check(self) -> None:
        """Start again what has ended by itself, a web that found no database for one."""
        for name, process in list(self._running.items()):
            if not _has_ended(process):
                continue
            if name == _NEVER_ENDS:
                super().check()
            self.ended[name] += 1
            _bury(self._running.pop(name))
            self.start(name, *self._commands[name])

    def stop(self) -> None:
        """Bury the killed and stop the living."""
        while self._killed:
            _bury(self._killed.popitem()[1])
        super().stop()


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    # Not `poll`, which would bury it: as long as it lies there, nobody else gets its number, and the group is ours to kill.
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _bury(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _children(parent: int) -> Iterator[int]:
    """Find the Python processes that a process has started and that run the hub."""
    for entry in os.scandir("/proc"):
        if entry.name.isdecimal() and int(entry.name) != parent:
            with suppress(OSError, ValueError, IndexError):
                state, found = Path(entry.path, "stat").read_text().rpartition(")")[2].split()[:2]
                helper = b"resource_tracker" in Path(entry.path, "cmdline").read_bytes()
                if int(found) == parent and state != "Z" and not helper:
                    yield int(entry.name)
