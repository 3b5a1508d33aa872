"""Portals with servers of their own, and the hub's outgoing side, one step at a time: real receivers, and a clock that moves when told."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from payhub import ids
from payhub.hub import Hub
from payhub.payments.models import Payment
from payhub.payments.recording import record
from webhooks import endpoints, relay
from webhooks.couriers import Couriers
from webhooks.models import Delivery, WebhookEndpoint

TYPES = ("payment.created", "attempt.created", "attempt.started", "attempt.failed")
Answer = Callable[["Received"], tuple[Any, ...]]
"""Status, headers and, where there is one, body."""


@dataclass
class Received:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def data(self) -> dict[str, Any]:
        return json.loads(self.body)["data"]


@dataclass
class Receiver:
    """A portal's own server: keeps what comes and answers what it is told to."""

    url: str
    answer: Answer = lambda _: (204, {})
    received: list[Received] = field(default_factory=list)

    def told(self) -> list[tuple[str, int]]:
        return [(message.data["portal_reference"], message.data["sequence"]) for message in self.received]


@pytest.fixture
def receiver() -> Iterator[Callable[[], Receiver]]:
    servers = []

    def start() -> Receiver:
        class Portal(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                message = Received(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
                made.received.append(message)
                status, headers, *said = made.answer(message)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(sum(map(len, said))))
                self.end_headers()
                self.wfile.write(b"".join(said))

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Portal)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        servers.append((server, thread))
        made = Receiver(f"http://127.0.0.1:{server.server_port}/hooks")
        return made

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Told:
    """The hub's outgoing side, one step at a time."""

    hub: Hub
    ask: Callable[..., Any]
    order: dict[str, Any]

    def payment(self, reference: str = "") -> uuid.UUID:
        reference = reference or uuid.uuid4().hex
        answer = self.ask({**self.order, "portal_reference": reference, "dossier": f"H-{reference}"})
        assert answer.status_code == 201, answer.text
        return ids.read_public_id("pay", answer.json["id"], "test")

    def happens(self, payment_id: uuid.UUID, type_: str, **data: Any) -> None:
        with self.hub.db.session() as session:
            payment = session.scalars(select(Payment).where(Payment.id == payment_id).with_for_update()).one()
            record(session, payment, type_, self.hub.clock.now(), data)

    def endpoint(self, url: str, types: tuple[str, ...] = TYPES, **way: Any) -> tuple[WebhookEndpoint, str]:
        with self.hub.db.session() as session:
            portal_id = next(portal.id for portal in self.hub.registers.portals.values() if portal.code == "dvc-bo-tu-phap")
            return endpoints.add(self.hub, session, portal_id, url, types, **way)

    def relay(self) -> int:
        return relay.run(self.hub.db, self.hub.clock.now())

    def deliver(self) -> None:
        Couriers().deliver_due(self.hub)

    def rows(self) -> list[Delivery]:
        with self.hub.db.session() as session:
            return list(session.scalars(select(Delivery).order_by(Delivery.position)))


@pytest.fixture
def hub(hub: Hub) -> Hub:
    settings = replace(
        hub.settings, webhooks=replace(hub.settings.webhooks, retry_s=(5, 60, 300), spread_percent=0, timeout_s=1.0, private_addresses=True)
    )
    return replace(hub, settings=settings)


@pytest.fixture
def told(hub: Hub, ask: Callable[..., Any], order: dict[str, Any]) -> Told:
    return Told(hub, ask, order)


@dataclass
class Api:
    """A portal at the hub's API."""

    client: FlaskClient
    key: str

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(f"/v1{path}", query_string=query, headers={"Authorization": f"Bearer {self.key}"})

    def post(self, path: str, body: dict[str, Any] | None = None, key: str | None = None) -> Any:
        headers = {"Authorization": f"Bearer {self.key}", "Idempotency-Key": key or uuid.uuid4().hex}
        return self.client.post(f"/v1{path}", json=body, headers=headers)


@pytest.fixture
def api(client: FlaskClient, keys: dict[str, str]) -> Api:
    """The portal that is told."""
    return Api(client, keys["dvc-bo-tu-phap"])


@pytest.fixture
def stranger(client: FlaskClient, keys: dict[str, str]) -> Api:
    """Another portal."""
    return Api(client, keys["dvc-tay-ninh"])
