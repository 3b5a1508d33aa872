"""Where a demo or a development hub runs: its folders, its database and what its processes are told."""

from __future__ import annotations

import os
import shlex
import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from redis import Redis
from sqlalchemy import create_engine, make_url

from payhub import deployment, embedded, migrate, settings
from payhub.app import make_hub
from payhub.demo.errors import DemoFailed
from payhub.embedded.process import try_lock
from payhub.hub import Hub

HOST = "127.0.0.1"
_NOT_INHERITED = ("PAYHUB_", "DATABASE_", "REDIS_")


def checkout() -> Path:
    """Return the folder that holds `config/`: the present one, or the checkout this package was installed from."""
    for folder in (Path.cwd(), Path(__file__).parents[2]):
        if (folder / "config" / "sample").is_dir():
            return folder
    raise DemoFailed("config/sample was not found: run this in a checkout of PayHub")


def free_ports(count: int) -> list[int]:
    """Return ports on which nobody listens."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((HOST, 0))
        return [each.getsockname()[1] for each in sockets]


def free_port(wanted: int) -> int:
    """Return the wanted port, or another where that one is taken."""
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((HOST, wanted))
        except OSError:
            return free_ports(1)[0]
    return wanted


def endpoints_at(simulator_url: str, api_url: str = "") -> dict[str, dict[str, str]]:
    """Return the endpoints of an account at each gateway of a simulator; its APIs may be reached by way of another address."""
    api = api_url or simulator_url
    return {
        "vnpay": {"pay": f"{simulator_url}/paymentv2/vpcpay.html", "api": f"{api}/merchant_webapi/api/transaction"},
        "momo": {"api": api},
        "zalopay": {"api": api},
    }


@dataclass(frozen=True, slots=True)
class Surroundings:
    """One hub on this machine: `folder` is its own, emptied or kept; `web_port` and `simulator_port` are chosen for it."""

    root: Path
    home: Path
    folder: Path
    config: Path
    database_url: str
    redis_url: str
    web_port: int
    simulator_port: int

    @property
    def sample(self) -> Path:
        """The folder of the sample registers."""
        return self.root / "config" / "sample"

    @property
    def logs(self) -> Path:
        """Where its processes write what they say."""
        return self.home / "log" / self.folder.name

    @property
    def base_url(self) -> str:
        """How everybody reaches the hub."""
        return f"http://{HOST}:{self.web_port}"

    @property
    def simulator_url(self) -> str:
        """How everybody reaches the simulated gateways."""
        return f"http://{HOST}:{self.simulator_port}"

    @property
    def gateway_endpoints(self) -> dict[str, dict[str, str]]:
        """The endpoints of an account at each simulated gateway."""
        return endpoints_at(self.simulator_url)

    @property
    def told(self) -> dict[str, str]:
        """The settings of its processes, as environment variables."""
        return {
            "PAYHUB_CONFIG": str(self.config),
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "PAYHUB_WEB__HOST": HOST,
            "PAYHUB_WEB__PORT": str(self.web_port),
            "PAYHUB_WEB__BASE_URL": self.base_url,
            "PAYHUB_PATHS__HOME": str(self.home),
            "PAYHUB_PATHS__MAPPINGS": str(self.root / "config" / "mappings"),
        }

    @property
    def environment(self) -> dict[str, str]:
        """The whole environment of its processes: ours without what would change their settings."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_INHERITED)}
        return {**inherited, **self.told}

    def write_environment(self) -> Path:
        """Write the settings into a file that a shell can read; return it."""
        path = self.folder / "environment"
        told = {**self.told, "PAYHUB_DEV_GATEWAY": self.simulator_url}
        path.write_text("".join(f"export {name}={shlex.quote(value)}\n" for name, value in told.items()), encoding="utf-8")
        return path

    @contextmanager
    def hub(self) -> Iterator[Hub]:
        """Lend a hub of this very process, on a database that is migrated and stamped."""
        hub = make_hub(settings.load(self.environment))
        try:
            migrate.upgrade(hub.db.engine, keyring=hub.keyring)
            with hub.db.session() as session:
                deployment.stamp(session, hub.settings.mode, hub.clock.now())
            yield hub
        finally:
            hub.db.close()
            hub.redis.close()


def addresses_of(addresses: embedded.Addresses, database: str, number: int) -> tuple[str, str]:
    """Return the URLs of one database by name and one Valkey database by number."""
    url = make_url(addresses.database_url).set(database=database).render_as_string(hide_password=False)
    return url, addresses.redis_url.replace("?db=0", f"?db={number}")


def empty_stores(addresses: embedded.Addresses, database: str, number: int) -> tuple[str, str]:
    """Make a database anew and empty a Valkey database, whatever was in them; return their URLs."""
    urls = addresses_of(addresses, database, number)
    engine = create_engine(addresses.database_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
        connection.exec_driver_sql(f"CREATE DATABASE {database}")
    engine.dispose()
    with Redis.from_url(urls[1]) as redis:
        redis.flushdb()
    return urls


@contextmanager
def stores(home: Path, neighbour: str) -> Iterator[embedded.Addresses]:
    """Lend PostgreSQL and Valkey, and stop them afterwards, whoever left them running, unless `neighbour` is at work on them."""
    servers = embedded.start(home)
    try:
        yield servers.addresses
    finally:
        lock = try_lock(_lock_file(home, neighbour))
        if lock is not None:
            servers.stop()
            os.close(lock)


@contextmanager
def alone(home: Path, name: str) -> Iterator[Path]:
    """Lend the folder `name` to one process at a time."""
    if not home.exists():
        # As the stores make it: PostgreSQL's account may have to walk through.
        home.mkdir(parents=True)
        home.chmod(0o711)
    folder = home / name
    folder.mkdir(exist_ok=True)
    lock = try_lock(_lock_file(home, name))
    if lock is None:
        raise DemoFailed(f"another process works in {folder}: stop it first")
    try:
        yield folder
    finally:
        os.close(lock)


def _lock_file(home: Path, name: str) -> Path:
    return home / f"{name}.lock"


def emptied(folder: Path) -> Path:
    """Return the folder with nothing in it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
