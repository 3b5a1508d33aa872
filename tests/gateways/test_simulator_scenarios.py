"""Each scenario over real HTTP, judged by what a hub hears, is told on return, and gets when it asks."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
import requests

from gateways.base import Outcome, Verdict
from gateways.simulator import Delays, Scenario
from gateways.simulator.scenarios import drawn

AT_ONCE = Delays(ipn_s=0, retry_s=0.05, timeout_s=5)

S, F, C, P = Outcome.SUCCEEDED, Outcome.FAILED, Outcome.CANCELLED, Outcome.PENDING
UNKNOWN, REVERSED = Outcome.UNKNOWN, Outcome.REVERSED
RECORDED, REPEATED, WRONG_AMOUNT = Verdict.RECORDED, Verdict.REPEATED, Verdict.WRONG_AMOUNT


@pytest.mark.parametrize(
    ("scenario", "returned", "heard", "asked"),
    [
        ("paid", S, [(RECORDED, S)], S),
        ("refused", F, [(RECORDED, F)], F),
        ("cancelled", C, [(RECORDED, C)], F),
        ("slow", S, [(RECORDED, S)], S),
        ("twice", S, [(RECORDED, S), (REPEATED, S)], S),
        ("forged", S, [(RECORDED, S)], S),
        ("early", S, [(RECORDED, S)], S),
        ("reversed", S, [(RECORDED, S), (RECORDED, REVERSED)], REVERSED),
        ("out_of_order", S, [(RECORDED, F), (RECORDED, S)], S),
        ("stale", S, [(RECORDED, S), (RECORDED, P)], S),
    ],
)
def test_a_scenario_is_what_it_says(simulator, scenario, returned, heard, asked):
    driver = simulator()
    driver.plan({"reference": "PH1", "scenario": scenario})
    order = driver.order("PH1")
    assert driver.returned(driver.decide(order)).outcome is returned
    assert driver.delivered("PH1")["scenario"] == scenario
    assert [(verdict, notice.outcome) for verdict, notice in driver.hub.of("PH1")] == heard
    notice = driver.ask(order)
    assert (notice.outcome, notice.amount, notice.reference) == (asked, 150_000, "PH1")


def test_a_lost_ipn_is_never_planned_and_a_query_finds_the_money(simulator):
    driver = simulator()
    order = driver.order("PH1")
    assert driver.returned(driver.decide(order, scenario="lost")).outcome is S
    assert driver.books("PH1")["ipns"] == []
    assert driver.ask(order).outcome is S


def test_a_slow_ipn_is_due_later_and_a_query_knows_at_once(simulator):
    driver = simulator(delays=Delays(slow_s=3600))
    order = driver.order("PH1")
    driver.decide(order, scenario="slow")
    (ipn,) = driver.books("PH1")["ipns"]
    assert 3500 < ipn["due_at"] - time.time() <= 3600
    assert (ipn["tries"], driver.ask(order).outcome) == ([], S)


def test_an_abandoned_order_stays_undecided_whatever_is_pressed(simulator):
    driver = simulator()
    order = driver.order("PH1")
    for decision in ("pay", "cancel"):
        assert driver.decide(order, decision, scenario="abandoned").status_code == 200
    told = driver.books("PH1")
    assert (told["decision"], told["ipns"]) == ("", [])
    assert driver.ask(order).outcome is P


def test_a_forged_ipn_comes_first_once_and_claims_success(simulator):
    driver = simulator()
    driver.decide(driver.order("PH1"), "cancel", scenario="forged")
    forged, true = driver.delivered("PH1")["ipns"]
    assert (forged["tells"], len(forged["tries"]), forged["tries"][0]["rsp_code"]) == ("forged", 1, "97")
    assert "vnp_ResponseCode=00" in forged["query"]
    assert "vnp_ResponseCode=24" in true["query"]
    assert [verdict for verdict, _ in driver.hub.heard] == [Verdict.FORGED, RECORDED]


def test_an_early_ipn_is_heard_before_the_browser_is_answered(simulator):
    driver = simulator(delays=Delays(ipn_s=3600, timeout_s=5))
    driver.decide(driver.order("PH1"), scenario="early")
    assert [notice.outcome for _, notice in driver.hub.of("PH1")] == [S]


def test_an_ipn_can_come_before_the_page_was_ever_asked_for(simulator):
    driver = simulator()
    order = driver.order("PH1")
    url = driver.pay_url(order)
    told = driver.http.post(f"{driver.base}/simulator/payments", json={"pay_url": url, "scenario": "early"}).json()
    assert [notice.outcome for _, notice in driver.hub.of("PH1")] == [S]
    assert (told["order"]["status"], told["order"]["ipns"][0]["tries"][0]["rsp_code"]) == ("00", "00")
    page = driver.http.get(url, allow_redirects=False)
    assert page.headers["Location"] == told["return_url"]


def test_a_wrong_amount_is_told_until_the_tries_run_out_and_the_books_are_right(simulator):
    driver = simulator(tries=3)
    order = driver.order("PH1")
    driver.decide(order, scenario="wrong_amount")
    driver.tried("PH1", 3)
    assert [(verdict, notice.amount) for verdict, notice in driver.hub.of("PH1")] == [(WRONG_AMOUNT, 151_000)] * 3
    assert driver.ask(order).amount == 150_000


def test_another_currency_is_told_and_the_books_are_right(simulator):
    driver = simulator(tries=2)
    order = driver.order("PH1")
    driver.decide(order, scenario="other_currency")
    driver.tried("PH1", 2)
    assert "vnp_CurrCode=USD" in driver.books("PH1")["ipns"][0]["query"]
    assert [verdict for verdict, _ in driver.hub.heard] == [Verdict.MALFORMED] * 2
    assert driver.ask(order).outcome is S


def test_days_late_is_due_in_days_and_a_query_knows_at_once(simulator):
    driver = simulator(delays=Delays())
    order = driver.order("PH1")
    driver.decide(order, scenario="days_late")
    (ipn,) = driver.books("PH1")["ipns"]
    assert ipn["due_at"] - time.time() > 2 * 86_400
    assert (ipn["tries"], driver.ask(order).outcome) == ([], S)


def test_late_money_is_held_until_the_order_has_expired(simulator):
    driver = simulator()
    expires_at = datetime.now(UTC) + timedelta(seconds=2)  # one at least: VNPAY writes whole seconds
    order = driver.order("PH1", expires_at=expires_at)
    assert driver.returned(driver.decide(order, scenario="late")).outcome is P
    assert driver.ask(order).outcome is P
    driver.delivered("PH1")
    ((_, notice),) = driver.hub.of("PH1")
    assert (notice.outcome, driver.ask(order).outcome) == (S, S)
    assert notice.paid_at >= expires_at.replace(microsecond=0)


def test_an_order_already_expired_takes_late_money_at_once(simulator):
    driver = simulator()
    order = driver.order("PH1", expires_at=datetime.now(UTC) - timedelta(seconds=5))
    driver.plan({"default": True, "scenario": "late"})
    assert "150.000 VND" in driver.http.get(driver.pay_url(order)).text
    assert driver.returned(driver.decide(order)).outcome is S


def test_an_expired_order_is_not_shown_and_not_paid(simulator):
    driver = simulator()
    order = driver.order("PH1", expires_at=datetime.now(UTC) - timedelta(seconds=5))
    assert driver.http.get(driver.pay_url(order)).status_code == 410
    notice = driver.returned(driver.decide(order))
    assert (notice.outcome, notice.raw_code) == (F, "11/02")


@pytest.mark.parametrize(("code", "outcome"), [("09", F), ("51", F), ("07", UNKNOWN), ("75", F)])
def test_a_refusal_has_the_code_that_was_asked_for(simulator, code, outcome):
    driver = simulator()
    by_button = driver.returned(driver.decide(driver.order("PH1"), "fail", code=code))
    driver.plan({"reference": "PH2", "scenario": "refused", "code": code})
    by_plan = driver.returned(driver.decide(driver.order("PH2")))
    assert {by_button.raw_code[:2], by_plan.raw_code[:2]} == {code}
    assert (by_button.outcome, by_plan.outcome) == (outcome, outcome)


def test_the_cancel_button_cancels_and_keeps_the_scenarios_delivery(simulator):
    driver = simulator()
    assert driver.returned(driver.decide(driver.order("PH1"), "cancel", scenario="twice")).outcome is C
    assert len(driver.delivered("PH1")["ipns"]) == 2
    driver.decide(driver.order("PH2"), "cancel", scenario="reversed")
    assert [ipn["tells"] for ipn in driver.delivered("PH2")["ipns"]] == ["truth"], "what was never paid is never reversed"


def test_a_decision_is_made_once(simulator):
    driver = simulator()
    order = driver.order("PH1")
    first, second = driver.decide(order), driver.decide(order, "cancel")
    assert first.headers["Location"] == second.headers["Location"]
    assert len(driver.delivered("PH1")["ipns"]) == 1


def test_many_hands_on_one_button_decide_once(simulator):
    driver = simulator()
    order = driver.order("PH1")
    url = driver.pay_url(order)
    with ThreadPoolExecutor(8) as hands:
        pressed = hands.map(lambda word: requests.post(url, data={"decision": word}, allow_redirects=False), ["pay", "cancel"] * 8)
        assert len({answer.headers["Location"] for answer in pressed}) == 1
    assert len(driver.delivered("PH1")["ipns"]) == 1


def test_an_automatic_order_decides_itself_when_the_page_is_opened(simulator):
    driver = simulator()
    driver.plan({"default": True, "scenario": "refused", "automatic": True})
    page = driver.http.get(driver.pay_url(driver.order("PH1")), allow_redirects=False)
    assert driver.returned(page).outcome is F


def test_retries_keep_their_distance_and_stop_at_the_first_acceptance(simulator):
    driver = simulator(delays=AT_ONCE)
    driver.hub.deaf = 3
    driver.decide(driver.order("PH1"))
    (ipn,) = driver.delivered("PH1")["ipns"]
    assert [each["status"] for each in ipn["tries"]] == [500, 500, 500, 200]
    times = [datetime.fromisoformat(each["at"]) for each in ipn["tries"]]
    assert all(later - earlier >= timedelta(seconds=AT_ONCE.retry_s) for earlier, later in pairwise(times))


def test_an_address_that_does_not_answer_is_tried_ten_times(simulator, tiny_hub):
    driver = simulator(ipn_url="http://127.0.0.1:9/")
    driver.decide(driver.order("PH1"))
    assert {each["error"] for each in driver.tried("PH1", 10)} == {"ConnectionRefusedError"}
    assert tiny_hub.heard == []


def test_the_usual_settings_are_vnpays():
    assert (Delays().retry_s, Delays().timeout_s) == (300, 30)


def test_the_mix_depends_on_seed_and_order_only(simulator):
    def scenarios(*infos):
        driver = simulator(seed=7, mix={"paid": 5, "refused": 3, "lost": 2})
        for number, info in enumerate(infos):
            driver.http.get(driver.pay_url(driver.order(f"PH{number}", description=info)))
        return sorted((info, driver.books(f"PH{number}")["scenario"]) for number, info in enumerate(infos))

    assert scenarios("A", "B", "C", "A", "A") == scenarios("C", "A", "A", "B", "A")


def test_the_mix_can_follow_the_ordinal(simulator):
    driver = simulator(seed=3, mix={"paid": 1, "lost": 1}, mix_by="ordinal")
    for ordinal in range(1, 5):
        driver.http.get(driver.pay_url(driver.order(f"PH{ordinal}")))
        assert driver.books(f"PH{ordinal}")["scenario"] == drawn(3, {"paid": 1, "lost": 1}, str(ordinal))


def test_the_mix_keeps_its_weights():
    mix = {"paid": 90, "cancelled": 9, "lost": 1}
    found = [drawn(1, mix, str(number)) for number in range(5000)]
    assert 4350 < found.count(Scenario.PAID) < 4650
    assert 20 < found.count(Scenario.LOST) < 90
