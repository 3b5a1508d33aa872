"""The simulator gives money back, over HTTP: its rules, its scenarios, its books and its file."""

import csv
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import requests

from gateways.base import Account, Order, Outcome, RefundOrder, RefundOutcome
from gateways.errors import Forged
from gateways.simulator import RefundScenario, SimulatorConfig, create_app
from gateways.simulator.refunds import REFUND_SCRIPTS
from gateways.vnpay import Vnpay

A, R, P, N, U = (
    *(RefundOutcome.ACCEPTED, RefundOutcome.REFUSED, RefundOutcome.PROCESSING),
    *(RefundOutcome.NOT_FOUND, RefundOutcome.UNKNOWN),
)


@pytest.fixture
def driver(simulator):
    return simulator()


def rows(driver, day=None):
    on = day or datetime.now(UTC) + timedelta(hours=7)
    text = driver.http.get(f"{driver.base}/simulator/settlements/PAYHUB01/{on:%Y-%m-%d}.csv").text
    header, *lines, trailer = text.splitlines()
    read = list(csv.DictReader([header, *lines]))
    total = sum(int(row["SoTien"]) * (1 if row["LoaiGiaoDich"] == "THANH_TOAN" else -1) for row in read)
    assert trailer == f"TONG,{len(read)},{total},,,,,,,"
    return [row for row in read if row["LoaiGiaoDich"] == "HOAN_TIEN"]


def test_an_order_whose_number_ends_in_zero_is_found_by_it(driver):
    orders = {f"PH{each}": driver.paid(f"PH{each}") for each in range(10)}
    numbers = {reference: driver.books(reference)["transaction"] for reference in orders}
    [reference] = [reference for reference, number in numbers.items() if number.endswith("0")]
    assert driver.refund(driver.to_refund(orders[reference], "RF1", original_transaction=numbers[reference])).outcome == A


def test_a_full_refund_is_taken_and_stands_in_the_books(driver):
    order = driver.paid()
    number = driver.books("PH1")["transaction"]
    notice = driver.refund(driver.to_refund(order, "RF1", original_transaction=number))
    assert (notice.outcome, notice.raw_code, notice.amount) == (A, "00/06/02", 150_000)
    assert notice.transaction
    assert notice.transaction != number
    (refund,) = driver.refunds()
    assert refund == refund | {
        "terminal": "PAYHUB01",
        "reference": "RF1",
        "original_reference": "PH1",
        "kind": "02",
        "amount": 150_000,
        "asked_by": "ketoan01",
        "info": "Hoan phi PH1",
        "scenario": "accepted",
        "code": "00",
        "status": "06",
        "taken": True,
        "transaction": notice.transaction,
    }
    assert driver.books("PH1")["status"] == "00"


def test_a_query_tells_the_refund_and_nothing_of_the_payment(driver):
    order = driver.paid()
    refund = driver.to_refund(order, "RF1")
    assert driver.ask_refund(refund).raw_code == "00/00/01"
    assert driver.ask_refund(refund).outcome is U, "that the payment stands does not prove that no refund does"
    told = driver.refund(refund)
    assert driver.ask_refund(refund) == replace(told, names_try=False), "asked about the order, it names no try"
    assert driver.ask(order).outcome is Outcome.UNKNOWN


def test_whether_a_query_tells_refunds_is_a_setting(simulator):
    driver = simulator(query_tells="payment")
    order = driver.paid()
    refund = driver.to_refund(order, "RF1")
    driver.refund(refund)
    assert (driver.ask_refund(refund).outcome, driver.ask(order).outcome) == (U, Outcome.SUCCEEDED)


def test_parts_never_exceed_what_was_paid(driver):
    order = driver.paid()
    parts = [driver.refund(driver.to_refund(order, f"RF{n}", amount=60_000)) for n in range(3)]
    assert [part.outcome for part in parts] == [A, A, R]
    assert parts[2].raw_code == "95//"
    assert driver.refund(driver.to_refund(order, "RF4", amount=30_000)).outcome is A
    assert driver.refund(driver.to_refund(order, "RF5", amount=1)).outcome is R
    assert driver.refund(driver.to_refund(order, "RF6")).outcome is R
    assert sum(refund["amount"] for refund in driver.refunds() if refund["taken"]) == 150_000


def test_many_hands_never_give_back_more_than_was_paid(driver):
    order = driver.paid()

    def ask(number):
        request = Vnpay().refund(driver.account, driver.to_refund(order, f"RF{number}", amount=40_000))
        return requests.post(request.url, data=request.body, headers=request.headers).json()["vnp_ResponseCode"]

    with ThreadPoolExecutor(8) as hands:
        codes = sorted(hands.map(ask, range(16)))
    assert codes == ["00"] * 3 + ["95"] * 13
    assert len({refund["transaction"] for refund in driver.refunds() if refund["taken"]}) == 3


@pytest.mark.parametrize(
    "changes",
    [{"original_reference": "PH9"}, {"original_created_at": datetime(2020, 1, 1, tzinfo=UTC)}, {"original_transaction": "1"}],
)
def test_an_order_it_does_not_know_is_not_found(driver, changes):
    notice = driver.refund(driver.to_refund(driver.paid(), "RF1", **changes))
    assert (notice.outcome, notice.raw_code) == (N, "91//")


def test_what_was_never_paid_is_not_given_back(driver):
    shown, cancelled, reversed_ = driver.order("PH1"), driver.order("PH2"), driver.order("PH3")
    driver.http.get(driver.pay_url(shown))
    driver.decide(cancelled, "cancel")
    driver.decide(reversed_, scenario="reversed")
    driver.delivered("PH3")
    for order in (shown, cancelled, reversed_):
        assert driver.refund(driver.to_refund(order, f"RF{order.reference}")).outcome is R


def test_a_full_refund_of_another_amount_is_refused(driver):
    order = driver.paid()
    assert driver.refund(driver.to_refund(order, "RF1", amount=100_000, original_amount=100_000)).raw_code == "95//"


def test_a_request_is_carried_out_once(driver):
    order = driver.paid()
    refund = driver.to_refund(order, "RF1", amount=50_000)
    assert [driver.refund(refund).outcome for _ in range(3)] == [A, P, P]
    assert [each["taken"] for each in driver.refunds()] == [True, False, False]
    assert driver.refund(replace(refund, asked_at=refund.asked_at + timedelta(days=1))).outcome is A


def test_while_one_is_in_process_another_like_it_waits(driver):
    order = driver.paid()
    driver.plan_refunds({"reference": "PH1", "scenario": "slow"})
    first = driver.to_refund(order, "RF1", amount=50_000)
    assert driver.refund(first).raw_code == "00/05/03"
    assert driver.refund(driver.to_refund(order, "RF2", amount=50_000)).raw_code == "94//"
    assert driver.refund(driver.to_refund(order, "RF3", amount=40_000)).outcome is A


@pytest.mark.parametrize(("scenario", "later", "outcome"), [("slow", "00/06/02", A), ("refused_later", "00/09/02", R)])
def test_a_slow_refund_is_in_process_and_then_decided(driver, scenario, later, outcome):
    order = driver.paid()
    driver.plan_refunds({"reference": "PH1", "scenario": scenario})
    refund = driver.to_refund(order, "RF1")
    assert driver.refund(refund).raw_code == "00/05/02"
    driver.until_refund(refund, raw_code=later, outcome=outcome)
    assert len(rows(driver)) == (outcome is A)
    again = driver.refund(driver.to_refund(order, "RF2"))
    assert again.outcome is (R if outcome is A else A)


def test_a_refused_refund_moves_nothing(driver):
    order = driver.paid()
    driver.plan_refunds({"default": True, "scenario": "refused"})
    assert driver.refund(driver.to_refund(order, "RF1")).raw_code == "95//"
    assert (driver.refunds()[0]["taken"], rows(driver)) == (False, [])
    driver.plan_refunds({"reference": "PH1", "scenario": "accepted"})
    assert driver.refund(driver.to_refund(order, "RF2")).outcome is A


def test_a_lost_refund_is_done_and_never_answered(driver):
    order = driver.paid()
    driver.plan_refunds({"reference": "PH1", "scenario": "lost"})
    refund = driver.to_refund(order, "RF1")
    with pytest.raises(requests.ConnectionError):
        driver.refund(refund)
    assert driver.ask_refund(refund).outcome is A
    assert [row["MaThamChieu"] for row in rows(driver)] == ["RF1"]


def test_a_server_that_keeps_its_connections_says_nothing_useful():
    config = SimulatorConfig(mode="test", terminals={"PAYHUB01": ("a secret", "http://127.0.0.1:9/")})
    app = create_app(config)
    try:
        account = Account("PAYHUB01", ("a secret",), {"pay": "", "api": "/merchant_webapi/api/transaction"})
        client = app.test_client()
        assert client.post("/simulator/refund-scenarios", json={"default": True, "scenario": "lost"}).status_code == 201
        driver_like = _Orders(account)
        url = Vnpay().start(account, driver_like.order).url
        client.post(f"/paymentv2/vpcpay.html{url}")
        answer = client.post(account.endpoints["api"], data=Vnpay().refund(account, driver_like.refund).body)
        assert (answer.status_code, answer.data) == (504, b"")
    finally:
        app.extensions["simulation"].close()


@pytest.mark.parametrize(("scenario", "done", "found"), [("unknown_done", True, A), ("unknown_not_done", False, U)])
def test_code_99_may_mean_either(driver, scenario, done, found):
    order = driver.paid()
    driver.plan_refunds({"reference": "PH1", "scenario": scenario})
    refund = driver.to_refund(order, "RF1")
    assert (driver.refund(refund).outcome, driver.refund(refund).outcome) == (U, P)
    assert driver.ask_refund(refund).outcome is found
    assert (driver.refunds()[0]["taken"], len(rows(driver))) == (done, done)


def test_every_scenario_has_its_script():
    assert set(REFUND_SCRIPTS) == set(RefundScenario)


def raw(driver, fields):
    return driver.http.post(driver.account.endpoints["api"], data=json.dumps(fields)).json()


def test_a_request_of_another_form_or_hand_moves_nothing(driver):
    order = driver.paid()
    good = json.loads(Vnpay().refund(driver.account, driver.to_refund(order, "RF1")).body)
    assert raw(driver, good | {"vnp_TransactionType": "01"})["vnp_ResponseCode"] == "03"
    assert raw(driver, good | {"vnp_Amount": "150000.00"})["vnp_ResponseCode"] == "03"
    assert raw(driver, good | {"vnp_Amount": "100"})["vnp_ResponseCode"] == "97"
    assert raw(driver, {"vnp_Command": "refund", "vnp_TmnCode": "PAYHUB01"})["vnp_ResponseCode"] == "03"
    assert driver.refunds() == []
    driver.account = replace(driver.account, terminal="PAYHUB02")
    with pytest.raises(Forged):
        driver.refund(driver.to_refund(order, "RF1"))


def test_a_request_signed_with_tomorrows_secret_is_refused_and_can_be_read(driver):
    order = driver.paid()
    today = driver.account
    driver.account = replace(today, secrets=("tomorrow's secret", *today.secrets))
    notice = driver.refund(driver.to_refund(order, "RF1"))
    assert (notice.outcome, notice.raw_code) == (R, "97//")


def test_refunds_are_lines_of_their_day(simulator):
    now = [datetime(2026, 11, 21, 16, 59, tzinfo=UTC)]
    driver = simulator(clock=lambda: now[0])
    order = driver.paid(created_at=now[0], expires_at=now[0] + timedelta(minutes=15))
    now[0] += timedelta(minutes=2)
    first, second = (driver.to_refund(order, f"RF{n}", amount=n * 10_000, asked_at=now[0]) for n in (1, 2))
    number = driver.refund(first).transaction
    driver.refund(second)
    assert rows(driver, now[0]) == []
    row, other = rows(driver, now[0] + timedelta(days=1))
    assert row | {"STT": ""} == {
        "STT": "",
        "MaGiaoDich": number,
        "MaThamChieu": "RF1",
        "LoaiGiaoDich": "HOAN_TIEN",
        "ThoiGian": "22/11/2026 00:01:00",
        "SoTien": "10000",
        "Phi": "0",
        "NganHang": "NCB",
        "TrangThai": "THANH_CONG",
        "MaThanhToan": row["MaThanhToan"],
    }
    assert (other["MaThamChieu"], other["SoTien"]) == ("RF2", "20000")


def test_whose_reference_a_refunds_line_has_is_a_setting(simulator):
    driver = simulator(refund_lines_by="order")
    notice = driver.refund(driver.to_refund(driver.paid(), "RF1", amount=50_000))
    (row,) = rows(driver)
    assert (row["MaThamChieu"], row["MaGiaoDich"]) == ("PH1", notice.transaction)


def test_the_file_can_disagree_about_a_refund(driver):
    order = driver.paid()
    for number in (1, 2):
        driver.refund(driver.to_refund(order, f"RF{number}", amount=50_000))
    told = [{"terminal": "PAYHUB01", "kind": kind, "reference": f"RF{n}"} for n, kind in enumerate(("omit", "amount"), 1)]
    assert driver.http.post(f"{driver.base}/simulator/disagreements", json=told).status_code == 201
    assert [(row["MaThamChieu"], row["SoTien"]) for row in rows(driver)] == [("RF2", "51000")]


@pytest.mark.parametrize(
    "plan",
    [
        {},
        {"reference": "PH1"},
        {"reference": "PH1", "scenario": "paid"},
        {"reference": "PH1", "scenario": ["lost"]},
        {"reference": 7, "scenario": "lost"},
        {"scenario": "lost"},
        {"reference": "PH1", "scenario": "lost", "code": "95"},
    ],
)
def test_a_plan_that_cannot_be_kept_is_refused(driver, plan):
    answer = driver.plan_refunds(plan)
    assert (answer.status_code, list(answer.json())) == (400, ["error"])


def test_a_restarted_simulator_remembers_what_it_gave_back(simulator, tmp_path):
    path = tmp_path / "books.jsonl"
    first = simulator(books_path=path)
    order = first.paid()
    first.plan_refunds({"default": True, "scenario": "refused_later"}, {"reference": "PH1", "scenario": "accepted"})
    refund = first.to_refund(order, "RF1", amount=100_000)
    told = first.refund(refund)
    first.stop()
    second = simulator(books_path=path)
    assert second.refund(second.to_refund(order, "RF2")).outcome is R
    assert second.refund(refund).outcome is P
    assert second.ask_refund(refund).transaction is not None
    other = second.paid("PH2")
    assert second.refund(second.to_refund(other, "RF3")).raw_code == "00/05/02"
    assert second.refunds()[0]["transaction"] == told.transaction


class _Orders:
    """One order and its refund, without HTTP."""

    def __init__(self, account):
        now = datetime.now(UTC)
        late = now + timedelta(minutes=15)
        self.order = Order("PH1", 1000, "VND", "Le phi", now, late, "https://hub.example/return", "vi", "203.0.113.9")
        self.refund = RefundOrder("RF1", "PH1", None, now, 1000, 1000, "VND", "ketoan01", now, "203.0.113.9")
