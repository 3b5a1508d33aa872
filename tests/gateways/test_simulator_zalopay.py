"""ZaloPay's side over real HTTP: what it takes and turns away, what a hub hears, is told on return, and gets when it asks."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateways.base import Notice, Outcome, Verdict
from gateways.simulator import Delays
from gateways.zalopay import Zalopay

S, F, C, P, UNKNOWN = Outcome.SUCCEEDED, Outcome.FAILED, Outcome.CANCELLED, Outcome.PENDING, Outcome.UNKNOWN
RECORDED, REPEATED, WRONG_AMOUNT = Verdict.RECORDED, Verdict.REPEATED, Verdict.WRONG_AMOUNT
CREATE = "app_id app_trans_id app_user amount app_time embed_data item"


@pytest.fixture
def driver(simulator):
    return simulator(gateway="zalopay")


def create(driver, *, as_json=False, **changes):
    return driver.asked("create", to_create(driver, **changes), as_json=as_json)


def to_create(driver, **changes):
    now = datetime.now(UTC)
    fields = {
        "app_id": "2553",
        "app_user": "payhub",
        "app_trans_id": f"{now + timedelta(hours=7):%y%m%d}_PH1",
        "app_time": int(now.timestamp() * 1000),
        "amount": 150_000,
        "description": "Lệ phí hồ sơ",
        "item": "[]",
        "embed_data": '{"redirecturl":"https://hub.example/return"}',
        "bank_code": "",
        "callback_url": f"{driver.hub.url}/zalopay/test",
    } | changes
    return driver.signed(CREATE, fields)


@pytest.mark.parametrize(
    ("scenario", "heard", "queried"),
    [
        ("paid", [(RECORDED, S)], S),
        ("slow", [(RECORDED, S)], S),
        ("twice", [(RECORDED, S), (REPEATED, S)], S),
        ("forged", [(RECORDED, S)], S),
    ],
)
def test_a_scenario_is_what_it_says(driver, scenario, heard, queried):
    order = driver.order("PH1")
    driver.plan({"reference": order.reference, "scenario": scenario})
    back = driver.returned(driver.decide(order))
    driver.delivered(order.reference)
    assert [(verdict, notice.outcome) for verdict, notice in driver.hub.of(order.reference)] == heard
    notice = driver.ask(order)
    assert (notice.outcome, notice.amount, back.reference) == (queried, 150_000, order.reference)


@pytest.mark.parametrize(("scenario", "code", "queried"), [("refused", "2/-63", P), ("cancelled", "2/-329", C)])
def test_an_order_that_is_not_paid_is_told_to_nobody_and_found_by_asking(driver, scenario, code, queried):
    order = driver.order("PH1")
    driver.decide(order, scenario=scenario)
    assert driver.books(order.reference)["ipns"] == []
    notice = driver.ask(order)
    assert (notice.outcome, notice.raw_code.rpartition("/")[0]) == (queried, code)
    assert driver.hub.heard == []


@pytest.mark.parametrize("scenario", ["reversed", "out_of_order", "stale", "other_currency"])
def test_what_zalopay_has_no_words_for_is_paid_as_usual_and_cannot_be_planned_for_it(driver, scenario):
    assert driver.plan({"gateway": "zalopay", "scenario": scenario}).status_code == 400
    driver.plan({"default": True, "scenario": scenario})
    order = driver.paid()
    assert driver.delivered(order.reference)["scenario"] == "paid"
    assert driver.ask(order).outcome is S


def test_the_callback_is_posted_as_zalopay_writes_it_to_the_orders_own_address(driver):
    order = driver.paid()
    driver.delivered(order.reference)
    (heard,) = driver.hub.raw
    told = json.loads(heard.body)
    data = json.loads(told["data"])
    assert (heard.method, told["type"], data["amount"], data["app_id"]) == ("POST", 1, 150_000, 2553)
    assert str(data["zp_trans_id"]) == driver.books(order.reference)["transaction"]
    assert str(data["zp_trans_id"]).startswith(f"{datetime.now(UTC) + timedelta(hours=7):%y%m%d}")


def test_the_page_shows_the_order_and_its_buttons(driver):
    url = driver.pay_url(driver.order("PH1", amount=1_234_567))
    shown = driver.http.get(url)
    assert (shown.status_code, shown.headers["Cache-Control"]) == (200, "no-store")
    for part in ("1.234.567 VND", "PH1", 'value="pay"', 'value="cancel"', "ZaloPay"):
        assert part in shown.text
    assert driver.http.get(f"{url[:-1]}x").status_code == 404


def test_an_order_without_a_way_back_ends_on_zalopays_page(driver):
    url = driver.answered("create", to_create(driver, embed_data="{}"))["order_url"]
    ended = driver.http.post(url, data={"decision": "pay"}, allow_redirects=False)
    assert (ended.status_code, "paid 1" in ended.text) == (200, True)


def test_form_and_json_are_taken_alike(driver):
    assert create(driver) == (1, 1)
    now = datetime.now(UTC) + timedelta(hours=7)
    assert create(driver, app_trans_id=f"{now:%y%m%d}_PH2", as_json=True) == (1, 1)


def test_a_wrong_mac_or_app_is_refused_and_books_nothing(driver):
    secrets = {**driver.account.named_secrets, "key1": ("another key",)}
    stranger = replace(driver.account, named_secrets=secrets)
    answer = driver.send(Zalopay().start(stranger, driver.order("PH1")))
    assert json.loads(answer.body)["sub_return_code"] == -402
    assert create(driver, app_id="2554") == (2, -402)
    assert driver.http.get(f"{driver.base}/simulator/books").json()["orders"] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"app_trans_id": "PH1"},
        {"app_trans_id": "200101_PH1"},
        {"app_time": 1_600_000_000_000},
        {"amount": 0},
        {"amount": "1.5"},
        {"item": "{}"},
        {"embed_data": "none"},
        {"expire_duration_seconds": 10},
        {"callback_url": "ftp://hub.example/"},
    ],
)
def test_a_signed_order_of_another_form_day_or_time_is_refused(driver, changes):
    assert create(driver, **changes) == (2, -401)


def test_the_day_of_an_order_is_the_gateways_own(simulator):
    """Two minutes before midnight in Vietnam, at a gateway whose clock is five minutes ahead."""
    now = datetime(2026, 11, 21, 16, 58, tzinfo=UTC)
    driver = simulator(gateway="zalopay", clock=lambda: now)
    fields = {"app_time": int(now.timestamp() * 1000)}
    assert create(driver, app_trans_id="261121_PH1", **fields) == (1, 1)
    driver.tell("troubles", {"gateway": "zalopay", "trouble": "skew", "by_s": 300})
    assert create(driver, app_trans_id="261121_PH2", **fields) == (2, -401)
    assert create(driver, app_trans_id="261122_PH2", **fields) == (1, 1)


def test_a_reference_is_used_once(driver):
    order = driver.order("PH1")
    driver.pay_url(order)
    again = driver.start(order)
    assert isinstance(again, Notice)
    assert (again.outcome, again.raw_code) == (UNKNOWN, "2/-68")


def test_an_early_callback_is_heard_before_create_is_answered(driver):
    driver.plan({"gateway": "zalopay", "scenario": "early"})
    order = driver.order("PH1")
    url = driver.pay_url(order)
    assert [notice.outcome for _, notice in driver.hub.of(order.reference)] == [S]
    assert driver.http.get(url, allow_redirects=False).headers["Location"].startswith("https://hub.example/return?")


@pytest.mark.parametrize(
    ("verdict", "word", "tries", "end"),
    [(Verdict.OUR_FAULT, "0", 4, ""), (Verdict.WRONG_AMOUNT, "2", 1, "accepted"), (Verdict.RECORDED, "1", 1, "accepted")],
)
def test_a_callback_is_sent_again_after_0_only_and_three_times(driver, verdict, word, tries, end):
    driver.hub.says = verdict
    order = driver.paid()
    (ipn,) = driver.delivered(order.reference)["ipns"]
    assert [(each["rsp_code"], each["end"]) for each in ipn["tries"]] == [(word, end)] * tries


@pytest.mark.parametrize(
    ("body", "word", "tries"),
    [(b'{"return_code": 5}', "5", 1), (b'{"return_code": -1}', "-1", 1), (b'{"return_code": "1"}', "", 4), (b"OK", "", 4)],
)
def test_any_other_code_ends_it_and_what_is_no_code_is_tried_again(driver, body, word, tries):
    driver.hub.body = body
    order = driver.paid()
    (ipn,) = driver.delivered(order.reference)["ipns"]
    assert [each["rsp_code"] for each in ipn["tries"]] == [word] * tries
    assert ipn["tries"][-1]["end"] == ("given_up" if word else "")


def test_a_wrong_amount_is_told_and_the_books_are_right(driver):
    order = driver.order("PH1")
    driver.decide(order, scenario="wrong_amount")
    driver.delivered(order.reference)
    assert [(verdict, notice.amount) for verdict, notice in driver.hub.of(order.reference)] == [(WRONG_AMOUNT, 151_000)]
    assert driver.ask(order).amount == 150_000


def test_a_stranger_claims_success_of_a_cancelled_order(driver):
    order = driver.order("PH1")
    driver.decide(order, "cancel", scenario="forged")
    (forged,) = driver.delivered(order.reference)["ipns"]
    assert (forged["tells"], len(forged["tries"])) == ("forged", 1)
    assert [verdict for verdict, _ in driver.hub.heard] == [Verdict.FORGED]


def test_late_money_is_in_process_until_the_order_has_expired(simulator):
    driver = simulator(gateway="zalopay", zalopay_expires_s=1)
    order = driver.order("PH1")
    url = driver.answered("create", to_create(driver))["order_url"]
    driver.http.post(url, data={"decision": "pay", "scenario": "late"}, allow_redirects=False)
    assert driver.ask(order).raw_code == "3/3/true"
    driver.delivered(order.reference)
    assert driver.ask(order).outcome is S


def test_an_undecided_order_waits_and_then_has_expired(simulator):
    now = [datetime.now(UTC)]
    driver = simulator(gateway="zalopay", clock=lambda: now[0])
    order = driver.order("PH1")
    assert driver.ask(order).outcome is Outcome.NOT_FOUND
    url = driver.pay_url(order)
    assert driver.ask(order).outcome is P
    now[0] += timedelta(minutes=16)
    assert (driver.ask(order).outcome, driver.ask(order).not_paid, driver.http.get(url).status_code) == (F, True, 410)


def test_a_restarted_simulator_remembers_and_sends_what_it_owed(simulator, tmp_path, tiny_hub):
    path = tmp_path / "books.jsonl"
    tiny_hub.deaf = 1
    first = simulator(gateway="zalopay", books_path=path, delays=Delays(ipn_s=0))
    order = first.paid()
    first.tried(order.reference, 1)
    first.stop()
    second = simulator(gateway="zalopay", books_path=path)
    assert second.delivered(order.reference)["ipns"][0]["tries"][-1]["end"] == "accepted"
    assert second.ask(order).outcome is S
    assert isinstance(second.start(order), Notice)


def test_the_mix_depends_on_seed_and_order_only(simulator):
    def scenarios(*infos):
        driver = simulator(gateway="zalopay", seed=7, mix={"paid": 5, "refused": 3, "lost": 2})
        orders = [driver.order(f"PH{number}", description=info) for number, info in enumerate(infos)]
        for order in orders:
            driver.pay_url(order)
        return sorted((order.description, driver.books(order.reference)["scenario"]) for order in orders)

    assert scenarios("A", "B", "C", "A", "A") == scenarios("C", "A", "A", "B", "A")
