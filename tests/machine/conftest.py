"""A whole world for one sequence of events: a hub on a database of its own, a gateway with books, and people at both."""

from __future__ import annotations

import dataclasses
import itertools
import os
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pyotp
import pytest
from sqlalchemy import make_url, text
from werkzeug.serving import WSGIRequestHandler, make_server

from gateways.registry import GATEWAYS
from gateways.simulator import Delays, SimulatorConfig
from gateways.simulator.app import create_app as gateway_app
from gateways.simulator.simulation import Decision, Simulation
from gateways.simulator.vnpay_pay import admitted
from payhub.app import create_app, registry
from payhub.demo.seed import DEVELOPMENT_SECRET
from payhub.hub import build
from payhub.ids import read_public_id
from payhub.ledger.prove import prove
from payhub.payments import attempts, checks, closing
from payhub.payments.refunds import sending
from payhub.staff import people

FOREVER = 1e8
ENDPOINTS = text("UPDATE gateway_account SET endpoints = jsonb_build_object('pay', :pay ::text, 'api', :api ::text) WHERE gateway = 'vnpay'")
LEFT = """
SELECT number, greatest(0, amount - coalesce((
    SELECT sum(r.amount) FROM refund_line r JOIN refund ON refund.id = r.refund_id
    WHERE r.payment_line_id = l.id AND refund.state NOT IN ('declined', 'withdrawn', 'failed')), 0)
  - coalesce((
    SELECT sum(CASE dispute.state WHEN 'opened' THEN d.amount ELSE d.charged_back END) FROM dispute_line d
    JOIN dispute ON dispute.id = d.dispute_id WHERE d.payment_line_id = l.id AND dispute.state <> 'won'), 0))::int
FROM payment_line l WHERE payment_id = :id
"""
UNDISPUTED = """
SELECT number, (amount - coalesce((
    SELECT sum(d.amount) FROM dispute_line d JOIN dispute ON dispute.id = d.dispute_id
    WHERE d.payment_line_id = l.id AND dispute.state <> 'won'), 0))::int
FROM payment_line l WHERE payment_id = :id
"""
_numbers = itertools.count()


class Silent(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing."""


class Gateway:
    """VNPAY's side: it decides and keeps books, and somebody else brings its messages, in whatever order and however often."""

    def __init__(self) -> None:
        self.config = SimulatorConfig(
            terminals={"PAYHUB01": (DEVELOPMENT_SECRET, "http://127.0.0.1:9/never")}, mode="test", port=0,
            delays=Delays(**{each.name: FOREVER for each in dataclasses.fields(Delays)}),
        )  # fmt: skip
        self._app = gateway_app(self.config)
        self.down = False
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=Silent)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    @property
    def simulation(self) -> Simulation:
        return self._app.extensions["simulation"]

    @property
    def books(self) -> Any:
        return self.simulation.books

    def begin(self, **settings: Any) -> None:
        """Forget everything, and go on with other habits."""
        self.simulation.close()
        self._app.extensions["simulation"] = Simulation(dataclasses.replace(self.config, **settings))
        self.down = False

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self.simulation.close()

    def _answer(self, environ: Any, start: Any) -> Any:
        if self.down:
            # A proxy before it answers for it.
            start("503 Service Unavailable", [("Content-Length", "0")])
            return []
        return self._app(environ, start)

    def order(self, url: str) -> Any:
        """Book the order of a pay URL."""
        return admitted(self.simulation, urlsplit(url).query)

    def decide(self, order: Any, word: str, scenario: Any) -> None:
        self.simulation.decide(order, Decision(word, scenario=scenario))

    def will(self, scenario: str) -> None:
        self.books.record({"fact": "refund_planned", "reference": "", "scenario": scenario})

    def told(self, order: Any, place: int) -> str:
        """Return one of an order's messages; what it tells has then happened."""
        message = order.messages[place % len(order.messages)]
        if message.books and not message.tries:
            self.books.record({"fact": "changed", "key": message.order, "books": message.books})
            self.books.record({"fact": "tried", "message": message.id, "try": {"rsp_code": ""}})
        return message.query

    def make_up_its_mind(self) -> None:
        """Let every refund in process be sent to the bank, or refused."""
        self.books.refunds[:] = [dataclasses.replace(refund, later_at=0.0) for refund in self.books.refunds]


class World:
    """Everybody, and a clock that moves when told."""

    def __init__(self, hub: Any, gateway: Gateway, keys: dict[str, str], clock: Any) -> None:
        self.hub, self.gateway, self.keys, self.clock = hub, gateway, keys, clock
        self.app = create_app(hub=hub)
        self.client = self.app.test_client()
        self.reach()
        self.staff = {name: self._hired(name, role) for name, role in (("lan", "clerk"), ("minh", "approver"))}

    def _hired(self, name: str, role: str) -> tuple[str, pyotp.TOTP]:
        with self.hub.db.session() as session:
            _, token, uri = people.add_person(self.hub, session, name, [role])
        return token, pyotp.parse_uri(uri)

    def reach(self, url: str | None = None) -> None:
        api = f"{url or self.gateway.url}/merchant_webapi/api/transaction"
        with self.hub.db.engine.begin() as connection:
            connection.execute(ENDPOINTS, {"pay": f"{self.gateway.url}/paymentv2/vpcpay.html", "api": api})
        self.hub.cache.fresh()

    def portal(self, path: str, body: Any = None, *, portal: str = "dvc-bo-tu-phap") -> Any:
        return self._post(self.keys[portal], path, body)

    def person(self, name: str, path: str, body: Any = None) -> Any:
        return self._post(self.staff[name][0], path, body)

    def approve(self, proposal: str) -> Any:
        """Approve as Minh; a code works once, so time passes."""
        self.clock.pass_(seconds=30)
        return self.person("minh", f"proposals/{proposal}/approve", {"totp": self.staff["minh"][1].at(self.clock.now())})

    def _post(self, key: str, path: str, body: Any) -> Any:
        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": uuid.uuid4().hex}
        answer = self.client.post(f"/v1/{path}", json=body, headers=headers)
        assert answer.status_code < 500, (path, answer.json)
        return answer

    def look(self, path: str, portal: str = "dvc-bo-tu-phap") -> Any:
        answer = self.client.get(f"/v1/{path}", headers={"Authorization": f"Bearer {self.keys[portal]}"})
        assert answer.status_code == 200, (path, answer.json)
        return answer.json

    def start(self, payment: str, form: uuid.UUID) -> str | None:
        to = attempts.start(self.hub, read_public_id("pay", payment, "test"), "vnpay-main", form, "203.0.113.5")
        return to.url if to else None

    def call_back(self, query: str) -> str:
        answer = self.client.get(f"/callbacks/vnpay/vnpay-main?{query}")
        assert answer.status_code == 200, answer.data
        return answer.json["RspCode"]

    def work(self) -> int:
        """Do once everything that is due; return how much it was."""
        done = 0
        for due, do in ((checks.due, checks.check), (sending.due, sending.step), (closing.due, closing.finish)):
            with self.hub.db.session() as session:
                wanted = due(session, self.clock.now())
            for each in wanted:
                do(self.hub, each)
            done += len(wanted)
        return done

    def rows(self, statement: str, **values: Any) -> list[Any]:
        with self.hub.db.engine.connect() as connection:
            return list(connection.execute(text(statement), values))

    def left(self, payment: uuid.UUID) -> dict[int, int]:
        """Return what of each line nobody has, asks back or disputes."""
        return dict(self.rows(LEFT, id=payment))

    def undisputed(self, payment: uuid.UUID) -> dict[int, int]:
        """Return what of each line is neither disputed nor charged back."""
        return dict(self.rows(UNDISPUTED, id=payment))

    def owed(self, payment: uuid.UUID) -> int:
        """Return what the agencies are owed for a payment."""
        statement = "SELECT -coalesce(sum(p.amount), 0)::int FROM posting p JOIN journal j ON j.id = p.journal_id WHERE p.account = 'owed' AND j.payment_id = :id"
        return self.rows(statement, id=payment)[0][0]

    def available(self, receipt: dict[str, Any]) -> int:
        """Return what of a receipt no refund waits for."""
        waiting = "SELECT coalesce(sum(amount), 0)::int FROM refund WHERE receipt_id = :id AND state IN ('requested', 'approved')"
        return receipt["remaining"] - self.rows(waiting, id=read_public_id("uap", receipt["id"], "test"))[0][0]

    def broken(self) -> list[Any]:
        return [law for law in prove(self.hub.db.engine, registry().laws) if not law.holds]

    def pass_(self, duration: timedelta) -> None:
        self.clock.pass_(seconds=duration.total_seconds())


@pytest.fixture(scope="module")
def gateway_side() -> Iterator[Gateway]:
    made = Gateway()
    yield made
    made.close()


@pytest.fixture
def world(settings, admin, template, clock, gateway_side, hub) -> Callable[..., Any]:
    """Make a world, on a copy of the template that is dropped after it."""
    clock_of = type(clock)

    @contextmanager
    def make(**habits: Any) -> Iterator[World]:
        name, moving = f"machine_{os.getpid()}_{next(_numbers)}", clock_of()
        admin(f"CREATE DATABASE {name} TEMPLATE template_payhub")
        url = make_url(settings.database.url).set(database=name).render_as_string(hide_password=False)
        made = build(dataclasses.replace(settings, database=dataclasses.replace(settings.database, url=url)), GATEWAYS, moving)
        try:
            gateway_side.begin(clock=moving.now, **habits)
            yield World(made, gateway_side, dict(template.keys), moving)
        finally:
            made.db.close()
            made.redis.close()
            admin(f"DROP DATABASE {name} WITH (FORCE)")

    return make
