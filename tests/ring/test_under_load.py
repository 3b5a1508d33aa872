"""Everything moves from key to key and back while portals ask, citizens pay, gateways call back, money is given back and payers are erased."""

from __future__ import annotations

import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from sqlalchemy import event

from payhub import ids
from payhub.app import create_app, registry
from payhub.ledger.prove import prove
from payhub.payments import attempts, checks
from payhub.payments.refunds import sending
from payhub.ring import rotation

pytestmark = pytest.mark.heavy

PAYER = {"name": "Nguyễn Văn An", "id_number": "001099012345", "phone": "0912345678", "email": "an@example.com"}
WORKED_S, PAID, ERASED = 4.0, 20, 4


class Portal:
    """A portal, its citizens and the gateway, on a process of their own."""

    def __init__(self, hub: Any, key: str, sign: Callable[..., str]) -> None:
        self.hub, self.key, self.sign = hub, key, sign
        self.client = create_app(hub=hub).test_client()

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.key}", "Idempotency-Key": uuid.uuid4().hex}
        answer = self.client.post(path, json=body, headers=headers)
        assert answer.status_code == 201, answer.text
        return answer.json

    def ask(self) -> dict[str, Any]:
        mark = uuid.uuid4().hex
        lines = [{"fee": "LP-LLTP", "agency": "000.00.00.G15", "amount": 200_000}]
        body = {"portal_reference": mark, "dossier": mark, "payer": PAYER, "metadata": {"ho_so": mark}, "lines": lines}
        payment = self.post("/v1/payments", body)
        assert self.client.get(urlsplit(payment["checkout_url"]).path).status_code == 200
        return payment

    def start(self, payment: dict[str, Any]) -> str:
        """Start an attempt; return where the citizen is sent."""
        payment_id = ids.read_public_id("pay", payment["id"], "test")
        assert payment_id is not None
        redirect = attempts.start(self.hub, payment_id, "vnpay-main", uuid.uuid4(), "203.0.113.5")
        assert redirect is not None
        return redirect.url

    def paid(self) -> str:
        """A payment of which the gateway calls back, twice; return its id."""
        payment = self.ask()
        message = self.sign(
            Amount="20000000", BankCode="NCB", OrderInfo="Thu phi", PayDate="20261120100500", ResponseCode="00",
            TransactionStatus="00", TmnCode="PAYHUB01", TransactionNo=str(uuid.uuid4().int)[:15],
            TxnRef=parse_qs(urlsplit(self.start(payment)).query)["vnp_TxnRef"][0],
        )  # fmt: skip
        told = [self.client.get(f"/callbacks/vnpay/vnpay-main?{message}").json["RspCode"] for _ in range(2)]
        assert told == ["00", "02"]
        return str(payment["id"])


class Office:
    """The treasury on one more process: it asks the gateway, gives money back, and erases who paid."""

    def __init__(self, portal: Portal, clock: Any, clerk: Any, approver: Any) -> None:
        self.portal, self.hub, self.clock, self.clerk, self.approver = portal, portal.hub, clock, clerk, approver
        self.erased: list[str] = []

    def agree(self, proposal: str) -> None:
        self.clock.pass_(seconds=30)
        answer = self.approver.post(self.portal.client, f"/v1/proposals/{proposal}/approve", {"totp": self.approver.code()})
        assert (answer.status_code, answer.json["state"]) == (200, "executed"), answer.text

    def paid(self) -> str:
        """A payment whose money is really at the gateway, which says so when it is asked."""
        payment = self.portal.ask()
        requests.post(self.portal.start(payment), data={"decision": "pay", "scenario": "lost"}, allow_redirects=False, timeout=10)
        self.clock.pass_(seconds=61)
        with self.hub.db.session() as session:
            due = checks.due(session, self.hub.clock.now())
        for attempt_id in due:
            checks.check(self.hub, attempt_id)
        return str(payment["id"])

    def refund(self, payment: str) -> None:
        body = {"lines": [{"number": 1, "amount": 50_000}], "reason": "other", "note": "Bà An nộp thừa"}
        self.agree(self.portal.post(f"/v1/payments/{payment}/refunds", body)["proposal"])
        self.clock.pass_(seconds=1)
        with self.hub.db.session() as session:
            due = sending.due(session, self.hub.clock.now())
        for refund_id in due:
            sending.step(self.hub, refund_id)

    def erase(self, *payments: str) -> None:
        body = {"reason": "requested_by_person", "payments": list(payments)}
        answer = self.clerk.post(self.portal.client, "/v1/staff/payers/erase", body)
        assert answer.status_code == 201, answer.text
        self.agree(answer.json["proposal"])
        self.erased += payments


def slow(hub: Any) -> Any:
    """Give everybody else time between what a rotation reads and what it writes."""

    def wait(*arguments: Any) -> None:
        if "FROM free JOIN" in arguments[2]:
            time.sleep(0.02)  # without it hardly anything changes between the two

    event.listen(hub.db.resting, "before_cursor_execute", wait)
    return hub


@contextmanager
def working(*acts: Callable[[], None]) -> Iterator[list[Exception]]:
    """Do each of these again and again, in a thread of its own, until the end; what goes wrong stands in the list."""
    stop, wrong = threading.Event(), list[Exception]()

    def again(act: Callable[[], None]) -> None:
        while not stop.is_set() and not wrong:
            try:
                act()
            except Exception as error:  # noqa: BLE001 - told by the test
                wrong.append(error)

    threads = [threading.Thread(target=again, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    try:
        yield wrong
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)


def test_rotation_and_erasure_while_a_load_runs_leave_nothing_lost_and_nothing_back(
    rings, with_ring, callbacks, keys, opened, rows, sign, gateway, clock, lan, minh
) -> None:
    callbacks(400)
    key = keys["dvc-bo-tu-phap"]
    portals = [Portal(with_ring(rings.both), key, sign) for _ in range(2)]
    office = Office(Portal(with_ring(rings.both), key, sign), clock, lan, minh)
    total, paid, refunded, moved = list[str](), deque[str](), list[str](), list[int]()

    def treasury() -> None:
        refunded.append(office.paid())
        office.refund(refunded[-1])
        # One with money given back, and some of which the gateway has only just called back.
        office.erase(refunded[-1], *(paid.pop() for _ in range(len(paid) // 2)))

    def asked(portal: Portal) -> None:
        done = portal.paid()
        total.append(done)
        paid.append(done)

    # To the new key and back to the old one, each by two at once, while every process seals with the new one.
    ways = [[slow(with_ring(rings.both, current)) for _ in range(2)] for current in (1, 0)]
    with working(*(partial(asked, portal) for portal in portals), treasury) as wrong, ThreadPoolExecutor(2) as pool:
        began = time.monotonic()
        while not wrong and (time.monotonic() - began < WORKED_S or len(total) < PAID or len(office.erased) < ERASED):
            for both in ways:
                steps = list[rotation.Step]()
                assert sum(pool.map(lambda hub, told=steps.append: rotation.rotate(hub, told, 50), both)) == 0
                moved.append(sum(step.moved.done for step in steps))
            assert time.monotonic() - began < 90, "the load does not get on"
    assert not wrong, wrong
    assert rotation.rotate(ways[0][0], lambda _: None) == 0
    assert min(moved) > 400, "nothing moved while they worked"

    after = opened(with_ring(rings.new))
    held = [name for name, _ in after]
    payments = len(total) + len(refunded)
    assert rows("SELECT count(*) FROM payment WHERE state = 'paid'") == [(payments,)]
    assert rows("SELECT count(*) FROM refund WHERE state NOT IN ('approved', 'submitted', 'succeeded')") == [(0,)]
    assert rows("SELECT count(*) FROM payment WHERE erased_at IS NOT NULL") == [(len(office.erased),)]
    gone = len(office.erased)
    assert [held.count(name) for name in ("payer.record", "payer.contact", "payment.words")] == [
        payments,
        payments - gone,
        payments - gone,
    ]
    assert rows("SELECT count(*), count(DISTINCT version), min(version) FROM payer_index") == [(4 * (payments - gone), 1, 1)]
    broken = [law for law in prove(office.hub.db.engine, registry().laws) if not law.holds]
    assert broken == []


def test_cut_off_at_any_statement_it_goes_on_and_nothing_is_lost(everything, rings, with_ring, opened, callbacks, rows) -> None:
    callbacks(40)
    plain = opened(with_ring(rings.both))
    total = 0
    for cut in range(3, 400, 9):
        hub, said = with_ring(rings.both), [0]

        def strike(*_: Any, said: list[int] = said, cut: int = cut) -> None:
            said[0] += 1
            if said[0] == cut:
                raise KeyboardInterrupt

        event.listen(hub.db.resting, "before_cursor_execute", strike)
        try:
            rotation.rotate(hub, lambda _: None, 7)
        except KeyboardInterrupt:
            total += 1
        else:
            break
        finally:
            event.remove(hub.db.resting, "before_cursor_execute", strike)
            hub.db.close()
        assert opened(with_ring(rings.both)) == plain
    else:
        pytest.fail("it never came to its end")
    assert total > 5
    assert opened(with_ring(rings.new)) == plain
    # Each batch counts itself in the transaction that it is: nothing was done twice.
    index = rows("SELECT count(*) FROM payer_index")[0][0]
    assert rows("SELECT sum(done) FROM key_rotation WHERE target = 1") == [(len(plain) + index,)]
