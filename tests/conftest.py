"""What every test may ask for: real servers, a database of its own, a hub with a clock that stands still, and the sample registers."""

from __future__ import annotations

import itertools
import os
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.orm import Session

from gateways.registry import GATEWAYS
from payhub import embedded, migrate
from payhub import settings as settings_module
from payhub.app import create_app, registry
from payhub.demo.seed import Seeded, seed
from payhub.hub import Hub, build
from payhub.ledger.prove import prove
from payhub.settings import Settings

ROOT = Path(__file__).parent.parent
FRIDAY_MORNING = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
"""10:00 in Viet Nam, a working day, before the cut-off."""


class FixedClock:
    """A clock that moves only when told."""

    def __init__(self, now: datetime = FRIDAY_MORNING) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def pass_(self, **duration: float) -> None:
        self._now += timedelta(**duration)

    def set(self, now: datetime) -> None:
        self._now = now


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[embedded.Addresses]:
    """A PostgreSQL and a Valkey of this run's own."""
    with embedded.start(tmp_path_factory.mktemp("servers")) as running:
        yield running.addresses


def _url(servers: embedded.Addresses, database: str) -> str:
    return make_url(servers.database_url).set(database=database).render_as_string(hide_password=False)


def _settings(servers: embedded.Addresses, database: str) -> Settings:
    environ = {"PAYHUB_CONFIG": str(ROOT / "config" / "test.toml"), "DATABASE_URL": _url(servers, database), "REDIS_URL": servers.redis_url}
    return settings_module.load({**environ, "PAYHUB_PATHS__MAPPINGS": str(ROOT / "config" / "mappings")})


@pytest.fixture(scope="session")
def admin(servers: embedded.Addresses) -> Iterator[Callable[[str], None]]:
    """Run statements that make and drop databases."""
    engine = create_engine(_url(servers, "postgres"), isolation_level="AUTOCOMMIT")

    def execute(statement: str) -> None:
        with engine.connect() as connection:
            connection.execute(text(statement))

    yield execute
    engine.dispose()


@pytest.fixture(scope="session")
def template(servers: embedded.Addresses, admin: Callable[[str], None]) -> Seeded:
    """The database that every test's is a copy of: migrated, with the sample registers."""
    admin("CREATE DATABASE template_payhub")
    hub = build(_settings(servers, "template_payhub"), GATEWAYS, FixedClock())
    migrate.upgrade(hub.db.engine)
    seeded = seed(hub, ROOT / "config" / "sample")
    hub.db.close()
    hub.redis.close()
    return seeded


_numbers = itertools.count()


@pytest.fixture
def database(servers: embedded.Addresses, admin: Callable[[str], None], template: Seeded) -> Iterator[str]:
    """A copy of the template for one test, really committed to, dropped after it."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    admin(f"CREATE DATABASE {name} TEMPLATE template_payhub")
    yield name
    admin(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def settings(servers: embedded.Addresses, database: str) -> Settings:
    return _settings(servers, database)


@pytest.fixture
def hub(settings: Settings, clock: FixedClock, request: pytest.FixtureRequest) -> Iterator[Hub]:
    """A hub on a database of its own; after the test every law must hold there."""
    made = build(settings, GATEWAYS, clock)
    made.redis.flushdb()
    yield made
    if not request.node.get_closest_marker("breaks_laws"):
        broken = [law for law in prove(made.db.engine, registry().laws) if not law.holds]
        assert not broken, broken
    made.db.close()
    made.redis.close()


@pytest.fixture
def session(hub: Hub) -> Iterator[Session]:
    with hub.db.session() as opened:
        yield opened


@pytest.fixture
def keys(template: Seeded) -> dict[str, str]:
    """API keys by portal code."""
    return dict(template.keys)


@pytest.fixture
def app(hub: Hub) -> Flask:
    return create_app(hub=hub)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def order() -> dict[str, Any]:
    """The body of a good request for one payment."""
    return {
        "portal_reference": f"HS-{uuid.uuid4().hex[:12]}",
        "dossier": f"H53.12-261120-{uuid.uuid4().hex[:4]}",
        "lines": [{"fee": "LP-LLTP", "agency": "000.00.00.G15", "amount": 200_000}],
    }


Ask = Callable[..., Any]


@pytest.fixture
def ask(client: FlaskClient, keys: dict[str, str]) -> Ask:
    """Ask for a payment through the API; return the response."""

    def post(body: dict[str, Any], *, portal: str = "dvc-bo-tu-phap", key: str | None = None, **headers: str) -> Any:
        sent = {"Authorization": f"Bearer {keys[portal]}", "Idempotency-Key": key or uuid.uuid4().hex, **headers}
        return client.post("/v1/payments", json=body, headers=sent)

    return post
