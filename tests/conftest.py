"""What every test may ask for: real servers, a database of its own, a hub with a clock that stands still, and the sample registers."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pyotp
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.orm import Session

from gateways.registry import GATEWAYS
from payhub import embedded, migrate
from payhub import settings as settings_module
from payhub.app import create_app, registry
from payhub.demo.seed import DEVELOPMENT_SECRET, Seeded, seed
from payhub.hub import Hub, build
from payhub.ids import read_public_id
from payhub.ledger.prove import prove
from payhub.payments import attempts
from payhub.settings import Settings
from payhub.staff import people, service
from payhub.staff.models import Proposal

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
    with embedded.start(tmp_path_factory.mktemp("servers"), settings={"fsync": "off"}) as running:
        yield running.addresses


def _url(servers: embedded.Addresses, database: str) -> str:
    return make_url(servers.database_url).set(database=database).render_as_string(hide_password=False)


def _settings(servers: embedded.Addresses, database: str) -> Settings:
    environ = {
        "PAYHUB_CONFIG": str(ROOT / "config" / "test.toml"),
        "DATABASE_URL": _url(servers, database),
        "REDIS_URL": servers.redis_url,
    }
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
    try:
        if not request.node.get_closest_marker("breaks_laws"):
            broken = [law for law in prove(made.db.engine, registry().laws) if not law.holds]
            assert not broken, broken
    finally:
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


def signed(secret: str = DEVELOPMENT_SECRET, **fields: str) -> str:
    query = urlencode(sorted((f"vnp_{name}", value) for name, value in fields.items() if value))
    return f"{query}&vnp_SecureHash={hmac.new(secret.encode(), query.encode(), hashlib.sha512).hexdigest()}"


@pytest.fixture
def sign() -> Callable[..., str]:
    return signed


class Citizen:
    """One payment asked for, and a citizen who tries to pay it."""

    def __init__(self, hub: Hub, client: FlaskClient, payment: dict[str, Any]) -> None:
        self.hub, self.client, self.payment = hub, client, payment
        self.id = read_public_id("pay", payment["id"], "test")

    def try_(self) -> str:
        """Start an attempt; return the gateway's reference of it."""
        redirect = attempts.start(self.hub, self.id, "vnpay-main", uuid.uuid4(), "203.0.113.5")
        assert redirect is not None
        return parse_qs(urlsplit(redirect.url).query)["vnp_TxnRef"][0]

    def message(
        self,
        reference: str,
        *,
        amount: int | None = None,
        code: str = "00",
        status: str = "00",
        number: str | None = None,
        on: str = "20261120100500",
        **more: str,
    ) -> str:
        return signed(
            Amount=str((amount if amount is not None else self.payment["total"]) * 100), BankCode="NCB", OrderInfo="Thu phi", PayDate=on,
            ResponseCode=code, TransactionStatus=status, TmnCode="PAYHUB01", TransactionNo=number or str(int(hashlib.sha256(reference.encode()).hexdigest()[:7], 16) + 10**7),
            TxnRef=reference, **more,
        )  # fmt: skip

    def call_back(self, query: str) -> str:
        """Send a callback; return the RspCode answered."""
        answer = self.client.get(f"/callbacks/vnpay/vnpay-main?{query}")
        assert answer.status_code == 200
        return answer.json["RspCode"]

    def says(self, reference: str, **changes: Any) -> str:
        return self.call_back(self.message(reference, **changes))


@pytest.fixture
def citizen(hub: Hub, client: FlaskClient, ask: Callable[..., Any], order: dict[str, Any]) -> Citizen:
    return Citizen(hub, client, ask(order).json)


@pytest.fixture
def citizen_of(hub: Hub, client: FlaskClient) -> Callable[[Any], Citizen]:
    """A citizen for the payment of an answer."""
    return lambda answer: Citizen(hub, client, answer.json)


@pytest.fixture
def paid(citizen: Citizen) -> Citizen:
    """A citizen who has paid."""
    assert citizen.says(citizen.try_()) == "00"
    return citizen


@dataclass
class Someone:
    """A person, and what only they hold."""

    hub: Hub
    person: people.Person
    token: str
    uri: str

    @property
    def id(self) -> uuid.UUID:
        return self.person.id

    def code(self, at: datetime | None = None) -> str:
        """What the authenticator shows at an instant, by its clock."""
        return pyotp.parse_uri(self.uri).at(at or self.hub.clock.now())

    def wrong(self) -> str:
        """A code that is none of the three of this moment."""
        near = {self.code(self.hub.clock.now() + timedelta(seconds=30 * step)) for step in (-1, 0, 1)}
        return next(code for code in ("000000", "111111", "222222", "333333") if code not in near)

    def approve(self, proposal_id: uuid.UUID, code: str | None = None) -> Proposal:
        with self.hub.db.session() as session:
            return service.approve(self.hub, session, proposal_id, self.person, code or self.code(), self.hub.clock.now())

    def post(self, client: Any, path: str, body: dict[str, Any] | None = None, key: str | None = None) -> Any:
        headers = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": key or uuid.uuid4().hex}
        return client.post(path, json=body, headers=headers)

    def get(self, client: Any, path: str) -> Any:
        return client.get(path, headers={"Authorization": f"Bearer {self.token}"})


@pytest.fixture
def hire(hub: Hub) -> Callable[..., Someone]:
    def add(name: str, *roles: str) -> Someone:
        with hub.db.session() as session:
            _, token, uri = people.add_person(hub, session, name, roles)
            person = people.authenticate_person(hub, session, token)
        assert person is not None
        return Someone(hub, person, token, uri)

    return add


@pytest.fixture
def lan(hire) -> Someone:
    """A clerk who may also approve, though never her own proposals."""
    return hire("lan", "clerk", "approver")


@pytest.fixture
def minh(hire) -> Someone:
    return hire("minh", "approver")


@pytest.fixture
def hoa(hire) -> Someone:
    return hire("hoa", "approver")


@pytest.fixture
def rows(hub: Hub) -> Callable[[str], list[tuple[Any, ...]]]:
    """Read rows with a connection of its own."""

    def read(statement: str) -> list[tuple[Any, ...]]:
        with hub.db.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(statement))]

    return read
