"""PostgreSQL for one project: made, started, found again and stopped."""

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from payhub.embedded.accounts import RunAs, Stage, choose_stage
from payhub.embedded.errors import EmbeddedError
from payhub.embedded.process import Child, Server, interrupt, process_of
from payhub.embedded.programs import ENVIRONMENT, Postgres, Source, find_postgres
from payhub.embedded.sockets import socket_folder

# Commits survive a power cut, nothing listens on the network, and a day is a day in UTC.
SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - only looked at
ENOUGH_SHARED_MEMORY = 256 * 2**20

CREATE_DATABASE = """
SELECT 'CREATE DATABASE payhub' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'payhub') \\gexec
"""


@dataclass(frozen=True)
class Endpoint:
    """What a running server writes into postmaster.pid: who it is and where it listens."""

    pid: int
    port: int
    sockets: Path

    @property
    def socket_file(self) -> Path:
        """The socket file."""
        return self.sockets / f".s.PGSQL.{self.port}"

    @property
    def options(self) -> list[str]:
        """How PostgreSQL's own clients are pointed at it, whatever their environment says."""
        return ["-h", str(self.sockets), "-p", str(self.port), "-U", "payhub", "-d", "postgres"]


@dataclass
class PostgresServer(Server):
    """The project's PostgreSQL."""

    advice = "Correct what it names, then start again."

    source: Source = "auto"
    run_as: RunAs = "auto"
    settings: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def programs(self) -> Postgres:
        """The installation that fits the data folder, which nothing touches before this is known."""
        return find_postgres(self.source, self._data_major(), self.data)

    @property
    def url(self) -> str:
        """The address of the database `payhub` for SQLAlchemy and psycopg."""
        endpoint = self._present()
        return f"postgresql+psycopg://payhub@/payhub?host={endpoint.sockets}&port={endpoint.port}"

    def endpoint(self) -> Endpoint | None:
        """Read what the server says of itself, once it says that it is ready."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            ready = lines[7].strip() == "ready"
            return Endpoint(int(lines[0]), int(lines[3]), Path(lines[4])) if ready else None
        except (FileNotFoundError, IndexError, ValueError):
            return None

    def answering(self) -> int | None:
        """Ask pg_isready; a file that says ready may be a dead server's."""
        endpoint = self.endpoint()
        if endpoint is None:
            return None
        asked = [self.programs["pg_isready"], "-q", *endpoint.options]
        return endpoint.pid if subprocess.run(asked, check=False, env=ENVIRONMENT).returncode == 0 else None

    def recorded(self) -> int | None:
        """Return the postmaster's pid."""
        return process_of(self.data / "postmaster.pid", str(self.data))

    def is_lost(self) -> bool:
        """Tell whether it is ready but its socket was removed."""
        endpoint = self.endpoint()
        return endpoint is not None and not endpoint.socket_file.exists()

    def spawn(self, life: int) -> Child:
        """Start it, on a new data folder if there is none yet."""
        programs = self.programs
        stage = choose_stage(self.run_as, programs, self.data)
        if stage.data.exists():
            stage.account.own(stage.data)
        else:
            self._initialise(stage, life)
        sockets = socket_folder(stage.data, stage.account.uid)
        self._clear(sockets)
        settings = {**SETTINGS, **_shared_memory(SHARED_MEMORY), **self.settings, "unix_socket_directories": str(sockets)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = [*stage.account.prefix, stage.programs["postgres"], "-D", str(stage.data), *options]
        return self.run(command, life, stage.account.identity)

    def end(self, pid: int) -> None:
        """Ask for a fast stop: sessions are cut off, committed work is written down."""
        interrupt(pid, signal.SIGINT)

    def ensure_database(self) -> None:
        """Create the database if it is missing; the role came with the data folder."""
        command = [self.programs["psql"], "-X", "-q", "-v", "ON_ERROR_STOP=1", *self._present().options]
        done = subprocess.run(command, input=CREATE_DATABASE, capture_output=True, text=True, check=False, env=ENVIRONMENT)
        if done.returncode != 0:
            raise EmbeddedError(f"The database payhub cannot be created in {self.data}: {done.stderr.strip()}")

    def _present(self) -> Endpoint:
        endpoint = self.endpoint()
        if endpoint is None:
            raise EmbeddedError(f"PostgreSQL stopped while it was being started. See {self.log}.")
        return endpoint

    def _data_major(self) -> int | None:
        link = self.home / self.name
        if link.is_symlink() and not self.data.parent.exists():
            raise EmbeddedError(f"{link} points to {self.data}, which is gone. Remove the link to begin with an empty database.")
        if not self.data.exists():
            return None
        try:
            return int((self.data / "PG_VERSION").read_text())
        except (FileNotFoundError, ValueError):
            raise EmbeddedError(f"{self.data} is no data folder of PostgreSQL. Nothing was touched; move it away.") from None

    def _initialise(self, stage: Stage, life: int) -> None:
        """Make the data folder beside its place, so that one in its place is always whole."""
        unfinished = stage.data.with_name(f"{stage.data.name}.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        stage.account.own(unfinished)
        command = [
            stage.programs["initdb"], "-D", str(unfinished), "-U", "payhub", "--auth-local=trust", "--auth-host=scram-sha-256",
            "--encoding=UTF8", "--data-checksums", "--no-instructions",
        ]  # fmt: skip
        if stage.programs.major >= 17:
            command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if stage.programs.major >= 16:
            # Making the data folder starts a server too, which must make do with the same shared memory.
            command += [f"--set={name}={value}" for name, value in _shared_memory(SHARED_MEMORY).items()]
        if self.settings.get("fsync") == "off":
            command += ["--no-sync"]
        # A slim system may lack even C.UTF-8; plain C is always there.
        done = stage.account.run([*command, "--locale=C.UTF-8"], life=[life])
        if done.returncode != 0:
            done = stage.account.run([*command, "--locale=C"], life=[life])
        if done.returncode != 0:
            raise EmbeddedError(f"The data folder {stage.data} cannot be made: {done.stderr.strip()}")
        unfinished.rename(stage.data)

    def _clear(self, sockets: Path) -> None:
        """Remove a dead server's files: PostgreSQL would take any live or zombie process with its old pid for itself."""
        for left in [self.data / "postmaster.pid", *sockets.glob(".s.PGSQL.*")]:
            left.unlink(missing_ok=True)


def _shared_memory(folder: Path) -> dict[str, str]:
    """Keep shared memory in files where the system has little of it: containers often give 64 MB."""
    enough = os.access(folder, os.W_OK) and shutil.disk_usage(folder).total >= ENOUGH_SHARED_MEMORY
    return {} if enough else {"dynamic_shared_memory_type": "mmap"}
