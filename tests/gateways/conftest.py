"""A hub small enough to read: it takes IPNs as the real one does, and a simulator to send them."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from gateways.base import Account, Incoming, Notice, Order, Query, Redirect, RefundNotice, RefundOrder, Request, Response, Verdict
from gateways.errors import Forged, Malformed
from gateways.simulator import Delays, SimulatorConfig, serving
from gateways.vnpay import Vnpay

TERMINAL, SECRET = "PAYHUB01", "PAYHUBVNPAYSECRET0123456789ABCDE"
AT_ONCE = Delays(ipn_s=0, retry_s=0.02, timeout_s=5, slow_s=0.3, twice_s=0.02, reversed_s=0.02, late_s=0.05, refund_s=0.3)


def eventually(told: Callable[[], Any], within_s: float = 10.0) -> Any:
    """Wait until something is true and give it back."""
    until = time.monotonic() + within_s
    while not (found := told()):
        assert time.monotonic() < until, "it never came"
        time.sleep(0.005)
    return found


class TinyHub:
    """An IPN address: verifies, compares the amount with the order's, remembers, and answers in VNPAY's words."""

    def __init__(self) -> None:
        self.amounts: dict[str, int] = {}
        self.heard: list[tuple[Verdict, Notice | None]] = []
        self.deaf = 0
        """How many IPNs to answer with HTTP 500 first."""
        self._lock = threading.Lock()

    def hear(self, query: bytes) -> tuple[int, bytes]:
        with self._lock:
            verdict, notice = self._judged(query)
            self.heard.append((verdict, notice))
            if self.deaf:
                self.deaf -= 1
                return 500, b"out of order"
        return 200, Vnpay().answer(verdict).body

    def _judged(self, query: bytes) -> tuple[Verdict, Notice | None]:
        account = Account(TERMINAL, (SECRET,), {})
        try:
            notice = Vnpay().read_callback(account, Incoming("GET", query, {}, b""))
        except Forged:
            return Verdict.FORGED, None
        except Malformed:
            return Verdict.MALFORMED, None
        if notice.reference not in self.amounts:
            return Verdict.UNKNOWN_REFERENCE, notice
        if notice.amount != self.amounts[notice.reference]:
            return Verdict.WRONG_AMOUNT, notice
        return (Verdict.REPEATED if any(notice == told for _, told in self.heard) else Verdict.RECORDED), notice

    def of(self, reference: str) -> list[tuple[Verdict, Notice]]:
        return [(verdict, notice) for verdict, notice in self.heard if notice and notice.reference == reference]


@pytest.fixture
def tiny_hub() -> Iterator[TinyHub]:
    tiny = TinyHub()

    class Ear(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = tiny.hear(self.path.partition("?")[2].encode())
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Ear) as server:
        tiny.url = f"http://127.0.0.1:{server.server_port}/callbacks/vnpay/test"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield tiny
        server.shutdown()
        thread.join()


class Driver:
    """The hub's and the citizen's side of one simulator, over HTTP."""

    def __init__(self, base: str, hub: TinyHub) -> None:
        self.base, self.hub = base, hub
        endpoints = {"pay": f"{base}/paymentv2/vpcpay.html", "api": f"{base}/merchant_webapi/api/transaction"}
        self.account = Account(TERMINAL, (SECRET,), endpoints)
        self.http = requests.Session()
        self.http.trust_env = False
        self._questions = 0

    def order(self, reference: str, **changes: Any) -> Order:
        now = datetime.now(UTC)
        given = {
            "reference": reference,
            "amount": 150_000,
            "currency": "VND",
            "description": f"Lệ phí hồ sơ {reference}",
            "created_at": now,
            "expires_at": now + timedelta(minutes=15),
            "return_url": "https://hub.example/return?a=1",
            "language": "vi",
            "client_ip": "203.0.113.9",
        } | changes
        self.hub.amounts[reference] = given["amount"]
        return Order(**given)

    def pay_url(self, order: Order) -> str:
        started = Vnpay().start(self.account, order)
        assert isinstance(started, Redirect)
        return started.url

    def decide(self, order: Order, decision: str = "pay", **form: str) -> requests.Response:
        return self.http.post(self.pay_url(order), data={"decision": decision, **form}, allow_redirects=False)

    def returned(self, response: requests.Response) -> Notice:
        assert response.status_code == 302, response.text
        query = response.headers["Location"].partition("?")[2].encode()
        return Vnpay().read_return(self.account, Incoming("GET", query, {}, b""))

    def ask(self, order: Order, **changes: Any) -> Notice:
        self._questions += 1
        given = {
            "reference": order.reference,
            "created_at": order.created_at,
            "request_id": f"Q{self._questions}",
            "asked_at": datetime.now(UTC),
            "client_ip": "203.0.113.9",
        } | changes
        query = Query(**given)
        return Vnpay().queried(self.account, query, self.send(Vnpay().query(self.account, query)))

    def send(self, request: Request) -> Response:
        answer = self.http.request(request.method, request.url, headers=request.headers, data=request.body)
        return Response(answer.status_code, answer.headers, answer.content)

    def to_refund(self, order: Order, reference: str, **changes: Any) -> RefundOrder:
        given = {
            "reference": reference,
            "original_reference": order.reference,
            "original_transaction": None,
            "original_created_at": order.created_at,
            "amount": order.amount,
            "original_amount": order.amount,
            "currency": "VND",
            "asked_by": "ketoan01",
            "asked_at": datetime.now(UTC),
            "client_ip": "203.0.113.9",
        } | changes
        return RefundOrder(**given)

    def refund(self, refund: RefundOrder) -> RefundNotice:
        return Vnpay().refunded(self.account, refund, self.send(Vnpay().refund(self.account, refund)))

    def ask_refund(self, refund: RefundOrder) -> RefundNotice:
        self._questions += 1
        query = Query(refund.reference, refund.asked_at, f"Q{self._questions}", datetime.now(UTC), "203.0.113.9")
        answer = self.send(Vnpay().query_refund(self.account, refund, query))
        return Vnpay().refund_queried(self.account, refund, query, answer)

    def plan(self, *plans: dict[str, Any]) -> requests.Response:
        return self.http.post(f"{self.base}/simulator/scenarios", json=list(plans))

    def plan_refunds(self, *plans: dict[str, Any]) -> requests.Response:
        return self.http.post(f"{self.base}/simulator/refund-scenarios", json=list(plans))

    def refunds(self) -> list[dict[str, Any]]:
        return self.http.get(f"{self.base}/simulator/books", params={"terminal": TERMINAL}).json()["refunds"]

    def books(self, reference: str) -> dict[str, Any]:
        told = self.http.get(f"{self.base}/simulator/books", params={"terminal": TERMINAL}).json()
        (order,) = [each for each in told["orders"] if each["reference"] == reference]
        return order

    def tried(self, reference: str, times: int) -> list[dict[str, Any]]:
        """The tries of the order's first IPN once there are so many."""

        def enough() -> list[dict[str, Any]] | None:
            tries = self.books(reference)["ipns"][0]["tries"]
            return tries if len(tries) >= times else None

        return eventually(enough)

    def delivered(self, reference: str) -> dict[str, Any]:
        """The order in the books once each of its IPNs was accepted, given up or a forgery."""

        def finished() -> dict[str, Any] | None:
            order = self.books(reference)
            ends = [
                ipn["tries"] and (ipn["tells"] == "forged" or ipn["tries"][-1]["rsp_code"] in {"00", "02"}) for ipn in order["ipns"]
            ]
            return order if ends and all(ends) else None

        return eventually(finished)


Starter = Callable[..., Driver]


@pytest.fixture
def simulator(tiny_hub: TinyHub) -> Iterator[Starter]:
    """Start a simulator, with other settings if given."""
    with ExitStack() as stack:

        def started(*, ipn_url: str = "", **changes: Any) -> Driver:
            terminals = {TERMINAL: (SECRET, ipn_url or tiny_hub.url)}
            given = {"mode": "test", "port": 0, "delays": AT_ONCE, "terminals": terminals} | changes
            life = stack.enter_context(ExitStack())
            driver = Driver(life.enter_context(serving(SimulatorConfig(**given))), tiny_hub)
            life.callback(driver.http.close)
            driver.stop = life.close
            return driver

        yield started


@pytest.fixture
def vectors() -> dict[str, list[dict[str, Any]]]:
    """VNPAY's vectors by operation."""
    read = json.loads(Path(__file__).with_name("vnpay_vectors.json").read_text("utf-8"))
    return {each["operation"]: [other for other in read if other["operation"] == each["operation"]] for each in read}
