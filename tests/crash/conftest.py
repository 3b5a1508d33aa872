"""A place for a round, and what is left of it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder with a short name: the stores' sockets are in it."""
    with tempfile.TemporaryDirectory(prefix="ph-") as folder:
        yield Path(folder) / "home"


@pytest.fixture
def left_of() -> Callable[[Path], list[bytes]]:
    """Whatever still runs and was told of a folder."""

    def look(folder: Path) -> list[bytes]:
        found = []
        for entry in os.scandir("/proc"):
            if entry.name.isdecimal() and int(entry.name) != os.getpid():
                try:
                    told = Path(f"/proc/{entry.name}/environ").read_bytes() + Path(f"/proc/{entry.name}/cmdline").read_bytes()
                except OSError:
                    continue
                if str(folder).encode() in told:
                    found.append(told)
        return found

    return look
