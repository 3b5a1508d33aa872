"""Held money and everybody who wants it in the same instant: approvers, citizens, portals, gateways and the end of time."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from sqlalchemy import text

from payhub.ids import public_id
from payhub.payments import closing

ROUNDS = 8
STATES = "SELECT state, count(*)::int FROM payment GROUP BY 1 ORDER BY 1"
HELD = "SELECT coalesce(sum(remaining), 0)::int FROM unapplied_receipt"
BOOKED = "SELECT account, -sum(amount)::int FROM posting GROUP BY 1"
PAYMENTS = text("SELECT id FROM payment WHERE id IN (:own, :target) ORDER BY id FOR NO KEY UPDATE")


class Safe:
    """Held money, a clerk who proposes what it pays, and two people who approve."""

    def __init__(self, crowd: Any, clock: Any, clerk: Any, approvers: list[Any], rows: Any) -> None:
        self.crowd, self.clock, self.clerk, self.approvers, self.rows = crowd, clock, clerk, approvers, rows

    def hold(self, amount: int = 200_000) -> tuple[uuid.UUID, uuid.UUID, str]:
        """Have money come that pays nothing; return its payment, which stays open, its receipt, and the gateway's reference."""
        own = self.crowd.payment(lines=[{"fee": "P-CONGCHUNG", "agency": "000.00.00.G15", "amount": 7_000_000}])
        reference = self.crowd.start(own)
        assert self.crowd.call_back(self.message(reference, amount)) == "04"
        [(receipt,)] = self.rows(f"SELECT id FROM unapplied_receipt WHERE payment_id = '{own}'")
        return own, receipt, reference

    def message(self, reference: str, amount: int, **changes: str) -> str:
        number = str(abs(hash(reference)))[:12]
        return self.crowd.message(reference, amount, TransactionNo=number, **changes)

    def reverse(self, reference: str, amount: int = 200_000) -> str:
        return self.crowd.call_back(self.message(reference, amount, TransactionStatus="04"))

    def proposed(self, receipt: uuid.UUID, target: uuid.UUID) -> str:
        answer = self.propose(receipt, target)
        assert answer.status_code == 201, answer.json
        return answer.json["id"]

    def propose(self, receipt: uuid.UUID, target: uuid.UUID) -> Any:
        path = f"/v1/staff/unapplied/{public_id('uap', receipt, 'test')}/allocate"
        return self.clerk.post(self.crowd.app.test_client(), path, {"payment": public_id("pay", target, "test")})

    def approve(self, proposal: str, who: int = 0) -> Any:
        person = self.approvers[who]
        return person.post(self.crowd.app.test_client(), f"/v1/proposals/{proposal}/approve", {"totp": person.code()})

    def refund(self, own: uuid.UUID, receipt: uuid.UUID, amount: int) -> Any:
        headers = {"Authorization": f"Bearer {self.crowd.keys['dvc-bo-tu-phap']}", "Idempotency-Key": uuid.uuid4().hex}
        body = {"unapplied": public_id("uap", receipt, "test"), "amount": amount, "reason": "paid_twice"}
        return self.crowd.app.test_client().post(f"/v1/payments/{public_id('pay', own, 'test')}/refunds", json=body, headers=headers)

    def next_codes(self) -> None:
        self.clock.pass_(seconds=30)


@pytest.fixture
def safe(crowd, clock, lan, minh, hoa, rows) -> Safe:
    return Safe(crowd, clock, lan, [minh, hoa], rows)


@pytest.fixture(params=["face to face", "behind a lock"])
def at_once(crowd, request) -> Callable[..., list[Any]]:
    """Two ways to meet: in the same instant, or one after the other out of a queue for the payments, in turns in either order."""
    if request.param == "face to face":
        return lambda _, __, acts: crowd.face_to_face(acts)
    turns = itertools.count()

    def line_up(own: uuid.UUID, target: uuid.UUID, acts: list[Any]) -> list[Any]:
        step = 1 if next(turns) % 2 else -1
        return crowd.behind(PAYMENTS, {"own": own, "target": target}, acts[::step], in_turn=True)[::step]

    return line_up


def said(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json.get("code") or answer.json["state"]


def test_of_two_payments_that_one_receipt_was_promised_to_one_is_paid(safe, at_once, crowd, rows) -> None:
    for _ in range(ROUNDS):
        safe.next_codes()
        first = crowd.payment()
        own, receipt, _ = safe.hold()
        second = crowd.payment()
        proposals = [safe.proposed(receipt, target) for target in (first, second)]
        answers = at_once(own, own, [partial(safe.approve, proposal, who) for who, proposal in enumerate(proposals)])
        assert sorted(map(said, answers)) == [(200, "executed"), (409, "not_allocatable")]
    assert rows(STATES) == [("open", 2 * ROUNDS), ("paid", ROUNDS)]
    assert rows(HELD) == [(0,)]


def test_one_approval_from_two_people_at_once_pays_once(safe, crowd, rows) -> None:
    for _ in range(ROUNDS):
        safe.next_codes()
        _, receipt, _ = safe.hold(500_000)
        proposal = safe.proposed(receipt, crowd.payment())
        answers = crowd.together([partial(safe.approve, proposal, who) for who in (0, 1)])
        assert sorted(map(said, answers)) == [(200, "executed"), (409, "proposal_decided")]
    assert rows(HELD) == [(300_000 * ROUNDS,)]


def test_an_allocation_and_the_citizens_own_money_at_once_pay_once_and_lose_nothing(safe, at_once, crowd, rows) -> None:
    for _ in range(ROUNDS):
        safe.next_codes()
        own, receipt, _ = safe.hold()
        target = crowd.payment()
        message = crowd.message(crowd.start(target))
        answer, code = at_once(own, target, [partial(safe.approve, safe.proposed(receipt, target)), partial(crowd.call_back, message)])
        assert code == "00"
        assert said(answer) in {(200, "executed"), (409, "not_allocatable")}
    assert rows(STATES) == [("open", ROUNDS), ("paid", ROUNDS)]
    assert rows(HELD) == [(200_000 * ROUNDS,)]
    assert dict(rows(BOOKED)) == {"receivable": -400_000 * ROUNDS, "owed": 200_000 * ROUNDS, "unapplied": 200_000 * ROUNDS}


@pytest.mark.parametrize("older", [True, False])
def test_an_allocation_and_the_reversal_of_its_money_at_once_leave_nothing_behind(safe, at_once, crowd, rows, older) -> None:
    for _ in range(ROUNDS):
        safe.next_codes()
        before = crowd.payment()
        own, receipt, reference = safe.hold()
        target = before if older else crowd.payment()
        answer, code = at_once(own, target, [partial(safe.approve, safe.proposed(receipt, target)), partial(safe.reverse, reference)])
        assert code == "00"
        assert said(answer) in {(200, "executed"), (409, "not_allocatable")}
        [(state,)] = rows(f"SELECT state FROM payment WHERE id = '{target}'")
        assert state == ("reversed" if answer.status_code == 200 else "open")
    assert {amount for _, amount in rows(BOOKED)} == {0}


def test_an_allocation_and_a_refund_of_the_same_money_at_once_do_one_of_the_two(safe, at_once, crowd, rows) -> None:
    for _ in range(ROUNDS):
        safe.next_codes()
        own, receipt, _ = safe.hold()
        target = crowd.payment()
        acts = [partial(safe.approve, safe.proposed(receipt, target)), partial(safe.refund, own, receipt, 1)]
        allocated, refunded = map(said, at_once(own, target, acts))
        assert (allocated, refunded) in {
            ((200, "executed"), (409, "not_refundable")),
            ((409, "not_allocatable"), (201, "requested")),
        }
    asked, paid = rows("SELECT (SELECT count(*)::int FROM refund), (SELECT count(*)::int FROM allocation)")[0]
    assert asked + paid == ROUNDS


@pytest.mark.parametrize("other", ["cancel", "replace", "expire"])
def test_an_allocation_and_the_end_of_its_payment_at_once_never_meet_an_error(safe, at_once, crowd, rows, clock, other) -> None:
    for _ in range(ROUNDS):
        safe.next_codes()
        own, receipt, _ = safe.hold()
        target = crowd.payment()
        proposal = safe.proposed(receipt, target)
        if other == "expire":
            clock.pass_(days=2)
        end = {"cancel": partial(crowd.cancel, target), "replace": partial(crowd.replace, target), "expire": partial(closing.finish, crowd.hub, target)}[other]
        answer, ended = at_once(own, target, [partial(safe.approve, proposal), end])
        if other == "expire":
            assert said(answer) == (200, "executed")
        else:
            done = {"cancel": {"cancelled"}, "replace": {"open"}}[other]
            refused = {"cancel": "payment_not_cancellable", "replace": "payment_not_replaceable"}[other]
            both = said(answer)[1], said(ended)[1]
            assert both == ("executed", refused) or (both[0] == "not_allocatable" and both[1] in done), both


def test_what_pays_and_is_paid_crosswise_never_waits_for_itself(safe, crowd, rows) -> None:
    for _ in range(ROUNDS):
        safe.next_codes()
        (one, its, _), (other, others, _) = (safe.hold(8_000_000) for _ in range(2))
        proposals = [safe.proposed(its, other), safe.proposed(others, one)]
        answers = crowd.together([partial(safe.approve, proposal, who) for who, proposal in enumerate(proposals)])
        assert list(map(said, answers)) == [(200, "executed")] * 2
    assert rows(STATES) == [("paid", 2 * ROUNDS)]
    assert rows(HELD) == [(2_000_000 * ROUNDS,)]


def test_the_same_proposed_at_once_waits_once(safe, at_once, crowd) -> None:
    for _ in range(ROUNDS):
        own, receipt, _ = safe.hold()
        target = crowd.payment()
        answers = at_once(own, target, [partial(safe.propose, receipt, target)] * 2)
        assert sorted(answer.json.get("code", "made") for answer in answers) == ["already_proposed", "made"]


def test_an_approval_and_the_same_proposal_again_at_once_never_wait_for_each_other(safe, at_once, crowd) -> None:
    for _ in range(ROUNDS):
        safe.next_codes()
        own, receipt, _ = safe.hold()
        target = crowd.payment()
        proposal = safe.proposed(receipt, target)
        answer, again = at_once(own, target, [partial(safe.approve, proposal), partial(safe.propose, receipt, target)])
        assert said(answer) == (200, "executed")
        assert again.json["code"] in {"already_proposed", "not_allocatable"}


