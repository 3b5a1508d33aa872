"""A gateway in trouble, the amounts that mean something in a sandbox, and the files of every gateway's accounts."""

import csv
import io
import time
from datetime import UTC, datetime, timedelta

import pytest
import requests

from gateways.base import Outcome, Query, Redirect, RefundOutcome
from gateways.errors import Malformed
from gateways.simulator import Scenario, SimulatorConfig, SimulatorRefused, create_app
from gateways.simulator.magic import MAGIC
from gateways.simulator.protocols import PROTOCOLS
from gateways.simulator.refunds import RefundScenario

EVERY = ("vnpay", "momo", "zalopay")
WALLETS = ("momo", "zalopay")
S = Outcome.SUCCEEDED


def trouble(driver, **told):
    answer = driver.tell("troubles", {"gateway": driver.name, **told})
    assert (answer.status_code, answer.json()) == (201, {"planned": 1})


def raw(driver, order):
    """The bare answer to a question, whatever it is."""
    driver._questions += 1
    question = driver.gateway.query(driver.account, _query(order, driver._questions))
    return requests.post(question.url, data=question.body, headers=dict(question.headers), timeout=5)


def _query(order, number):
    return Query(order.reference, order.created_at, f"T{number}", datetime.now(UTC), "203.0.113.9")


@pytest.mark.parametrize("name", EVERY)
def test_a_storm_of_errors_hits_its_share_of_the_calls_and_nothing_is_done(simulator, name):
    driver = simulator(gateway=name)
    order = driver.order("PH1")
    driver.pay_url(order)
    trouble(driver, trouble="errors", share=90)
    statuses = [raw(driver, order).status_code for _ in range(60)]
    bad = sum(status >= 500 for status in statuses)
    assert 45 <= bad <= 60
    assert set(statuses) - {200} == {500, 502, 503, 504}
    trouble(driver, trouble="none")
    assert {raw(driver, order).status_code for _ in range(5)} <= {200, 400}


def test_a_storm_befalls_one_gateway_and_the_calls_that_were_named(simulator):
    driver = simulator(gateway="momo")
    order = driver.order("PH1")
    trouble(driver, trouble="errors", calls=["query"])
    driver.pay_url(order)
    assert raw(driver, order).status_code >= 500
    assert driver.http.get(f"{driver.base}/simulator/troubles").json()["troubles"][0]["calls"] == ["query"]
    assert driver.http.get(f"{driver.base}/paymentv2/vpcpay.html").status_code == 404


def test_a_storm_ends_by_itself(simulator):
    driver = simulator(gateway="momo")
    order = driver.order("PH1")
    trouble(driver, trouble="errors", for_s=1)
    assert raw(driver, order).status_code >= 500
    driver.eventually(lambda: raw(driver, order).status_code < 500, "it never ended")
    assert isinstance(driver.start(order), Redirect)


@pytest.mark.parametrize("name", EVERY)
def test_a_half_open_connection_is_accepted_and_never_answered(simulator, name):
    driver = simulator(gateway=name)
    order = driver.order("PH1")
    driver.pay_url(order)
    trouble(driver, trouble="hang")
    question = driver.gateway.query(driver.account, _query(order, 1))
    with pytest.raises(requests.ReadTimeout):
        requests.post(question.url, data=question.body, headers=dict(question.headers), timeout=0.3)


@pytest.mark.parametrize("name", WALLETS)
def test_a_deaf_gateway_does_what_it_is_asked_and_answers_nothing(simulator, name):
    driver = simulator(gateway=name)
    order = driver.order("PH1")
    trouble(driver, trouble="deaf")
    with pytest.raises(requests.ConnectionError):
        driver.start(order)
    assert driver.books(order.reference)["amount"] == 150_000


def test_a_slow_gateway_answers_late(simulator):
    driver = simulator(gateway="zalopay")
    trouble(driver, trouble="slow", by_s=0.3)
    began = time.monotonic()
    assert isinstance(driver.start(driver.order("PH1")), Redirect)
    assert time.monotonic() - began >= 0.3


@pytest.mark.parametrize(("name", "code"), [("vnpay", "99/"), ("momo", "10"), ("zalopay", "2/-999/")])
def test_maintenance_is_told_in_each_gateways_own_words(simulator, name, code):
    driver = simulator(gateway=name)
    order = driver.order("PH1")
    url = driver.pay_url(order)
    trouble(driver, trouble="maintenance", calls=[*PROTOCOLS[name].calls, "page"])
    answer = raw(driver, order)
    assert answer.status_code == 200
    told = answer.json()
    words = {"vnpay": ("vnp_ResponseCode",), "momo": ("resultCode",), "zalopay": ("return_code", "sub_return_code")}[name]
    assert "/".join(str(told[word]) for word in words) == code.rstrip("/")
    assert driver.http.get(url).status_code == 503


@pytest.mark.parametrize("name", EVERY)
def test_a_skewed_clock_writes_its_own_times(simulator, name):
    driver = simulator(gateway=name)
    trouble(driver, trouble="skew", by_s=-7200)
    order = driver.order("PH1", created_at=datetime.now(UTC) - timedelta(hours=2))
    driver.decide(order)
    written = datetime.strptime(driver.books(order.reference)["pay_date"] + "+0700", "%Y%m%d%H%M%S%z")
    assert 7190 < (datetime.now(UTC) - written).total_seconds() < 7210


def test_troubles_outlive_the_process(simulator, tmp_path):
    first = simulator(gateway="momo", books_path=tmp_path / "books.jsonl")
    trouble(first, trouble="errors")
    first.stop()
    second = simulator(gateway="momo", books_path=tmp_path / "books.jsonl")
    with pytest.raises(Malformed):
        second.start(second.order("PH1"))


@pytest.mark.parametrize(
    "told",
    [
        {"trouble": "errors"},
        {"gateway": "paypal", "trouble": "errors"},
        {"gateway": "momo", "trouble": "love"},
        {"gateway": "momo", "trouble": "errors", "share": 101},
        {"gateway": "momo", "trouble": "errors", "share": 0.5},
        {"gateway": "momo", "trouble": "errors", "calls": ["api"]},
        {"gateway": "momo", "trouble": "slow", "by_s": "1"},
        {"gateway": "momo", "trouble": "slow", "why": "1"},
    ],
)
def test_a_trouble_nobody_knows_is_refused(simulator, told):
    assert simulator().tell("troubles", told).status_code == 400


# For everything at one gateway.


def test_a_plan_for_one_gateway_leaves_the_others_alone(simulator):
    driver = simulator(gateway="momo")
    driver.plan({"gateway": "zalopay", "scenario": "refused"}, {"default": True, "scenario": "lost"})
    order = driver.order("PH1")
    driver.decide(order)
    assert driver.books("PH1")["scenario"] == "lost"
    driver.plan(
        {"gateway": "momo", "scenario": "refused", "code": "1004"}, {"gateway": "momo", "reference": "PH2", "scenario": "paid"}
    )
    for reference, code in (("PH2", "0"), ("PH3", "1004")):
        driver.decide(driver.order(reference))
        assert driver.books(reference)["code"] == code


@pytest.mark.parametrize("plan", [{"gateway": "paypal", "scenario": "paid"}, {"gateway": 7, "scenario": "paid"}])
def test_a_plan_for_a_gateway_nobody_knows_is_refused(simulator, plan):
    assert simulator().plan(plan).status_code == 400


def test_a_code_stands_for_one_merchants_account():
    with pytest.raises(SimulatorRefused):
        create_app(SimulatorConfig(mode="test", momo={"1": ("a", "b")}, zalopay={"1": ("a", "b")}))


def test_settings_show_no_secret():
    config = SimulatorConfig(mode="test", momo={"M": ("an access", "a secret")}, zalopay={"1": ("a key", "another key")})
    shown = repr(config) + repr(config.partner("M")) + repr(config.app("1"))
    assert not [word for word in ("an access", "a secret", "a key", "another key") if word in shown]


# A sandbox.


def test_amounts_mean_nothing_unless_it_is_a_sandbox(simulator):
    driver = simulator(gateway="momo")
    order = driver.order("PH1", amount=150_001)
    driver.decide(order)
    assert driver.ask(order).outcome is S
    assert driver.http.get(f"{driver.base}/simulator/magic-amounts").json()["on"] is False


@pytest.mark.parametrize("name", EVERY)
def test_a_magic_amount_has_its_outcome(simulator, name):
    driver = simulator(gateway=name, magic_amounts=True)
    for end, magic in MAGIC.items():
        if magic.trouble or magic.scenario is Scenario.PAID or magic.scenario in PROTOCOLS[name].cannot:
            continue
        order = driver.order(f"PH{end}", amount=150_000 + end)
        driver.decide(order)
        told = driver.books(order.reference)
        assert told["scenario"] == magic.scenario
        if magic.cause:
            assert told["code"] == PROTOCOLS[name].causes[magic.cause]


@pytest.mark.parametrize("name", EVERY)
def test_a_magic_amount_decides_about_its_refunds(simulator, name):
    driver = simulator(gateway=name, magic_amounts=True)
    order = driver.order("PH1", amount=150_101)
    driver.decide(order)
    assert driver.refund(driver.to_refund(order, "RF1")).outcome is RefundOutcome.REFUSED
    assert driver.refunds()[0]["scenario"] == RefundScenario.REFUSED


@pytest.mark.parametrize("name", WALLETS)
def test_a_magic_amount_fails_the_call_that_makes_its_order(simulator, name):
    driver = simulator(gateway=name, magic_amounts=True)
    with pytest.raises(Malformed):
        driver.start(driver.order("PH1", amount=150_201))
    assert not isinstance(driver.start(driver.order("PH2", amount=150_203)), Redirect)
    assert driver.http.get(f"{driver.base}/simulator/books").json()["orders"] == []


def test_a_plan_for_a_reference_comes_before_the_amount(simulator):
    driver = simulator(gateway="momo", magic_amounts=True)
    driver.plan({"reference": "PH1", "scenario": "paid"})
    driver.plan({"default": True, "scenario": "lost"})
    for reference, scenario in (("PH1", "paid"), ("PH2", "refused")):
        driver.decide(driver.order(reference, amount=150_001))
        assert driver.books(reference)["scenario"] == scenario


def test_every_scenario_has_its_amount():
    assert {magic.scenario for magic in MAGIC.values()} == set(Scenario)
    assert {magic.refund for magic in MAGIC.values()} == set(RefundScenario)


# Files.


@pytest.mark.parametrize(
    ("name", "header", "kinds"),
    [
        (
            "momo",
            "STT,MaGiaoDichMoMo,MaDonHang,LoaiGiaoDich,NgayGiaoDich,GiaTriGiaoDich,PhiGiaoDich,NguonTien,KetQua,MaLenhChi",
            ("Thanh toan", "Hoan tien"),
        ),
        (
            "zalopay",
            "STT,ZpTransId,AppTransId,LoaiGiaoDich,ThoiGianGiaoDich,SoTien,PhiGiaoDich,KenhThanhToan,TrangThai,PayoutId",
            ("PAYMENT", "REFUND"),
        ),
    ],
)
def test_each_account_has_a_file_of_its_own(simulator, name, header, kinds):
    driver = simulator(gateway=name)
    orders = [driver.order(f"PH{number}", amount=number * 100_000) for number in (1, 2, 3)]
    for order in orders:
        driver.decide(order)
    refund = driver.to_refund(orders[0], "RF1", amount=30_000)
    driver.refund(refund)
    driver.tell("disagreements", {"kind": "omit", "terminal": driver.account.terminal, "reference": orders[1].reference})
    day = datetime.now(UTC) + timedelta(hours=7)
    text = driver.http.get(f"{driver.base}/simulator/settlements/{driver.account.terminal}/{day:%Y-%m-%d}.csv").text
    first, *lines, trailer = text.splitlines()
    assert (first, trailer) == (header, "TONG,3,370000,,,,,,,")
    rows = [list(row) for row in csv.reader(io.StringIO("\n".join(lines)))]
    assert {(row[2], row[3], row[5]) for row in rows} == {
        (orders[0].reference, kinds[0], "100000"),
        (orders[2].reference, kinds[0], "300000"),
        (refund.reference, kinds[1], "30000"),
    }
    assert driver.http.get(f"{driver.base}/simulator/settlements/PAYHUB01/{day:%Y-%m-%d}.csv").text.endswith("TONG,0,0,,,,,,,\n")
