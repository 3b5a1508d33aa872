"""The machine: what it is, and which processes its processors worked for."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

_TICK = os.sysconf("SC_CLK_TCK")


def cpu_s(*pids: int) -> float:
    """Return the seconds of CPU that processes, all that they started and all of those that are gone have used."""
    children = _children()
    waiting, ticks = list(pids), 0
    while waiting:
        pid = waiting.pop()
        waiting += children.get(pid, ())
        fields = _stat(pid)
        # utime, stime, and the same of children that have ended and been waited for.
        ticks += sum(int(value) for value in fields[11:15]) if fields else 0
    return ticks / _TICK


def busy_s() -> float:
    """Return the seconds that all processors of the machine have been busy, for whomever."""
    fields = [int(value) for value in Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:9]]
    idle = fields[3] + fields[4]
    return (sum(fields) - idle) / _TICK


def facts(engine: Engine) -> dict[str, Any]:
    """Return what a reader must know to compare figures."""
    cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next((line.partition(":")[2].strip() for line in cpuinfo if line.startswith("model name")), platform.machine())
    memory = int(Path("/proc/meminfo").read_text(encoding="ascii").split(maxsplit=2)[1])
    with engine.connect() as connection:
        asked = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "shared_buffers", "wal_sync_method")
        postgres = {name: connection.scalar(text("SELECT current_setting(:name)"), {"name": name}) for name in asked}
    return {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory / 2**20, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "postgres": postgres,
        "load_average": round(os.getloadavg()[0], 2),
    }


def child_running(ending: str) -> int:
    """Return the child of this process whose command line ends so, its words parted by NUL bytes."""
    for pid in _children().get(os.getpid(), ()):
        if Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace").endswith(ending):
            return pid
    raise LookupError(ending.replace("\0", " ").strip())


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def _children() -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for pid in _pids():
        fields = _stat(pid)
        if fields:
            found.setdefault(int(fields[1]), []).append(pid)
    return found


def _pids() -> Iterable[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdecimal())  # noqa: PTH208 - thousands of paths are not wanted
