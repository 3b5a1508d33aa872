"""The shortest sequences of events that once broke something."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from gateways.base import RefundNotice, RefundOutcome
from gateways.simulator import Scenario
from payhub.ids import read_public_id
from payhub.payments.refunds import words

HALF = {"lines": [{"number": 1, "amount": 100_000}], "reason": "requested_by_citizen"}
WHOLE = {"lines": [{"number": 1, "amount": 200_000}], "reason": "requested_by_citizen"}
FEE = [{"fee": "LP-LLTP", "agency": "000.00.00.G15", "amount": 200_000}]


class Life:
    """One payment that was paid, and what becomes of it."""

    def __init__(self, world: Any) -> None:
        self.world = world
        self.asked = {"portal_reference": "first", "dossier": "one", "lines": FEE}
        self.payment = world.portal("payments", self.asked).json["id"]
        order = world.gateway.order(world.start(self.payment, uuid.uuid4()))
        world.gateway.decide(order, "pay", Scenario.PAID)
        assert world.call_back(world.gateway.told(order, 0)) == "00"

    def give_back(self, body: dict[str, Any], scenario: str) -> dict[str, Any]:
        self.world.gateway.will(scenario)
        refund = self.world.portal(f"payments/{self.payment}/refunds", body).json
        assert self.world.approve(refund["proposal"]).json["state"] == "executed"
        self.world.work()
        return refund

    def state(self, refund: dict[str, Any]) -> str:
        return self.world.look(f"refunds/{refund['id']}")["state"]


@pytest.fixture
def life(world) -> Iterator[Life]:
    with world() as made:
        yield Life(made)
        assert not made.broken()


@pytest.mark.parametrize(("first", "second"), [("slow", "accepted"), ("accepted", "unknown_not_done")])
def test_the_word_on_one_half_is_not_taken_for_the_other(life, first, second) -> None:
    """Of two alike the gateway turned the second away as being in process, or nobody knows; asked, it speaks of the first."""
    one, other = life.give_back(HALF, first), life.give_back(HALF, second)
    life.world.clock.pass_(seconds=61)
    life.world.work()
    assert (life.state(one), life.state(other) == "succeeded") == ("succeeded", False)
    assert len([each for each in life.world.gateway.books.refunds if each.taken]) == 1


def test_a_word_that_comes_after_the_last_question_changes_nothing(life) -> None:
    """A gateway that says in process each time, and two workers who ask at the same time: the ladder ends between their answers."""
    life.give_back(HALF, "slow")
    refund = life.give_back(HALF, "accepted")
    [(row, reference, order)] = life.world.rows(
        "SELECT t.id, t.reference, a.reference FROM refund_try t JOIN attempt a ON a.id = t.attempt_id WHERE t.state = 'processing'"
    )
    in_process = RefundNotice(reference, order, "PAYHUB01", RefundOutcome.PROCESSING, "94", None, "VND", None)
    for said in [*[in_process] * len(life.world.hub.settings.payments.ladder_s), None]:
        words.answered(life.world.hub, read_public_id("ref", refund["id"], "test"), row, said, asked=True)
    assert life.state(refund) == "unknown"


def test_a_fee_whose_refund_was_refused_after_all_is_not_asked_twice(life) -> None:
    refund = life.give_back(WHOLE, "refused_later")
    assert life.state(refund) == "succeeded"
    life.world.gateway.make_up_its_mind()
    life.world.clock.pass_(hours=2)
    life.world.work()
    assert life.state(refund) == "failed"
    again = life.world.portal("payments", {**life.asked, "portal_reference": "second"})
    assert (again.status_code, again.json.get("code")) == (409, "dossier_already_asked")


def test_the_word_on_another_part_is_no_other_amount_of_this_one(life) -> None:
    third = {"lines": [{"number": 1, "amount": 60_000}], "reason": "requested_by_citizen"}
    one, other = life.give_back(third, "accepted"), life.give_back(HALF, "unknown_not_done")
    life.world.clock.pass_(seconds=61)
    life.world.work()
    assert (life.state(one), life.state(other)) == ("succeeded", "unknown")
    assert life.world.rows("SELECT kind FROM discrepancy") == []


def test_what_the_gateway_says_of_the_payment_is_no_other_amount_of_a_refund(life) -> None:
    refund = life.give_back(HALF, "unknown_not_done")
    life.world.clock.pass_(seconds=61)
    life.world.work()
    assert life.state(refund) == "unknown"
    assert life.world.rows("SELECT kind FROM discrepancy") == []
