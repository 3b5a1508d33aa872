"""Money that was really paid at a gateway that really gives back: VNPAY's side over HTTP, and two people of the treasury."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient
from sqlalchemy import text

from gateways.simulator import Delays, SimulatorConfig, serving
from payhub.demo.seed import DEVELOPMENT_SECRET
from payhub.hub import Hub
from payhub.ids import read_public_id
from payhub.payments import attempts, checks
from payhub.payments.refunds import sending

NOWHERE = "http://127.0.0.1:9"


class Gateway:
    """VNPAY's side, which never calls back by itself, and where the hub believes it to be."""

    def __init__(self, hub: Hub, url: str) -> None:
        self.hub, self.url = hub, url

    def reach(self, url: str | None = None) -> None:
        """Let the hub's account point to an address, the simulator's own without one."""
        with self.hub.db.engine.begin() as connection:
            connection.execute(
                text("UPDATE gateway_account SET endpoints = jsonb_build_object('pay', :pay ::text, 'api', :api ::text)"),
                {"pay": f"{self.url}/paymentv2/vpcpay.html", "api": f"{url or self.url}/merchant_webapi/api/transaction"},
            )
        self.hub.cache.fresh()

    def will(self, scenario: str) -> None:
        """Say what becomes of every refund asked for from now on."""
        requests.post(f"{self.url}/simulator/refund-scenarios", json=[{"default": True, "scenario": scenario}], timeout=10).raise_for_status()

    def until(self, status: str) -> None:
        """Wait until the gateway has a refund in this state; its own clock is real."""
        until = time.monotonic() + 10
        while status not in {refund["status"] for refund in self.refunds()}:
            assert time.monotonic() < until, "it never came"
            time.sleep(0.01)

    def refunds(self) -> list[dict[str, Any]]:
        return requests.get(f"{self.url}/simulator/books", timeout=10).json()["refunds"]


@pytest.fixture
def gateway(hub: Hub, clock) -> Iterator[Gateway]:
    config = SimulatorConfig(
        terminals={"PAYHUB01": (DEVELOPMENT_SECRET, f"{NOWHERE}/never")}, mode="test", port=0, mix={"lost": 1}, clock=clock.now,
        delays=Delays(refund_s=0.3),
    )
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
def pay(hub: Hub, gateway: Gateway, ask, order, clock) -> Callable[..., dict[str, Any]]:
    """Ask for a payment of these lines and have it paid at the gateway; return it as it was asked."""

    def paid(*lines: dict[str, Any], portal: str = "dvc-bo-tu-phap", pay_twice: bool = False) -> dict[str, Any]:
        dossier = f"H53.12-261120-{uuid.uuid4().hex[:6]}"
        body = {**order, "portal_reference": uuid.uuid4().hex, "dossier": dossier, **({"lines": list(lines)} if lines else {})}
        payment = ask(body, portal=portal).json
        tries = [start(hub, payment) for _ in range(1 + pay_twice)]
        for url in tries:
            requests.post(url, data={"decision": "pay", "scenario": "lost"}, allow_redirects=False, timeout=10)
        clock.pass_(seconds=61)
        with hub.db.session() as session:
            due = checks.due(session, clock.now())
        for attempt_id in due:
            checks.check(hub, attempt_id)
        return payment

    return paid


def start(hub: Hub, payment: dict[str, Any]) -> str:
    """Start an attempt; return where it sends the citizen."""
    redirect = attempts.start(hub, read_public_id("pay", payment["id"], "test"), "vnpay-main", uuid.uuid4(), "203.0.113.5")
    assert redirect is not None
    return redirect.url


@pytest.fixture
def owed(rows) -> Callable[[], dict[str, int]]:
    """What each ledger account holds, credits positive."""
    return lambda: {account: int(amount) for account, amount in rows("SELECT account, -sum(amount) FROM posting GROUP BY 1 ORDER BY 1")}
