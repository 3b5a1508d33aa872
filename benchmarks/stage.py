"""The stage: servers and processes of the benchmarks' own, on a fresh database, stopped again whatever happens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import IO

from sqlalchemy import Engine, make_url

from benchmarks.machine import child_running
from benchmarks.sizes import Sizes
from benchmarks.steps import Target
from payhub import embedded, log
from payhub.crypto import new_key
from payhub.demo.processes import Processes
from payhub.demo.seed import DEVELOPMENT_SECRET, seed
from payhub.demo.surroundings import HOST, Surroundings, alone, emptied, empty_stores, endpoints_at, free_ports
from payhub.embedded.programs import find_postgres
from payhub.hub import Hub

ACCOUNT, TERMINAL, PORTAL = "vnpay-main", "PAYHUB01", "dvc-bo-tu-phap"
# Nobody answers here: whatever is asked of the gateway fails at once and stays on this machine.
_NOWHERE = endpoints_at(f"http://{HOST}:9")
_DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


@dataclass(frozen=True, slots=True)
class Stage:
    """Where everything is, once the stores run and the registers are filled."""

    surroundings: Surroundings
    servers: embedded.Servers
    hub: Hub
    target: Target
    log: IO[str]
    """What this very process logs."""

    @property
    def engine(self) -> Engine:
        """The benchmarks' own way into the database."""
        return self.hub.db.engine

    @property
    def root(self) -> Path:
        """The checkout."""
        return self.surroundings.root

    @property
    def folder(self) -> Path:
        """A folder of this run's own."""
        return self.surroundings.folder

    def pgbench(self, *options: str) -> list[str]:
        """Return the command that runs pgbench on this database."""
        url = make_url(self.surroundings.database_url)
        data = self.surroundings.home / "postgres"
        program = find_postgres("auto", int((data / "PG_VERSION").read_text()), data)["pgbench"]
        where = ["-h", str(url.query["host"]), "-p", str(url.query["port"]), "-U", str(url.username)]
        return [program, *options, *where, str(url.database)]


@contextmanager
def stores(root: Path, home: Path, sizes: Sizes, tuned: Mapping[str, str] = MappingProxyType({})) -> Iterator[Stage]:
    """Lend a stage with stores and registers, and no process yet; `tuned` are settings of PostgreSQL beyond its defaults."""
    with ExitStack() as stack:
        servers = stack.enter_context(embedded.start(home, settings={**tuned, **_DURABLE}))
        folder = emptied(stack.enter_context(alone(home, "work")))
        database_url, redis_url = empty_stores(servers.addresses, "payhub_bench", 0)
        web, nobody = free_ports(2)
        surroundings = Surroundings(
            root=root, home=home, folder=folder, config=_settings(folder, sizes), database_url=database_url, redis_url=redis_url,
            web_port=web, simulator_port=nobody,
        )  # fmt: skip
        lines = stack.enter_context((folder / "bench.log").open("w", encoding="utf-8", buffering=1))
        hub = stack.enter_context(surroundings.hub())
        with redirect_stderr(lines):
            log.configure(hub.settings.log)
        seeded = seed(hub, surroundings.sample, endpoints_of=_NOWHERE)
        target = Target(HOST, web, seeded.keys[PORTAL], DEVELOPMENT_SECRET, TERMINAL, ACCOUNT)
        yield Stage(surroundings, servers, hub, target, lines)


def _settings(folder: Path, sizes: Sizes) -> Path:
    """Write settings that are the defaults wherever there is one; one key makes all calls, and each is counted."""
    path = folder / "bench.toml"
    path.write_text(
        f'mode = "test"\n[secrets]\nkeys = "1:{new_key()}"\n[web]\nworkers = {sizes.workers}\nthreads = {sizes.threads}\n'
        "[api]\nrate = 100_000\nburst = 1_000_000\n",
        encoding="utf-8",
    )
    return path


@contextmanager
def running(stage: Stage) -> Iterator[Mapping[str, int]]:
    """Run web, worker and scheduler; lend their process ids by name."""
    with Processes(stage.root, stage.folder, stage.surroundings.environment) as processes:
        for name in ("web", "worker", "scheduler"):
            processes.start(name, "-m", "payhub", name)
        processes.wait_for_answer(f"{stage.surroundings.base_url}/readyz")
        processes.check()
        yield {name: child_running(f"payhub\0{name}\0") for name in ("web", "worker", "scheduler")}
        processes.check()
