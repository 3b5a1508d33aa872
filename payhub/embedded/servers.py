"""Both servers of one project, together."""

import os
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from payhub.embedded.accounts import RunAs
from payhub.embedded.errors import EmbeddedError
from payhub.embedded.postgres import PostgresServer
from payhub.embedded.process import Server, locked
from payhub.embedded.programs import Source
from payhub.embedded.valkey import ValkeyServer


@dataclass(frozen=True)
class Addresses:
    """Where the servers listen: what the rest of the system needs to know."""

    database_url: str
    redis_url: str


class Servers:
    """Two running servers; as a context manager it stops on leaving those that it started."""

    def __init__(self, postgres: PostgresServer, redis: ValkeyServer) -> None:
        self._postgres, self._redis = postgres, redis
        self.addresses = Addresses(database_url=postgres.url, redis_url=redis.url)
        self.postgres_pid = postgres.pid
        self.redis_pid = redis.pid

    def stop(self) -> None:
        """Stop both servers in good order, whoever started them; servers that are down already stay down."""
        self._stop([self._redis, self._postgres])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop([server for server in (self._redis, self._postgres) if server.child is not None])

    def _stop(self, servers: list[Server]) -> None:
        with ExitStack() as stack:
            # Somebody may have deleted the project under its running servers.
            with suppress(FileNotFoundError):
                stack.enter_context(locked(_door(self._postgres.home)))
            for server in reversed(servers):
                stack.callback(server.stop)


def start(
    home: Path,
    *,
    postgres: Source = "auto",
    redis: Source = "auto",
    settings: Mapping[str, str] | None = None,
    run_as: RunAs = "auto",
) -> Servers:
    """Start PostgreSQL and Valkey with their data under `home`, or join those that already run there.

    `settings` are PostgreSQL's own, given to a server that is started and without effect on one that is joined. Where a source is
    `auto`, `PAYHUB_EMBEDDED_POSTGRES` and `PAYHUB_EMBEDDED_REDIS` may say `wheel` or `system`. `run_as` forces one way of running
    PostgreSQL.
    """
    home = home.resolve()
    database = PostgresServer(home, "postgres", source=_source(postgres, "POSTGRES"), run_as=run_as, settings=settings or {})
    cache = ValkeyServer(home, "valkey", source=_source(redis, "REDIS"))
    try:
        _make_folders(home)
        with locked(_door(home)), ExitStack() as failing:
            for server in (database, cache):
                failing.callback(_stop_if_started, server)
                server.start()
            database.ensure_database()
            servers = Servers(database, cache)
            failing.pop_all()
    except OSError as error:
        raise EmbeddedError(
            f"The servers under {home} cannot be started: {error}. Check that the folder is yours and that the disk has room."
        ) from error
    return servers


def _source(asked: Source, name: str) -> Source:
    variable = f"PAYHUB_EMBEDDED_{name}"
    match os.environ.get(variable, "auto") if asked == "auto" else asked:
        case "wheel" | "system" | "auto" as source:
            return source
        case other:
            raise EmbeddedError(f"{variable} is {other!r}; it can be wheel, system or auto.")


def _make_folders(home: Path) -> None:
    if not home.exists():
        # PostgreSQL's account may have to walk through; the folders inside are closed.
        home.mkdir(parents=True)
        home.chmod(0o711)
    for name in ("run", "log"):
        (home / name).mkdir(mode=0o700, exist_ok=True)


def _door(home: Path) -> Path:
    """Name the lock through which starts and stops go one at a time."""
    return home / "run" / "start.lock"


def _stop_if_started(server: Server) -> None:
    if server.child is not None:
        server.stop()
