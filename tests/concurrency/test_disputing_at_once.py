"""Banks, portals, people and gateways at the money of one payment in the same instant."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from payhub.ids import public_id

ROUNDS = 8
BOOKED = "SELECT account, -sum(amount)::int FROM posting GROUP BY 1"


class Bank:
    """Paid payments, a clerk who hears what banks want back, and somebody who agrees."""

    def __init__(self, crowd: Any, clock: Any, clerk: Any, approver: Any, rows: Any) -> None:
        self.crowd, self.clock, self.clerk, self.approver, self.rows = crowd, clock, clerk, approver, rows

    def paid(self) -> tuple[uuid.UUID, str]:
        payment = self.crowd.payment()
        reference = self.crowd.start(payment)
        assert self.crowd.call_back(self.message(reference)) == "00"
        return payment, reference

    def message(self, reference: str, **changes: str) -> str:
        return self.crowd.message(reference, TransactionNo=str(abs(hash(reference)))[:12], **changes)

    def reverse(self, reference: str) -> str:
        return self.crowd.call_back(self.message(reference, TransactionStatus="04"))

    def asks(self, payment: uuid.UUID, amount: int = 200_000, case: str | None = None) -> Any:
        body = {"gateway_case": case or uuid.uuid4().hex, "lines": [{"number": 1, "amount": amount}]}
        return self._clerk(f"payments/{public_id('pay', payment, 'test')}/disputes", body)

    def decides(self, dispute: dict[str, Any], end: str) -> Any:
        return self._clerk(f"disputes/{dispute['id']}/{end}")

    def _clerk(self, path: str, body: dict[str, Any] | None = None) -> Any:
        return self.clerk.post(self.crowd.app.test_client(), f"/v1/staff/{path}", body)

    def approve(self, thing: dict[str, Any]) -> Any:
        body = {"totp": self.approver.code()}
        return self.approver.post(self.crowd.app.test_client(), f"/v1/proposals/{thing['proposal']}/approve", body)

    def refund(self, payment: uuid.UUID, amount: int = 200_000) -> Any:
        headers = {"Authorization": f"Bearer {self.crowd.keys['dvc-bo-tu-phap']}", "Idempotency-Key": uuid.uuid4().hex}
        body = {"lines": [{"number": 1, "amount": amount}], "reason": "requested_by_citizen"}
        return self.crowd.app.test_client().post(f"/v1/payments/{public_id('pay', payment, 'test')}/refunds", json=body, headers=headers)


@pytest.fixture
def bank(crowd, clock, lan, minh, rows) -> Bank:
    return Bank(crowd, clock, lan, minh, rows)


@pytest.fixture(params=["face to face", "behind a lock"])
def at_once(crowd, request) -> Callable[..., list[Any]]:
    """Two ways to meet: in the same instant, or out of a queue for the payment, in turns in either order."""
    if request.param == "face to face":
        return lambda _, acts: crowd.face_to_face(acts)
    turns = itertools.count()

    def line_up(payment: uuid.UUID, acts: list[Any]) -> list[Any]:
        step = 1 if next(turns) % 2 else -1
        return crowd.behind_a_lock(payment, acts[::step])[::step]

    return line_up


def said(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json.get("code") or answer.json["state"]


def test_one_case_recorded_for_two_payments_at_once_is_known_once(bank, crowd, rows) -> None:
    for number in range(ROUNDS):
        payments = [bank.paid()[0] for _ in range(2)]
        answers = crowd.together([partial(bank.asks, payment, case=f"NCB-{number}") for payment in payments])
        assert sorted(map(said, answers)) == [(201, "opened"), (409, "dispute_known")]
    assert rows("SELECT count(*) FROM dispute") == [(ROUNDS,)]


def test_two_disputes_of_one_line_at_once_never_exceed_it(bank, at_once) -> None:
    for _ in range(ROUNDS):
        payment, _ = bank.paid()
        answers = at_once(payment, [partial(bank.asks, payment, 150_000)] * 3)
        assert sorted(map(said, answers)) == [(201, "opened"), (409, "not_disputable"), (409, "not_disputable")]


def test_a_dispute_and_a_refund_at_once_are_both_known_and_only_one_gets_the_money(bank, at_once, rows) -> None:
    for _ in range(ROUNDS):
        bank.clock.pass_(seconds=30)
        payment, _ = bank.paid()
        opened, asked = at_once(payment, [partial(bank.asks, payment), partial(bank.refund, payment)])
        assert said(opened) == (201, "opened")
        assert said(asked) in {(201, "requested"), (409, "not_refundable")}
        assert said(bank.approve(bank.decides(opened.json, "lost").json)) == (200, "executed")
    assert rows("SELECT state, count(*)::int FROM payment GROUP BY 1") == [("reversed", ROUNDS)]
    assert {state for (state,) in rows("SELECT state FROM refund")} <= {"withdrawn"}
    assert {amount for _, amount in rows(BOOKED)} == {0}


def test_a_loss_and_a_win_at_once_are_one_of_the_two(bank, at_once, rows) -> None:
    for _ in range(ROUNDS):
        bank.clock.pass_(seconds=30)
        payment, _ = bank.paid()
        dispute = bank.decides(bank.asks(payment).json, "lost").json
        both = tuple(map(said, at_once(payment, [partial(bank.approve, dispute), partial(bank.decides, dispute, "won")])))
        assert both in {((200, "executed"), (409, "dispute_ended")), ((409, "proposal_void"), (200, "won"))}


def test_a_loss_and_the_same_proposal_again_at_once_never_wait_for_each_other(bank, at_once) -> None:
    for _ in range(ROUNDS):
        bank.clock.pass_(seconds=30)
        payment, _ = bank.paid()
        dispute = bank.decides(bank.asks(payment).json, "lost").json
        lost, again = at_once(payment, [partial(bank.approve, dispute), partial(bank.decides, dispute, "lost")])
        assert said(lost) == (200, "executed")
        assert again.json["code"] in {"already_proposed", "dispute_ended"}


def test_a_loss_and_the_gateways_reversal_at_once_leave_the_books_of_either_order(bank, at_once, rows) -> None:
    for _ in range(ROUNDS):
        bank.clock.pass_(seconds=30)
        payment, reference = bank.paid()
        dispute = bank.decides(bank.asks(payment, 150_000).json, "lost").json
        lost, code = at_once(payment, [partial(bank.approve, dispute), partial(bank.reverse, reference)])
        assert (said(lost), code) == ((200, "executed"), "00")
    assert dict(rows(BOOKED)) == {"owed": 0, "receivable": 150_000 * ROUNDS, "differences": -150_000 * ROUNDS}
    assert rows("SELECT amount::int, count(*)::int FROM discrepancy WHERE kind = 'refund_and_reversal' GROUP BY 1") == [(150_000, ROUNDS)]


def test_a_loss_and_a_refund_that_waits_at_once_never_give_back_more_than_was_paid(bank, at_once, rows) -> None:
    for _ in range(ROUNDS):
        bank.clock.pass_(seconds=30)
        payment, _ = bank.paid()
        refund = bank.refund(payment, 150_000).json
        dispute = bank.decides(bank.asks(payment, 100_000).json, "lost").json
        lost, asked = at_once(payment, [partial(bank.approve, dispute), partial(bank.refund, payment, 60_000)])
        # Until the loss the first refund and the dispute hold the line; after it the first is withdrawn, and 60,000 fit.
        assert said(lost) == (200, "executed")
        assert said(asked) in {(201, "requested"), (409, "not_refundable")}
        bank.clock.pass_(seconds=30)
        assert bank.approve(refund).json["code"] == "proposal_void"
    assert {state for (state,) in rows("SELECT state FROM refund WHERE amount = 150000")} == {"withdrawn"}
