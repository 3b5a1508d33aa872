"""What every test may ask for: real servers, a database of its own, a hub with a clock that stands still, and the sample registers."""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import itertools
import json
import os
import shutil
import tempfile
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pyotp
import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.orm import Session

from gateways.registry import GATEWAYS
from gateways.simulator import Delays, SimulatorConfig, serving
from payhub import embedded, jobs, log, migrate
from payhub import settings as settings_module
from payhub.app import create_app, registry
from payhub.demo.seed import DEVELOPMENT_SECRET, Seeded, seed
from payhub.demo.simulator import merchants
from payhub.demo.surroundings import endpoints_at
from payhub.hub import Hub, build
from payhub.ids import read_public_id
from payhub.ledger import rollups
from payhub.ledger.prove import prove
from payhub.payments import attempts, checks
from payhub.payments.refunds import sending
from payhub.settings import Settings
from payhub.staff import people, service
from payhub.staff.models import Proposal

ROOT = Path(__file__).parent.parent
MEMORY = Path("/dev/shm")
"""A folder that Linux keeps in memory."""
MEMORY_NEEDED = 5 * 2**30
"""Bytes: six times what one process's servers write there at most."""
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


def eventually(
    told: Callable[[], Any],
    never: str = "it never came",
    within_s: float = 10.0,
    despite: tuple[type[Exception], ...] = (),
) -> Any:
    """Wait until something that others do is true and give it back; errors of the kinds in `despite` mean not yet."""
    until = time.monotonic() + within_s
    while True:
        with suppress(*despite):
            if found := told():
                return found
        assert time.monotonic() < until, never
        # Another thread, process or server, which has no way to call us.
        time.sleep(0.01)


@pytest.fixture(name="eventually")
def _eventually() -> Callable[..., Any]:
    return eventually


REHEARSED = text("SELECT set_config('payhub.today', '1900-01-01', true)")
"""Before a statement that rewrites a register: to the guards of a hub without real money nothing has begun yet."""


@pytest.fixture
def tmp_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the test's own. Its name is short: sockets live in it, and their paths may have 107 bytes."""
    return tmp_path_factory.mktemp("t")


@pytest.fixture(scope="session")
def servers() -> Iterator[embedded.Addresses]:
    """A PostgreSQL and a Valkey of this run's own, in memory where there is room: each test's database is a thousand small files."""
    for left in MEMORY.glob("payhub-*-*"):
        if not Path("/proc", left.name.split("-")[1]).exists():
            shutil.rmtree(left, ignore_errors=True)
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > MEMORY_NEEDED
    settings = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off", "max_wal_size": "128MB"}
    folder = tempfile.TemporaryDirectory(prefix=f"payhub-{os.getpid()}-", dir=MEMORY if roomy else None)
    with folder as home, embedded.start(Path(home) / "servers", settings=settings) as running:
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


class Copies:
    """Copies of the template, each made while the test before it runs, and dropped a few tests later.

    PostgreSQL sleeps for a tenth of a second where it finds anybody still connected: a few tests later nobody is.
    """

    def __init__(self, admin: Callable[[str], None]) -> None:
        self._admin, self._hand, self._numbers = admin, ThreadPoolExecutor(1), itertools.count()
        self._left: deque[str] = deque()
        self._next, self._dropped = self._make(), self._hand.submit(int)

    def take(self) -> str:
        """Return one that nobody has used."""
        ready = self._next.result()
        self._next = self._make()
        return ready

    def leave(self, name: str) -> None:
        """Have one dropped that is no longer used."""
        self._left.append(name)
        if len(self._left) > 8:
            self._dropped.result()
            self._dropped = self._hand.submit(self._admin, f"DROP DATABASE {self._left.popleft()} WITH (FORCE)")

    def close(self) -> None:
        self._hand.shutdown()

    def _make(self) -> Future[str]:
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        return self._hand.submit(self._create, name)

    def _create(self, name: str) -> str:
        self._admin(f"CREATE DATABASE {name} TEMPLATE template_payhub")
        return name


@pytest.fixture(scope="session")
def copies(admin: Callable[[str], None], template: Seeded) -> Iterator[Copies]:
    made = Copies(admin)
    yield made
    made.close()


@pytest.fixture
def database(copies: Copies) -> Iterator[str]:
    """A copy of the template for one test, really committed to, dropped after it."""
    name = copies.take()
    yield name
    copies.leave(name)


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
            rollups.fold(made)
            broken = [law for law in prove(made.db.engine, registry().laws, counted=False) if not law.holds]
            assert not broken, broken
    finally:
        made.db.close()
        made.redis.close()


@pytest.fixture
def bound(hub: Hub) -> Iterator[Hub]:
    """The hub, as the hub of this process's jobs."""
    jobs.bind(hub)
    yield hub
    jobs.bind(None)


@pytest.fixture
def session(hub: Hub) -> Iterator[Session]:
    with hub.db.session() as opened:
        yield opened


@pytest.fixture
def keys(template: Seeded) -> dict[str, str]:
    """API keys by portal code."""
    return dict(template.keys)


@pytest.fixture(scope="session")
def applications() -> dict[Any, Flask]:
    """The applications of this run by what they take from the settings: to compile their routes takes long."""
    return {}


@pytest.fixture
def app(hub: Hub, applications: dict[Any, Flask]) -> Flask:
    """The application, with the hub of this test."""
    log.configure(hub.settings.log)
    taken = (repr(hub.settings.api), repr(hub.settings.web))
    if taken not in applications:
        applications[taken] = create_app(hub=hub)
    applications[taken].extensions["payhub"] = hub
    return applications[taken]


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
def rewrite(hub: Hub) -> Callable[..., None]:
    """Change a register as if what it holds had not begun: in one transaction, seen at once."""

    def execute(statement: str, **values: Any) -> None:
        with hub.db.engine.begin() as connection:
            connection.execute(REHEARSED)
            connection.execute(text(statement), values)
        hub.cache.fresh()

    return execute


@pytest.fixture
def rows(hub: Hub) -> Callable[[str], list[tuple[Any, ...]]]:
    """Read rows with a connection of its own."""

    def read(statement: str) -> list[tuple[Any, ...]]:
        with hub.db.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(statement))]

    return read


@pytest.fixture
def blocked(settings: Settings) -> Iterator[Callable[..., None]]:
    """Wait until so many wait for a lock in the test's database; whoever looks takes none of the hub's few connections."""
    looking = create_engine(settings.database.url, isolation_level="AUTOCOMMIT")
    waiting = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")

    def wait(count: int = 1) -> None:
        with looking.connect() as connection:
            eventually(lambda: connection.scalar(waiting) >= count, f"fewer than {count} wait for a lock")

    yield wait
    looking.dispose()


# Money that was really paid at a gateway that really gives back: the gateways' side over HTTP, and two people of the treasury.


class Gateway:
    """The gateways' side, which never calls back by itself, and where the hub believes it to be."""

    def __init__(self, hub: Hub, url: str) -> None:
        self.hub, self.url = hub, url

    def reach(self, url: str | None = None) -> None:
        """Let the hub's accounts point to an address, the simulator's own without one."""
        with self.hub.db.engine.begin() as connection:
            for name, endpoints in endpoints_at(self.url, url or self.url).items():
                statement = text("UPDATE gateway_account SET endpoints = CAST(:endpoints AS jsonb) WHERE gateway = :gateway")
                connection.execute(statement, {"gateway": name, "endpoints": json.dumps(endpoints)})
        self.hub.cache.fresh()

    def will(self, scenario: str) -> None:
        """Say what becomes of every refund asked for from now on."""
        requests.post(f"{self.url}/simulator/refund-scenarios", json=[{"default": True, "scenario": scenario}], timeout=10).raise_for_status()

    def until(self, status: str) -> None:
        """Wait until the gateway has a refund in this state; its own clock is real."""
        eventually(lambda: status in {refund["status"] for refund in self.refunds()}, f"no refund is ever in {status}")

    def rest(self) -> None:
        """Wait until the gateway has decided about every refund."""
        eventually(lambda: all(refund["state"] != "in_process" for refund in self.refunds()), "it never came to rest")

    def refunds(self) -> list[dict[str, Any]]:
        return requests.get(f"{self.url}/simulator/books", timeout=10).json()["refunds"]


@pytest.fixture
def way() -> str:
    """By which way to pay everybody pays; a test that wants another is parametrized with it."""
    return "vnpay-main"


@pytest.fixture
def gateway(hub: Hub, clock) -> Iterator[Gateway]:
    config = SimulatorConfig(
        **merchants("http://127.0.0.1:9"), mode="test", port=0, mix={"lost": 1}, clock=clock.now,
        delays=Delays(refund_s=0.3, refund_soon_s=0.3),
    )  # fmt: skip
    with serving(config) as url:
        made = Gateway(hub, url)
        made.reach()
        yield made


class Desk:
    """A portal, a clerk and an approver who give money back, and the worker who sends it."""

    def __init__(self, hub: Hub, client: FlaskClient, keys: dict[str, str], clerk: Any, approver: Any, clock: Any) -> None:
        self.hub, self.client, self.keys, self.clerk, self.approver, self.clock = hub, client, keys, clerk, approver, clock

    def portal(self, path: str, body: dict[str, Any] | None = None, *, portal: str = "dvc-bo-tu-phap", key: str | None = None) -> Any:
        headers = {"Authorization": f"Bearer {self.keys[portal]}", "Idempotency-Key": key or uuid.uuid4().hex}
        return self.client.post(f"/v1{path}", json=body, headers=headers)

    def look(self, path: str, portal: str = "dvc-bo-tu-phap") -> Any:
        return self.client.get(f"/v1{path}", headers={"Authorization": f"Bearer {self.keys[portal]}"})

    def ask(self, payment: dict[str, Any], *amounts: int, portal: str = "dvc-bo-tu-phap", **changes: Any) -> Any:
        """Ask for amounts of the lines back, the first line's first; all of every line without any."""
        wanted = amounts or tuple(line["amount"] for line in payment["lines"])
        lines = [{"number": number, "amount": amount} for number, amount in enumerate(wanted, start=1) if amount]
        body = {"lines": lines, "reason": "requested_by_citizen", **changes}
        path, sent = f"/payments/{payment['id']}/refunds", {name: value for name, value in body.items() if value is not None}
        return self.portal(path, sent, portal=portal)

    def approve(self, refund: Any) -> Any:
        """Let the second person approve; each code works once, so time passes."""
        self.clock.pass_(seconds=30)
        body = {"totp": self.approver.code()}
        return self.approver.post(self.client, f"/v1/proposals/{refund['proposal']}/approve", body)

    def decline(self, refund: Any) -> Any:
        return self.approver.post(self.client, f"/v1/proposals/{refund['proposal']}/decline", {"reason": "không đủ hồ sơ"})

    def work(self, **later: float) -> int:
        """Let time pass and do what is due, once; return how much it was."""
        self.clock.pass_(**(later or {"seconds": 1}))
        with self.hub.db.session() as session:
            due = sending.due(session, self.hub.clock.now())
        for refund_id in due:
            sending.step(self.hub, refund_id)
        return len(due)

    def refund(self, payment: dict[str, Any], *amounts: int, **changes: Any) -> dict[str, Any]:
        """Ask, approve and send; return the refund as its portal then sees it."""
        asked = self.ask(payment, *amounts, **changes)
        assert asked.status_code == 201, asked.json
        assert self.approve(asked.json).status_code == 200
        self.work()
        return self.seen(asked.json)

    def seen(self, refund: dict[str, Any], portal: str = "dvc-bo-tu-phap") -> dict[str, Any]:
        return self.look(f"/refunds/{refund['id']}", portal).json


@pytest.fixture
def desk(hub: Hub, client: FlaskClient, keys: dict[str, str], lan: Any, minh: Any, clock: Any) -> Desk:
    return Desk(hub, client, keys, lan, minh, clock)


@pytest.fixture
def pay(hub: Hub, gateway: Gateway, way: str, ask, order, clock) -> Callable[..., dict[str, Any]]:
    """Ask for a payment of these lines and have it paid at the gateway; return it as it was asked."""

    def paid(*lines: dict[str, Any], portal: str = "dvc-bo-tu-phap", pay_twice: bool = False) -> dict[str, Any]:
        dossier = f"H53.12-261120-{uuid.uuid4().hex[:6]}"
        body = {**order, "portal_reference": uuid.uuid4().hex, "dossier": dossier, **({"lines": list(lines)} if lines else {})}
        payment = ask(body, portal=portal).json
        tries = [start(hub, payment, way) for _ in range(1 + pay_twice)]
        for url in tries:
            requests.post(url, data={"decision": "pay", "scenario": "lost"}, allow_redirects=False, timeout=10)
        clock.pass_(seconds=61)
        with hub.db.session() as session:
            due = checks.due(session, clock.now())
        for attempt_id in due:
            checks.check(hub, attempt_id)
        return payment

    return paid


def start(hub: Hub, payment: dict[str, Any], way: str = "vnpay-main") -> str:
    """Start an attempt; return where it sends the citizen."""
    redirect = attempts.start(hub, read_public_id("pay", payment["id"], "test"), way, uuid.uuid4(), "203.0.113.5")
    assert redirect is not None
    return redirect.url


@pytest.fixture
def owed(rows) -> Callable[[], dict[str, int]]:
    """What each ledger account holds, credits positive."""
    return lambda: {account: int(amount) for account, amount in rows("SELECT account, -sum(amount) FROM posting GROUP BY 1 ORDER BY 1")}


@pytest.fixture
def reverse(client: FlaskClient, sign: Callable[..., str], rows) -> Callable[..., str]:
    """The gateway's word that money it had confirmed is taken back: the last attempt's, or that of a reference."""

    def say(reference: str | None = None) -> str:
        which = f"WHERE reference = '{reference}'" if reference else ""
        asked = f"SELECT reference, gateway_transaction, confirmed FROM attempt {which} ORDER BY id DESC LIMIT 1"
        [(reference, transaction, confirmed)] = rows(asked)
        query = sign(
            Amount=str(confirmed * 100), BankCode="NCB", OrderInfo="Thu phi", PayDate="20261120100500", ResponseCode="00",
            TransactionStatus="04", TmnCode="PAYHUB01", TransactionNo=transaction, TxnRef=reference,
        )  # fmt: skip
        return client.get(f"/callbacks/vnpay/vnpay-main?{query}").json["RspCode"]

    return say


@pytest.fixture
def development_ports() -> Iterator[None]:
    """Have the ports to oneself that `make serve` always takes; tests of other processes wait."""
    with (Path(tempfile.gettempdir()) / "payhub-development-ports").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
