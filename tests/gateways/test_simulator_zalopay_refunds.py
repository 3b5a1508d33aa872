"""ZaloPay's side gives back, over real HTTP: its rules, its scenarios, its books."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import requests

from gateways.base import Outcome, RefundOutcome
from gateways.zalopay import Zalopay

S = Outcome.SUCCEEDED
A, R, PROCESSING = RefundOutcome.ACCEPTED, RefundOutcome.REFUSED, RefundOutcome.PROCESSING
REFUND = "app_id zp_trans_id amount description timestamp"


@pytest.fixture
def driver(simulator):
    return simulator(gateway="zalopay")


def test_a_refund_is_in_process_first_and_then_done(driver):
    order = driver.paid()
    refund = driver.to_refund(order, "RF1", amount=50_000)
    notice = driver.refund(refund)
    assert (notice.outcome, notice.transaction is None) == (PROCESSING, False)
    assert driver.refunds()[0]["status"] == "3"
    driver.until_refund(refund, outcome=A)
    (booked,) = driver.refunds()
    assert booked | {"gateway": "zalopay", "original_reference": order.reference, "status": "1", "state": "sent"} == booked
    assert driver.ask(order).outcome is S


def test_parts_never_exceed_what_was_paid(driver):
    order = driver.paid()
    codes = [driver.refund(driver.to_refund(order, f"RF{n}", amount=60_000)).raw_code for n in range(3)]
    assert codes == ["3/1", "3/1", "2/-14"]


def test_many_hands_never_give_back_more_than_was_paid(driver):
    order = driver.paid()
    wanted = [Zalopay().refund(driver.account, driver.to_refund(order, f"RF{n}", amount=40_000)) for n in range(12)]

    def send(request):
        return requests.post(request.url, data=request.body, headers=dict(request.headers)).json()["return_code"]

    with ThreadPoolExecutor(8) as hands:
        assert sorted(hands.map(send, wanted)) == [2] * 9 + [3] * 3


def test_what_was_not_paid_or_is_not_known_is_not_given_back(driver):
    order = driver.paid()
    assert driver.refund(driver.to_refund(order, "RF1", original_transaction="999")).raw_code == "2/-101"
    refund = driver.to_refund(order, "RF2", amount=50_000)
    assert [driver.refund(refund).raw_code for _ in range(2)] == ["3/1", "2/-23"], "a reference is used once"
    assert driver.ask_refund(driver.to_refund(order, "RF9")).raw_code == "2/-101"


def test_a_refund_of_another_hand_day_or_time_moves_nothing(driver):
    order = driver.paid()
    now = datetime.now(UTC)
    good = {
        "app_id": "2553",
        "m_refund_id": f"{now + timedelta(hours=7):%y%m%d}_2553_RF1",
        "zp_trans_id": driver.books(order.reference)["transaction"],
        "amount": 50_000,
        "timestamp": int(now.timestamp() * 1000),
        "description": "Hoan phi",
    }
    assert driver.asked("refund", driver.signed(REFUND, good) | {"amount": 60_000}) == (2, -402)
    assert driver.asked("refund", driver.signed(REFUND, good | {"m_refund_id": "200101_2553_RF1"})) == (2, -401)
    assert driver.asked("refund", driver.signed(REFUND, good | {"timestamp": good["timestamp"] - 3_600_000})) == (2, -401)
    assert driver.refunds() == []
    assert driver.asked("refund", driver.signed(REFUND, good)) == (3, 1)


@pytest.mark.parametrize(("scenario", "then"), [("slow", A), ("refused_later", R)])
def test_a_slow_refund_is_in_process_and_then_decided(driver, scenario, then):
    order = driver.paid()
    driver.plan_refunds({"gateway": "zalopay", "scenario": scenario})
    refund = driver.to_refund(order, "RF1")
    assert driver.refund(refund).outcome is PROCESSING
    driver.until_refund(refund, outcome=then)
    again = driver.refund(driver.to_refund(order, "RF2"))
    assert again.outcome is (R if then is A else PROCESSING)


def test_a_refused_refund_moves_nothing(driver):
    order = driver.paid()
    driver.plan_refunds({"default": True, "scenario": "refused"})
    assert driver.refund(driver.to_refund(order, "RF1")).outcome is R
    assert driver.refunds()[0]["taken"] is False


def test_a_lost_refund_is_done_and_never_answered(driver):
    order = driver.paid()
    driver.plan_refunds({"default": True, "scenario": "lost"})
    refund = driver.to_refund(order, "RF1")
    with pytest.raises(requests.ConnectionError):
        driver.refund(refund)
    driver.until_refund(refund, outcome=A)


@pytest.mark.parametrize(("scenario", "done"), [("unknown_done", True), ("unknown_not_done", False)])
def test_code_500_may_mean_either(driver, scenario, done):
    order = driver.paid()
    driver.plan_refunds({"default": True, "scenario": scenario})
    refund = driver.to_refund(order, "RF1")
    assert driver.refund(refund).outcome is RefundOutcome.UNKNOWN
    assert driver.refunds()[0]["taken"] is done
    if done:
        driver.until_refund(refund, outcome=A)
