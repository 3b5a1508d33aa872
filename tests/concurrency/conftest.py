"""Many at once: real connections, and barriers that let nobody go before all are there. After each test every law must hold."""

from __future__ import annotations

import dataclasses
import itertools
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from sqlalchemy import Connection, Engine, TextClause, event, text

from gateways.registry import GATEWAYS
from gateways.simulator import SimulatorConfig, serving
from payhub.app import create_app
from payhub.demo.seed import DEVELOPMENT_SECRET
from payhub.hub import Hub, build
from payhub.ids import public_id, read_public_id
from payhub.payments import attempts
from payhub.payments.refunds import sending

WIDE = 16
Act = Callable[[], Any]
_HOLD = text("SELECT 1 FROM payment WHERE id = :id FOR NO KEY UPDATE")
_WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")


class Crowd:
    """One hub with a connection for each of many, and its application."""

    def __init__(self, hub: Hub, observer: Engine, keys: dict[str, str], sign: Callable[..., str]) -> None:
        self._observer = observer
        self.hub, self.app, self.keys, self._sign = hub, create_app(hub=hub), keys, sign
        self._pool = ThreadPoolExecutor(WIDE)
        self._came = threading.local()
        event.listen(hub.db.resting, "before_cursor_execute", self._wait_for_all)
        event.listen(hub.db.resting, "before_cursor_execute", self._begin)
        event.listen(hub.db.resting, "after_cursor_execute", self._commit_with_all)

    def close(self) -> None:
        self._pool.shutdown()

    def together(self, acts: Sequence[Act]) -> list[Any]:
        """Do all at once, each on a connection of its own; return what each returned, in their order."""
        barrier = threading.Barrier(len(acts), timeout=20)

        def do(act: Act) -> Any:
            barrier.wait()
            return act()

        return list(self._pool.map(do, acts))

    def face_to_face(self, acts: Sequence[Act]) -> list[Any]:
        """Do all at once; each holds back the first statement that locks or writes until every other stands before its own."""
        barrier = threading.Barrier(len(acts), timeout=20)

        def do(act: Act) -> Any:
            self._came.meeting = barrier
            try:
                return act()
            finally:
                self._wait_for_all(None, None, "WITH")

        return list(self._pool.map(do, acts))

    def back_to_back(self, acts: Sequence[Act]) -> list[Any]:
        """Do all at once; each holds back its commit until every other has written too: who has to wait for another breaks it."""
        barrier = threading.Barrier(len(acts), timeout=20)

        def do(act: Act) -> Any:
            self._came.written = barrier
            try:
                return act()
            finally:
                self._came.written = None

        return list(self._pool.map(do, acts))

    def behind_a_lock(self, payment_id: uuid.UUID, acts: Sequence[Act]) -> list[Any]:
        """Do all at once while somebody else holds the payment; let it go when all are in the queue, or done without it."""
        return self.behind(_HOLD, {"id": payment_id}, acts)

    def behind(self, hold: TextClause, told: Mapping[str, Any], acts: Sequence[Act], *, in_turn: bool = False) -> list[Any]:
        """Do all at once while somebody else holds what this statement locks; let it go when all are in the queue, or done.

        `in_turn` they queue up as they stand.
        """
        with self._observer.connect() as holder, self._observer.connect() as observer:
            with holder.begin():
                holder.execute(hold, told)
                doing: list[Future[Any]] = []
                for act in acts:
                    doing.append(self._pool.submit(act))
                    if in_turn:
                        _wait_for(doing, observer)
                _wait_for(doing, observer)
            return [each.result() for each in doing]

    def _wait_for_all(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        meeting = getattr(self._came, "meeting", None)
        if meeting is not None and (statement.startswith("WITH") or "FOR NO KEY UPDATE" in statement):
            self._came.meeting = None
            meeting.wait()

    def _begin(self, _connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if getattr(self._came, "written", None) is not None and statement.startswith("WITH"):
            cursor.execute("BEGIN")

    def _commit_with_all(self, _connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        written = getattr(self._came, "written", None)
        if written is not None and statement.startswith("WITH"):
            self._came.written = None
            written.wait()
            cursor.connection.commit()

    # What portals, citizens and gateways do.

    def ask(self, body: dict[str, Any], key: str | None = None, portal: str = "dvc-bo-tu-phap") -> Any:
        headers = {"Authorization": f"Bearer {self.keys[portal]}", "Idempotency-Key": key or uuid.uuid4().hex}
        return self.app.test_client().post("/v1/payments", json=body, headers=headers)

    def payment(self, **changes: Any) -> uuid.UUID:
        """Ask for one payment; return its id."""
        answer = self.ask(self.body(**changes), portal=changes.pop("portal", "dvc-bo-tu-phap"))
        assert answer.status_code == 201, answer.text
        made = read_public_id("pay", answer.json["id"], "test")
        assert made is not None
        return made

    def body(self, **changes: Any) -> dict[str, Any]:
        changes.pop("portal", None)
        line = {"fee": "LP-LLTP", "agency": "000.00.00.G15", "amount": 200_000}
        return {"portal_reference": uuid.uuid4().hex, "dossier": uuid.uuid4().hex, "lines": [line], **changes}

    def cancel(self, payment_id: uuid.UUID) -> Any:
        headers = {"Authorization": f"Bearer {self.keys['dvc-bo-tu-phap']}", "Idempotency-Key": uuid.uuid4().hex}
        return self.app.test_client().post(f"/v1/payments/{public_id('pay', payment_id, 'test')}/cancel", headers=headers)

    def replace(self, payment_id: uuid.UUID, **changes: Any) -> Any:
        return self.ask(self.body(replaces=public_id("pay", payment_id, "test"), **changes))

    def start(self, payment_id: uuid.UUID, form: uuid.UUID | None = None) -> str | None:
        """Press Pay; return the gateway's reference, or None where the payment takes no more attempts."""
        to = attempts.start(self.hub, payment_id, "vnpay-main", form or uuid.uuid4(), "203.0.113.5")
        return parse_qs(urlsplit(to.url).query)["vnp_TxnRef"][0] if to else None

    def message(self, reference: str | None, amount: int = 200_000, **changes: str) -> str:
        assert reference
        told = {
            "Amount": str(amount * 100), "BankCode": "NCB", "OrderInfo": "Thu phi", "PayDate": "20261120100500", "ResponseCode": "00",
            "TransactionStatus": "00", "TmnCode": "PAYHUB01", "TransactionNo": str(uuid.uuid4().int)[:15], "TxnRef": reference,
        }  # fmt: skip
        return self._sign(**{**told, **changes})

    def call_back(self, message: str) -> str:
        answer = self.app.test_client().get(f"/callbacks/vnpay/vnpay-main?{message}")
        assert answer.status_code == 200
        return answer.json["RspCode"]


def _wait_for(doing: Sequence[Future[Any]], observer: Connection) -> None:
    """Wait until each of these stands in a queue, or is done."""
    waiting = 0
    while waiting + sum(each.done() for each in doing) < len(doing):
        waiting = observer.scalar(_WAITING)
        observer.rollback()


@contextmanager
def wide(settings: Any, hub: Hub) -> Iterator[Hub]:
    broad = dataclasses.replace(settings, database=dataclasses.replace(settings.database, pool_size=WIDE))
    made = build(broad, GATEWAYS, hub.clock)
    try:
        yield made
    finally:
        made.db.close()
        made.redis.close()


@pytest.fixture
def crowd(hub: Hub, settings: Any, keys: dict[str, str], sign: Callable[..., str]) -> Iterator[Crowd]:
    """A hub with sixteen connections to the database of `hub`, which proves it afterwards."""
    with wide(settings, hub) as made:
        gathered = Crowd(made, hub.db.engine, keys, sign)
        yield gathered
        gathered.close()


@dataclasses.dataclass(frozen=True)
class Paid:
    """A payment whose money the gateway has."""

    id: uuid.UUID
    public: str
    reference: str
    transaction: str
    amount: int


class Till:
    """VNPAY's side over HTTP, and everybody who gives back what it took."""

    def __init__(self, crowd: Any, url: str, clock: Any, approvers: list[Any]) -> None:
        self.crowd, self.url, self.clock, self.approvers = crowd, url, clock, approvers

    def paid(self, *lines: dict[str, Any]) -> Paid:
        asked = self.crowd.ask(self.crowd.body(**({"lines": list(lines)} if lines else {})))
        payment = read_public_id("pay", asked.json["id"], "test")
        return self.pays(payment, asked.json["id"], self.starts(payment))

    def starts(self, payment: uuid.UUID) -> str:
        """Press Pay; return the gateway's address."""
        redirect = attempts.start(self.crowd.hub, payment, "vnpay-main", uuid.uuid4(), "203.0.113.5")
        assert redirect is not None
        return redirect.url

    def pays(self, payment: uuid.UUID, public: str, url: str) -> Paid:
        told = requests.post(f"{self.url}/simulator/payments", json={"pay_url": url}, timeout=10).json()["order"]
        paid = Paid(payment, public, told["reference"], told["transaction"], told["amount"])
        assert self.says(paid, PayDate=told["pay_date"]) == "00"
        return paid

    def paid_twice(self) -> tuple[Paid, str]:
        """Pay one payment in two tabs; return it and the receipt that holds the second money."""
        asked = self.crowd.ask(self.crowd.body()).json
        payment = read_public_id("pay", asked["id"], "test")
        paid, _ = [self.pays(payment, asked["id"], url) for url in [self.starts(payment) for _ in range(2)]]
        headers = {"Authorization": f"Bearer {self.crowd.keys['dvc-bo-tu-phap']}"}
        shown = self.crowd.app.test_client().get(f"/v1/payments/{paid.public}", headers=headers).json
        return paid, shown["unapplied"][0]["id"]

    def says(self, paid: Paid, **changes: str) -> str:
        return self.crowd.call_back(self.crowd.message(paid.reference, paid.amount, TransactionNo=paid.transaction, **changes))

    def reverse(self, paid: Paid) -> str:
        return self.says(paid, TransactionStatus="04")

    def will(self, scenario: str) -> None:
        told = [{"default": True, "scenario": scenario}]
        requests.post(f"{self.url}/simulator/refund-scenarios", json=told, timeout=10).raise_for_status()

    def given(self) -> list[tuple[str, int]]:
        """What the gateway's books gave back: the order and how much, one for each request it took."""
        refunds = requests.get(f"{self.url}/simulator/books", timeout=10).json()["refunds"]
        return [(refund["original_reference"], refund["amount"]) for refund in refunds if refund["taken"]]

    def ask(self, paid: Paid, *amounts: int, key: str | None = None) -> Any:
        wanted = amounts or (paid.amount,)
        lines = [{"number": number, "amount": amount} for number, amount in enumerate(wanted, start=1) if amount]
        return self.post(f"payments/{paid.public}/refunds", {"lines": lines, "reason": "requested_by_citizen"}, key)

    def withdraw(self, refund: dict[str, Any]) -> Any:
        return self.post(f"refunds/{refund['id']}/withdraw")

    def post(self, path: str, body: dict[str, Any] | None = None, key: str | None = None) -> Any:
        headers = {"Authorization": f"Bearer {self.crowd.keys['dvc-bo-tu-phap']}", "Idempotency-Key": key or uuid.uuid4().hex}
        return self.crowd.app.test_client().post(f"/v1/{path}", json=body, headers=headers)

    def approve(self, proposal: str, who: int = 0) -> Any:
        person = self.approvers[who]
        return person.post(self.crowd.app.test_client(), f"/v1/proposals/{proposal}/approve", {"totp": person.code()})

    def decline(self, proposal: str, who: int = 1) -> Any:
        body = {"reason": "không đủ hồ sơ"}
        return self.approvers[who].post(self.crowd.app.test_client(), f"/v1/proposals/{proposal}/decline", body)

    def approved(self, refund: dict[str, Any]) -> uuid.UUID:
        """Approve; a code works once, so time passes. Return the refund's id."""
        self.clock.pass_(seconds=30)
        answer = self.approve(refund["proposal"])
        assert answer.status_code == 200, answer.json
        return read_public_id("ref", refund["id"], "test")

    def step(self, refund_id: uuid.UUID) -> None:
        sending.step(self.crowd.hub, refund_id)

    def requested(self, paid: Paid) -> dict[str, Any]:
        answer = self.ask(paid)
        assert answer.status_code == 201, answer.json
        return answer.json


@pytest.fixture
def till(crowd, hub, clock, minh, hoa) -> Iterator[Till]:
    terminals = {"PAYHUB01": (DEVELOPMENT_SECRET, "http://127.0.0.1:9/never")}
    with serving(SimulatorConfig(terminals=terminals, mode="test", port=0, mix={"lost": 1}, clock=clock.now)) as url:
        with hub.db.engine.begin() as connection:
            connection.execute(
                text("UPDATE gateway_account SET endpoints = jsonb_build_object('pay', :pay ::text, 'api', :api ::text)"),
                {"pay": f"{url}/paymentv2/vpcpay.html", "api": f"{url}/merchant_webapi/api/transaction"},
            )
        crowd.hub.cache.fresh()
        yield Till(crowd, url, clock, [minh, hoa])


@pytest.fixture
def queue(crowd) -> Callable[..., list[Any]]:
    """Let acts wait for a lock in the order they stand, the next time in the other, and so on."""
    turns = itertools.count()

    def line_up(hold: Any, told: dict[str, Any], acts: list[Any]) -> list[Any]:
        step = 1 if next(turns) % 2 else -1
        return crowd.behind(hold, told, acts[::step], in_turn=True)[::step]

    return line_up
