"""A hub small enough to read: it takes a gateway's messages as the real one does, and a simulator to send them."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from gateways.base import Account, Incoming, Notice, Order, Query, Redirect, RefundOrder, Response, Verdict
from gateways.errors import Forged, Malformed
from gateways.momo import Momo
from gateways.signing import mac
from gateways.simulator import Delays, SimulatorConfig, serving
from gateways.vnpay import Vnpay
from gateways.zalopay import Zalopay

TERMINAL, SECRET = "PAYHUB01", "PAYHUBVNPAYSECRET0123456789ABCDE"
PARTNER, ACCESS_KEY, SECRET_KEY = "PAYHUBMOMO", "ACCESSKEY0123456", "MOMOSECRET0123456789ABCDEFGHIJKL"
APP, KEY1, KEY2 = "2553", "ZALOPAYKEYONE0123456789ABCDEFGHI", "ZALOPAYKEYTWO0123456789ABCDEFGHI"
AT_ONCE = Delays(
    ipn_s=0, retry_s=0.02, timeout_s=5, slow_s=0.3, twice_s=0.02, reversed_s=0.02, late_s=0.05, refund_s=0.3, refund_soon_s=0.2, hang_s=5,
)  # fmt: skip
GATEWAYS = {"vnpay": Vnpay(), "momo": Momo(), "zalopay": Zalopay()}
ACCOUNTS = {
    "vnpay": Account(TERMINAL, (SECRET,), {}),
    "momo": Account(PARTNER, (), {}, {"access_key": (ACCESS_KEY,), "secret_key": (SECRET_KEY,)}),
    "zalopay": Account(APP, (), {}, {"key1": (KEY1,), "key2": (KEY2,)}),
}


class TinyHub:
    """A callback address: verifies, compares the amount with the order's, remembers, and answers in the gateway's words."""

    def __init__(self) -> None:
        self.url = ""
        self.amounts: dict[str, int] = {}
        self.heard: list[tuple[Verdict, Notice | None]] = []
        self.raw: list[Incoming] = []
        self.deaf = 0
        """How many messages to answer with HTTP 500 first."""
        self.says: Verdict | None = None
        """What to answer whatever is heard."""
        self.body: bytes | None = None
        """What to answer whatever is heard, word by word."""
        self.open = threading.Event()
        """Whoever knocks while this is not set waits until it is."""
        self.open.set()
        self.knocks = 0
        self._lock = threading.Lock()

    def hear(self, name: str, incoming: Incoming) -> tuple[int, bytes]:
        self.knocks += 1
        self.open.wait(10)
        with self._lock:
            verdict, notice = self._judged(name, incoming)
            self.heard.append((verdict, notice))
            self.raw.append(incoming)
            if self.deaf:
                self.deaf -= 1
                return 500, b"out of order"
        answer = GATEWAYS[name].answer(self.says or verdict)
        return answer.status, answer.body if self.body is None else self.body

    def _judged(self, name: str, incoming: Incoming) -> tuple[Verdict, Notice | None]:
        try:
            notice = GATEWAYS[name].read_callback(ACCOUNTS[name], incoming)
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
            path, _, query = self.path.partition("?")
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            incoming = Incoming(self.command, query.encode(), dict(self.headers), body)
            status, said = tiny.hear(path.split("/")[2], incoming)
            self.send_response(status)
            if status != 204:
                self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Ear) as server:
        tiny.url = f"http://127.0.0.1:{server.server_port}/callbacks"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield tiny
        server.shutdown()
        thread.join()


class Driver:
    """The hub's and the citizen's side of one gateway of a simulator, over HTTP."""

    def __init__(self, base: str, hub: TinyHub, name: str, eventually: Callable[..., Any]) -> None:
        self.base, self.hub, self.name, self.gateway, self.eventually = base, hub, name, GATEWAYS[name], eventually
        wallet = {"api": base}
        vnpay = {"pay": f"{base}/paymentv2/vpcpay.html", "api": f"{base}/merchant_webapi/api/transaction"}
        self.account = replace(ACCOUNTS[name], endpoints=vnpay if name == "vnpay" else wallet)
        self.http = requests.Session()
        self.http.trust_env = False
        self._questions = 0
        self._pay_urls: dict[str, str] = {}

    def order(self, code: str, **changes: Any) -> Order:
        now = changes.get("created_at", datetime.now(UTC))
        given = {
            "reference": self.gateway.reference(code, now), "amount": 150_000, "currency": "VND",
            "description": f"Lệ phí hồ sơ {code}", "created_at": now, "expires_at": now + timedelta(minutes=15),
            "return_url": "https://hub.example/return?a=1" if self.name == "vnpay" else "https://hub.example/return",
            "language": "vi",
            "client_ip": "203.0.113.9",
            "callback_url": "" if self.name == "vnpay" else f"{self.hub.url}/{self.name}/test",
        } | changes  # fmt: skip
        self.hub.amounts[given["reference"]] = given["amount"]
        return Order(**given)

    def start(self, order: Order) -> Redirect | Notice:
        started = self.gateway.start(self.account, order)
        return started if isinstance(started, Redirect) else self.gateway.started(self.account, order, self.send(started))

    def pay_url(self, order: Order) -> str:
        """Where to pay; a wallet is asked once."""
        if self.name == "vnpay" or order.reference not in self._pay_urls:
            started = self.start(order)
            assert isinstance(started, Redirect), started
            self._pay_urls[order.reference] = started.url
        return self._pay_urls[order.reference]

    def decide(self, order: Order, decision: str = "pay", **form: str) -> requests.Response:
        return self.http.post(self.pay_url(order), data={"decision": decision, **form}, allow_redirects=False)

    def paid(self, code: str = "PH1", **changes: Any) -> Order:
        """Return an order that the citizen has paid."""
        order = self.order(code, **changes)
        self.decide(order)
        return order

    def returned(self, response: requests.Response) -> Notice:
        assert response.status_code == 302, response.text
        query = response.headers["Location"].partition("?")[2].encode()
        return self.gateway.read_return(self.account, Incoming("GET", query, {}, b""))

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
        return self.gateway.queried(self.account, query, self.send(self.gateway.query(self.account, query)))

    def send(self, request: Any) -> Response:
        answer = self.http.request(request.method, request.url, headers=request.headers, data=request.body)
        return Response(answer.status_code, answer.headers, answer.content)

    def to_refund(self, order: Order, reference: str, **changes: Any) -> RefundOrder:
        wallet = self.name != "vnpay"
        if self.name == "zalopay":
            reference = f"{datetime.now(UTC) + timedelta(hours=7):%y%m%d}_{APP}_{reference}"
        given = {
            "reference": reference, "original_reference": order.reference, "original_created_at": order.created_at,
            "original_transaction": self.books(order.reference)["transaction"] if wallet else None, "original_amount": order.amount,
            "amount": order.amount, "currency": "VND", "asked_by": "ketoan01", "asked_at": datetime.now(UTC), "client_ip": "203.0.113.9",
        } | changes  # fmt: skip
        return RefundOrder(**given)

    def refund(self, refund: RefundOrder) -> Any:
        return self.gateway.refunded(self.account, refund, self.send(self.gateway.refund(self.account, refund)))

    def ask_refund(self, refund: RefundOrder) -> Any:
        self._questions += 1
        query = Query(refund.reference, refund.asked_at, f"Q{self._questions}", datetime.now(UTC), "203.0.113.9")
        answer = self.send(self.gateway.query_refund(self.account, refund, query))
        return self.gateway.refund_queried(self.account, refund, query, answer)

    def tell(self, what: str, *told: dict[str, Any]) -> requests.Response:
        return self.http.post(f"{self.base}/simulator/{what}", json=list(told))

    def plan(self, *plans: dict[str, Any]) -> requests.Response:
        return self.tell("scenarios", *plans)

    def plan_refunds(self, *plans: dict[str, Any]) -> requests.Response:
        return self.tell("refund-scenarios", *plans)

    def until_refund(self, refund: RefundOrder, **said: Any) -> None:
        """Ask about a refund until it is said to be so; the gateway's own clock is real."""

        def so() -> bool:
            notice = self.ask_refund(refund)
            return all(getattr(notice, name) == value for name, value in said.items())

        self.eventually(so, f"no answer ever has {said}")

    def refunds(self) -> list[dict[str, Any]]:
        return self.http.get(f"{self.base}/simulator/books", params={"terminal": self.account.terminal}).json()["refunds"]

    def books(self, reference: str) -> dict[str, Any]:
        told = self.http.get(f"{self.base}/simulator/books", params={"terminal": self.account.terminal}).json()
        (order,) = [each for each in told["orders"] if each["reference"] == reference]
        return order

    def tried(self, reference: str, times: int) -> list[dict[str, Any]]:
        """The tries of the order's first message once there are so many."""

        def enough() -> list[dict[str, Any]] | None:
            tries = self.books(reference)["ipns"][0]["tries"]
            return tries if len(tries) >= times else None

        return self.eventually(enough)

    def delivered(self, reference: str) -> dict[str, Any]:
        """The order in the books once each of its messages was accepted, given up or a forgery."""

        def finished() -> dict[str, Any] | None:
            order = self.books(reference)
            ends = [ipn["finished"] for ipn in order["ipns"]]
            return order if ends and all(ends) else None

        return self.eventually(finished)


class ZalopayDriver(Driver):
    """One that also asks what no honest hub would ask, signed by hand."""

    def signed(self, names: str, fields: dict[str, Any]) -> dict[str, Any]:
        return {**fields, "mac": mac("sha256", KEY1, "|".join(str(fields.get(name, "")) for name in names.split()).encode())}

    def answered(self, call: str, fields: dict[str, Any], *, as_json: bool = False) -> Any:
        answer = self.http.post(f"{self.base}/v2/{call}", **{"json" if as_json else "data": fields})
        assert answer.status_code == 200
        return answer.json()

    def asked(self, call: str, fields: dict[str, Any], *, as_json: bool = False) -> tuple[int, int]:
        told = self.answered(call, fields, as_json=as_json)
        return told["return_code"], told["sub_return_code"]


Starter = Callable[..., Driver]


@pytest.fixture
def simulator(tiny_hub: TinyHub, eventually: Callable[..., Any]) -> Iterator[Starter]:
    """Start a simulator and drive one gateway of it, with other settings if given."""
    with ExitStack() as stack:

        def started(*, gateway: str = "vnpay", ipn_url: str = "", **changes: Any) -> Driver:
            given = {
                "mode": "test",
                "port": 0,
                "delays": AT_ONCE,
                "terminals": {TERMINAL: (SECRET, ipn_url or f"{tiny_hub.url}/vnpay/test")},
                "momo": {PARTNER: (ACCESS_KEY, SECRET_KEY)},
                "zalopay": {APP: (KEY1, KEY2)},
            } | changes
            life = stack.enter_context(ExitStack())
            kind = ZalopayDriver if gateway == "zalopay" else Driver
            driver = kind(life.enter_context(serving(SimulatorConfig(**given))), tiny_hub, gateway, eventually)
            life.callback(driver.http.close)
            driver.stop = life.close
            return driver

        yield started


@pytest.fixture
def vectors() -> dict[str, list[dict[str, Any]]]:
    """VNPAY's vectors by operation."""
    read = json.loads(Path(__file__).with_name("vnpay_vectors.json").read_text("utf-8"))
    return {each["operation"]: [other for other in read if other["operation"] == each["operation"]] for each in read}
