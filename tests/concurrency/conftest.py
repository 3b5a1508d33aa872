"""Many at once: real connections, and barriers that let nobody go before all are there. After each test every law must hold."""

from __future__ import annotations

import dataclasses
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import Engine, TextClause, event, text

from gateways.registry import GATEWAYS
from payhub.app import create_app
from payhub.hub import Hub, build
from payhub.ids import public_id, read_public_id
from payhub.payments import attempts

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

    def behind_a_lock(self, payment_id: uuid.UUID, acts: Sequence[Act]) -> list[Any]:
        """Do all at once while somebody else holds the payment; let it go when all are in the queue, or done without it."""
        return self.behind(_HOLD, {"id": payment_id}, acts)

    def behind(self, hold: TextClause, told: Mapping[str, Any], acts: Sequence[Act]) -> list[Any]:
        """Do all at once while somebody else holds what this statement locks; let it go when all are in the queue, or done."""
        waiting = 0
        with self._observer.connect() as holder, self._observer.connect() as observer:
            with holder.begin():
                holder.execute(hold, told)
                doing = [self._pool.submit(act) for act in acts]
                while waiting + sum(each.done() for each in doing) < len(acts):
                    waiting = observer.scalar(_WAITING)
                    observer.rollback()
            return [each.result() for each in doing]

    def _wait_for_all(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        meeting = getattr(self._came, "meeting", None)
        if meeting is not None and (statement.startswith("WITH") or "FOR NO KEY UPDATE" in statement):
            self._came.meeting = None
            meeting.wait()

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
