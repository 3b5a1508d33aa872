"""MoMo's side gives back, over real HTTP: its rules, its scenarios, its books."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from gateways.base import Outcome, RefundOutcome
from gateways.momo import Momo
from gateways.signing import mac

S = Outcome.SUCCEEDED
A, R = RefundOutcome.ACCEPTED, RefundOutcome.REFUSED
REFUND = "accessKey amount description orderId partnerCode requestId transId"


@pytest.fixture
def driver(simulator):
    return simulator(gateway="momo")


def signed(driver, names, fields):
    """Sign by hand, so that what no honest hub would ask can be asked."""
    key, secret = (driver.account.named_secrets[name][0] for name in ("access_key", "secret_key"))
    text = "&".join(f"{name}={({**fields, 'accessKey': key}).get(name, '')}" for name in names.split())
    return {**fields, "signature": mac("sha256", secret, text.encode())}


def asked(driver, call, fields):
    answer = driver.http.post(f"{driver.base}/v2/gateway/api/{call}", data=json.dumps(fields))
    return answer.status_code, answer.json()["resultCode"]


def _posted(request):
    return {"url": request.url, "data": request.body, "headers": dict(request.headers)}


def test_a_refund_is_taken_stands_in_the_books_and_is_found_again(driver):
    order = driver.paid()
    refund = driver.to_refund(order, "RF1", amount=50_000)
    notice = driver.refund(refund)
    assert (notice.outcome, notice.amount) == (A, 50_000)
    (booked,) = driver.refunds()
    told = {"gateway": "momo", "reference": "RF1", "original_reference": "PH1", "status": "0", "state": "sent", "taken": True}
    assert booked | told == booked
    assert driver.ask_refund(refund).outcome is A
    assert driver.ask(order).outcome is S


def test_parts_never_exceed_what_was_paid(driver):
    order = driver.paid()
    codes = [driver.refund(driver.to_refund(order, f"RF{n}", amount=60_000)).raw_code for n in range(3)]
    assert codes == ["0", "0", "1081"]
    assert driver.refund(driver.to_refund(order, "RF4", amount=30_000)).outcome is A


def test_many_hands_never_give_back_more_than_was_paid(driver):
    order = driver.paid()
    wanted = [Momo().refund(driver.account, driver.to_refund(order, f"RF{n}", amount=40_000)) for n in range(12)]
    with ThreadPoolExecutor(8) as hands:
        codes = sorted(hands.map(lambda request: requests.post(**_posted(request)).json()["resultCode"], wanted))
    assert codes == [0] * 3 + [1081] * 9


def test_what_was_not_paid_or_is_not_known_is_not_given_back(driver):
    reversed_ = driver.order("PH1")
    driver.decide(reversed_, scenario="reversed")
    driver.delivered("PH1")
    assert driver.refund(driver.to_refund(reversed_, "RF1")).raw_code == "1088"
    order = driver.paid("PH2")
    assert driver.refund(driver.to_refund(order, "RF2", original_transaction="999")).raw_code == "42"
    least = {"partnerCode": "PAYHUBMOMO", "orderId": "RF3", "requestId": "RF3", "amount": 999, "lang": "vi", "description": "x"}
    assert asked(driver, "refund", signed(driver, REFUND, least | {"transId": int(driver.books("PH2")["transaction"])}))[1] == 22


def test_a_refund_has_an_order_id_of_its_own(driver):
    order = driver.paid()
    fields = json.loads(Momo().refund(driver.account, driver.to_refund(order, "RF1", amount=50_000)).body)
    assert asked(driver, "refund", signed(driver, REFUND, fields | {"orderId": "PH1", "requestId": "R1"}))[1] == 41
    assert [asked(driver, "refund", fields)[1] for _ in range(2)] == [0, 0], "the same request has the same result"
    assert asked(driver, "refund", signed(driver, REFUND, fields | {"requestId": "R2"}))[1] == 41
    assert asked(driver, "refund", fields | {"amount": 40_000})[1] == 13
    assert sum(refund["amount"] for refund in driver.refunds() if refund["taken"]) == 50_000


@pytest.mark.parametrize(("scenario", "then"), [("slow", A), ("refused_later", R)])
def test_a_slow_refund_is_in_process_and_then_decided(driver, scenario, then):
    order = driver.paid()
    driver.plan_refunds({"gateway": "momo", "scenario": scenario})
    refund = driver.to_refund(order, "RF1")
    assert driver.refund(refund).outcome is RefundOutcome.PROCESSING
    driver.until_refund(refund, outcome=then)
    assert driver.refund(driver.to_refund(order, "RF2")).raw_code == ("1081" if then is A else "7002")


def test_a_refused_refund_moves_nothing(driver):
    order = driver.paid()
    driver.plan_refunds({"reference": "PH1", "scenario": "refused"})
    assert driver.refund(driver.to_refund(order, "RF1")).raw_code == "1080"
    assert driver.refunds()[0]["taken"] is False


def test_a_lost_refund_is_done_and_never_answered(driver):
    order = driver.paid()
    driver.plan_refunds({"default": True, "scenario": "lost"})
    refund = driver.to_refund(order, "RF1")
    with pytest.raises(requests.ConnectionError):
        driver.refund(refund)
    assert driver.ask_refund(refund).outcome is A


@pytest.mark.parametrize(("scenario", "done"), [("unknown_done", True), ("unknown_not_done", False)])
def test_code_99_may_mean_either(driver, scenario, done):
    order = driver.paid()
    driver.plan_refunds({"default": True, "scenario": scenario})
    refund = driver.to_refund(order, "RF1")
    assert driver.refund(refund).outcome is RefundOutcome.UNKNOWN
    assert (driver.ask_refund(refund).outcome is A, driver.refunds()[0]["taken"]) == (done, done)
