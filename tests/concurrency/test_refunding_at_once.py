"""Giving back in the same instant: portals, approvers, workers, the gateway's own word, and the end of a day."""

from __future__ import annotations

import dataclasses
import random
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import pytest
import requests
from sqlalchemy import text

from gateways.simulator import SimulatorConfig, serving
from payhub.clock import LOCAL, local_date
from payhub.demo.seed import DEVELOPMENT_SECRET
from payhub.ids import public_id, read_public_id
from payhub.ledger import days
from payhub.payments import attempts
from payhub.payments.refunds import sending

ROUNDS = 12
PROPOSAL = text("SELECT 1 FROM proposal WHERE id = :id FOR UPDATE")
DAY = text("SELECT pg_advisory_xact_lock(7289405, :slot)")
SHARED = (
    # Phí of which agencies keep 75 %, 80 % and 65 %: the amounts leave something over in every share.
    {"fee": "P-CONGCHUNG", "agency": "000.00.00.G15", "amount": 20_003},
    {"fee": "P-GDBD", "agency": "000.00.00.G15", "amount": 80_000},
    {"fee": "P-DLDC", "agency": "000.00.00.G01", "quantity": 7, "amount": 7_000},
)
OWED = "SELECT count(*)::int, coalesce(sum(amount), 0)::int FROM posting WHERE account = 'owed'"
STATES = "SELECT state, count(*)::int FROM refund GROUP BY 1 ORDER BY 1"


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
        redirect = attempts.start(self.crowd.hub, payment, "vnpay-main", uuid.uuid4(), "203.0.113.5")
        assert redirect is not None
        told = requests.post(f"{self.url}/simulator/payments", json={"pay_url": redirect.url}, timeout=10).json()["order"]
        paid = Paid(payment, asked.json["id"], told["reference"], told["transaction"], told["amount"])
        assert self.says(paid, PayDate=told["pay_date"]) == "00"
        return paid

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


@pytest.fixture(params=["face to face", "behind a lock"])
def at_once(crowd, request) -> Callable[..., list[Any]]:
    """Two ways to meet at a payment: in the same instant, or one after the other out of a queue."""
    if request.param == "face to face":
        return lambda _, acts: crowd.face_to_face(acts)
    return lambda paid, acts: crowd.behind_a_lock(paid.id, acts)


def codes(answers: list[Any]) -> list[tuple[int, str]]:
    return sorted((answer.status_code, answer.json.get("code") or answer.json["state"]) for answer in answers)


def test_everything_refunded_twice_at_once_goes_back_once(crowd, till, rows) -> None:
    wide, turns = 8, 3
    for _ in range(turns):
        payments = [till.paid() for _ in range(wide)]
        answers = crowd.together([partial(till.ask, paid) for paid in payments * 2])
        assert Counter(codes(answers)) == {(201, "requested"): wide, (409, "not_refundable"): wide}
        assert all({one.status_code, other.status_code} == {201, 409} for one, other in zip(answers[:wide], answers[wide:], strict=True))
        approved = [till.approved(answer.json) for answer in answers if answer.status_code == 201]
        crowd.together([partial(till.step, refund) for refund in approved * 2])
        assert Counter(paid.reference for paid in payments) <= Counter(order for order, _ in till.given())
    assert rows(STATES) == [("succeeded", wide * turns)]
    assert Counter(till.given()) == {(paid, 200_000): 1 for (paid,) in rows("SELECT reference FROM attempt")}
    assert rows("SELECT DISTINCT sum(amount) FROM posting GROUP BY account, agency_id") == [(0,)]


def test_one_key_twice_at_once_is_one_refund(till, at_once, rows) -> None:
    for _ in range(ROUNDS):
        paid, key = till.paid(), uuid.uuid4().hex
        answers = at_once(paid, [partial(till.ask, paid, key=key)] * 2)
        assert set(codes(answers)) <= {(201, "requested"), (409, "request_in_flight")}
        [made] = {answer.data for answer in answers if answer.status_code == 201}
        assert till.ask(paid, key=key).data == made
    assert rows("SELECT count(*)::int, count(DISTINCT payment_id)::int FROM refund") == [(ROUNDS, ROUNDS)]


def test_parts_of_several_lines_never_exceed_them_and_every_share_is_exact(crowd, till, rows) -> None:
    chance, given = random.Random(20261121), Counter()
    for _ in range(4):
        paid = till.paid(*SHARED)
        parts = [tuple(chance.randint(0, line["amount"] * 2 // 5) for line in SHARED) for _ in range(16)]
        answers = crowd.together([partial(till.ask, paid, *part) for part in parts])
        assert set(codes(answers)) == {(201, "requested"), (409, "not_refundable")}
        for answer in answers:
            if answer.status_code == 201:
                refund = till.approved(answer.json)
                till.will(chance.choice(["accepted", "accepted", "refused"]))
                till.step(refund)
    kept = "SELECT l.id, l.amount::int, l.retention_bp, coalesce(sum(r.amount) FILTER (WHERE refund.state = 'succeeded'), 0)::int FROM payment_line l LEFT JOIN refund_line r ON r.payment_line_id = l.id LEFT JOIN refund ON refund.id = r.refund_id GROUP BY l.id"
    shares = {(line, share): amount for line, share, amount in rows("SELECT payment_line_id, share, -sum(amount)::int FROM posting WHERE account = 'owed' GROUP BY 1, 2")}
    for line, amount, basis_points, refunded in rows(kept):
        assert refunded <= amount
        given["refunded"] += refunded
        retained = (amount - refunded) * basis_points // 10_000
        assert (shares[line, "retained"], shares[line, "budget"]) == (retained, amount - refunded - retained)
    assert sum(amount for _, amount in till.given()) == given["refunded"] > 0


def test_of_two_approvers_at_once_one_approves(crowd, till, rows) -> None:
    for _ in range(ROUNDS):
        till.clock.pass_(seconds=30)
        refund = till.requested(till.paid())
        hold = {"id": read_public_id("prp", refund["proposal"], "test")}
        answers = crowd.behind(PROPOSAL, hold, [partial(till.approve, refund["proposal"], who) for who in (0, 1)])
        assert codes(answers) == [(200, "executed"), (409, "proposal_decided")]
        till.step(read_public_id("ref", refund["id"], "test"))
    assert rows(STATES) == [("succeeded", ROUNDS)]
    assert len(till.given()) == ROUNDS


@pytest.mark.parametrize("other", ["withdraw", "decline"])
def test_an_approval_and_its_opposite_at_once_do_one_of_the_two(crowd, till, rows, other) -> None:
    outcomes = Counter()
    for _ in range(ROUNDS):
        till.clock.pass_(seconds=30)
        refund = till.requested(till.paid())
        against = partial(till.withdraw, refund) if other == "withdraw" else partial(till.decline, refund["proposal"])
        hold = {"id": read_public_id("prp", refund["proposal"], "test")}
        yes, no = crowd.behind(PROPOSAL, hold, [partial(till.approve, refund["proposal"]), against])
        assert {yes.status_code, no.status_code} == {200, 409}
        assert {answer.json.get("code") for answer in (yes, no)} == {None, "proposal_decided"}
        till.step(read_public_id("ref", refund["id"], "test"))
        outcomes[yes.status_code] += 1
    ended = {"withdraw": "withdrawn", "decline": "declined"}[other]
    assert dict(rows(STATES)) == {state: count for state, count in (("succeeded", outcomes[200]), (ended, outcomes[409])) if count}
    assert len(till.given()) == outcomes[200]


def reversal_against(till: Till, at_once: Callable[..., list[Any]], moment: str) -> None:
    """Bring a refund to a moment, and have the gateway take the whole payment back at that very moment."""
    till.clock.pass_(seconds=30)
    paid = till.paid()
    if moment == "request":
        act = partial(till.ask, paid)
    else:
        refund = till.requested(paid)
        act = partial(till.approve, refund["proposal"])
    if moment in {"sending", "answer"}:
        act = partial(till.step, till.approved(refund))
    if moment == "answer":
        till.will("lost")
        act()
        till.clock.pass_(seconds=61)
    said, answer = at_once(paid, [partial(till.reverse, paid), act])
    assert said == "00"
    assert answer is None or answer.status_code < 300 or answer.json["code"] in {"not_refundable", "proposal_void"}


@pytest.mark.parametrize("moment", ["request", "approval", "sending", "answer"])
def test_a_refund_and_the_gateways_reversal_at_once_lose_nothing(till, at_once, rows, crowd, moment) -> None:
    if moment == "approval":
        # Whoever approves holds the proposal first, and waits at the payment like everybody else.
        at_once = lambda paid, acts: crowd.behind_a_lock(paid.id, acts)  # noqa: E731
    for _ in range(ROUNDS // 2):
        reversal_against(till, at_once, moment)
    reversed_ = 200_000 * (ROUNDS // 2)
    given = sum(amount for _, amount in till.given())
    twice = int(rows("SELECT coalesce(sum(amount), 0)::bigint FROM posting WHERE account = 'differences'")[0][0])
    assert rows("SELECT state, count(*)::int FROM payment GROUP BY 1") == [("reversed", ROUNDS // 2)]
    assert rows("SELECT -coalesce(sum(amount), 0)::bigint FROM posting WHERE account = 'receivable'") == [(given,)]
    assert rows(OWED)[0][1] == 0
    assert twice == given <= reversed_
    claims = "SELECT count(*)::int FROM discrepancy WHERE kind = 'refund_and_reversal' AND state = 'open'"
    assert rows(claims) == [(given // 200_000,)]
    assert {state for state, _ in rows(STATES)} <= {"withdrawn", "succeeded"}
    if moment == "answer":
        assert given == reversed_


@pytest.mark.parametrize("scenario", ["accepted", "refused", "lost", "unknown_not_done"])
def test_workers_at_one_refund_at_once_send_one_request(till, at_once, rows, scenario) -> None:
    till.will(scenario)
    for _ in range(ROUNDS // 2):
        paid = till.paid()
        refund = till.approved(till.requested(paid))
        at_once(paid, [partial(till.step, refund)] * 4)
    asked = requests.get(f"{till.url}/simulator/books", timeout=10).json()["refunds"]
    assert len({sent["reference"] for sent in asked}) == len(asked) == ROUNDS // 2
    assert {sent["reference"] for sent in asked} == {reference for (reference,) in rows("SELECT reference FROM refund_try")}


def test_workers_who_ask_about_one_refund_at_once_book_it_once(till, at_once, rows) -> None:
    till.will("lost")
    for _ in range(ROUNDS // 2):
        paid = till.paid()
        refund = till.approved(till.requested(paid))
        till.step(refund)
        till.clock.pass_(seconds=61)
        at_once(paid, [partial(till.step, refund)] * 3)
    assert rows(STATES) == [("succeeded", ROUNDS // 2)]
    assert rows("SELECT fact, count(*)::int FROM journal WHERE refund_id IS NOT NULL GROUP BY 1 ORDER BY 1") == [
        ("refund_submitted", ROUNDS // 2),
        ("refund_taken", ROUNDS // 2),
    ]


def test_refunds_of_one_payment_are_sent_one_after_the_other(till, at_once, rows) -> None:
    for _ in range(ROUNDS // 2):
        paid = till.paid()
        first, second = (till.approved(till.ask(paid, amount).json) for amount in (150_000, 50_000))
        till.will("lost")
        before = len(till.given())
        at_once(paid, [partial(till.step, first), partial(till.step, second)])
        assert len(till.given()) == before + 1
        till.clock.pass_(seconds=61)
        at_once(paid, [partial(till.step, first), partial(till.step, second)])
        till.clock.pass_(seconds=61)
        for refund in (first, second) * 2:
            till.step(refund)
            till.clock.pass_(seconds=61)
        assert len(till.given()) == before + 2
    assert rows(STATES) == [("succeeded", ROUNDS)]
    assert rows("SELECT count(*)::int FROM refund_try") == [(ROUNDS,)]


def test_a_persons_word_and_the_gateways_at_once_book_a_refund_once(till, at_once, rows, crowd, lan) -> None:
    till.will("lost")
    for _ in range(ROUNDS // 2):
        paid = till.paid()
        refund = till.requested(paid)
        refund_id = till.approved(refund)
        till.step(refund_id)
        said = {"outcome": "succeeded", "evidence": "Công văn 12/VNPAY"}
        lan.post(crowd.app.test_client(), f"/v1/staff/refunds/{refund['id']}/outcome", said)
        [(proposal,)] = rows("SELECT id FROM proposal WHERE kind = 'refund_outcome' ORDER BY id DESC LIMIT 1")
        till.clock.pass_(seconds=61)
        _, answer = crowd.behind_a_lock(paid.id, [partial(till.step, refund_id), partial(till.approve, public_id("prp", proposal, "test"))])
        assert codes([answer]) in ([(200, "executed")], [(409, "proposal_void")])
    assert rows(STATES) == [("succeeded", ROUNDS // 2)]
    assert len(till.given()) == ROUNDS // 2


def test_a_word_said_again_and_its_confirmation_at_once_never_meet_an_error(till, rows, crowd, lan) -> None:
    till.will("unknown_not_done")
    for _ in range(ROUNDS // 2):
        paid = till.paid()
        refund = till.requested(paid)
        till.step(till.approved(refund))
        told = {"outcome": "failed", "evidence": "Công văn 12/VNPAY"}
        say = partial(lan.post, crowd.app.test_client(), f"/v1/staff/refunds/{refund['id']}/outcome", told)
        assert say().status_code == 200
        [(proposal,)] = rows("SELECT id FROM proposal WHERE kind = 'refund_outcome' ORDER BY id DESC LIMIT 1")
        till.clock.pass_(seconds=30)
        again, answer = crowd.behind_a_lock(paid.id, [say, partial(till.approve, public_id("prp", proposal, "test"))])
        assert codes([answer]) == [(200, "executed")]
        assert codes([again]) in ([(409, "already_proposed")], [(409, "refund_decided")])
    assert rows(STATES) == [("failed", ROUNDS // 2)]


def midnight_after(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=LOCAL) + timedelta(days=1)


@pytest.mark.parametrize("moment", ["sending", "answer"])
def test_a_refund_and_the_end_of_its_day_at_once_never_meet_an_error(till, rows, crowd, clock, moment) -> None:
    def shut(day: date) -> None:
        with crowd.hub.db.session() as session:
            days.shut(session, day, "thu.ha", midnight_after(day))

    shut_days = set()
    for _ in range(ROUNDS):
        day = local_date(clock.now())
        paid = till.paid()
        refund = till.approved(till.requested(paid))
        if moment == "answer":
            till.will("lost")
            till.step(refund)
            clock.pass_(seconds=61)
        slot = (day - date(2000, 1, 1)).days & 63
        crowd.behind(DAY, {"slot": slot}, [partial(till.step, refund), partial(shut, day)])
        shut_days.add(day)
        clock.set(datetime.combine(day + timedelta(days=3 if day.weekday() == 4 else 1), clock.now().timetz()).astimezone(UTC))
    booked = rows("SELECT business_on > cohort_on, count(*)::int FROM journal WHERE refund_id IS NOT NULL GROUP BY 1 ORDER BY 1")
    assert sum(count for _, count in booked) == 2 * ROUNDS
    assert rows(STATES) == [("succeeded", ROUNDS)]
    assert len(shut_days) == ROUNDS
