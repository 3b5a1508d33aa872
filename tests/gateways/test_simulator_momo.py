"""MoMo's side over real HTTP: what it takes and turns away, what a hub hears, is told on return, and gets when it asks."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import requests

from gateways.base import Outcome, Verdict
from gateways.momo import Momo
from gateways.signing import mac
from gateways.simulator import Delays

S, F, C, P, REVERSED = Outcome.SUCCEEDED, Outcome.FAILED, Outcome.CANCELLED, Outcome.PENDING, Outcome.REVERSED
RECORDED, REPEATED, WRONG_AMOUNT = Verdict.RECORDED, Verdict.REPEATED, Verdict.WRONG_AMOUNT
CREATE = "accessKey amount extraData ipnUrl orderId orderInfo partnerCode redirectUrl requestId requestType"


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


def create(driver, reference="PH1", **changes):
    fields = {
        "partnerCode": "PAYHUBMOMO",
        "requestId": reference,
        "amount": 150_000,
        "orderId": reference,
        "orderInfo": "Lệ phí hồ sơ",
        "redirectUrl": "https://hub.example/return",
        "ipnUrl": f"{driver.hub.url}/momo/test",
        "requestType": "captureWallet",
        "extraData": "",
        "lang": "vi",
    } | changes
    return asked(driver, "create", signed(driver, CREATE, fields))


@pytest.mark.parametrize(
    ("scenario", "returned", "heard", "queried"),
    [
        ("paid", S, [(RECORDED, S)], S),
        ("refused", F, [(RECORDED, F)], F),
        ("cancelled", C, [(RECORDED, C)], C),
        ("slow", S, [(RECORDED, S)], S),
        ("twice", S, [(RECORDED, S), (REPEATED, S)], S),
        ("forged", S, [(RECORDED, S)], S),
        ("reversed", S, [(RECORDED, S), (RECORDED, REVERSED)], REVERSED),
        ("out_of_order", S, [(RECORDED, F), (RECORDED, S)], S),
        ("stale", S, [(RECORDED, S), (RECORDED, P)], S),
        ("other_currency", S, [(RECORDED, S)], S),
    ],
)
def test_a_scenario_is_what_it_says(driver, scenario, returned, heard, queried):
    if scenario != "other_currency":
        driver.plan({"reference": "PH1", "scenario": scenario})
    order = driver.order("PH1")
    form = {"scenario": scenario} if scenario == "other_currency" else {}
    assert driver.returned(driver.decide(order, **form)).outcome is returned
    driver.delivered("PH1")
    assert [(verdict, notice.outcome) for verdict, notice in driver.hub.of("PH1")] == heard
    notice = driver.ask(order)
    assert (notice.outcome, notice.reference) == (queried, "PH1")


def test_what_momo_has_no_words_for_cannot_be_planned_for_it(driver):
    assert driver.plan({"gateway": "momo", "scenario": "other_currency"}).status_code == 400


def test_the_page_shows_the_order_and_its_buttons(driver):
    shown = driver.http.get(driver.pay_url(driver.order("PH1", amount=1_234_567, description="Lệ phí <b> & 1")))
    assert (shown.status_code, shown.headers["Cache-Control"]) == (200, "no-store")
    for part in ("1.234.567 VND", "PH1", 'value="pay"', 'value="cancel"', "<option>1004</option>"):
        assert part in shown.text
    assert driver.http.get(f"{driver.base}/v2/gateway/pay?t=guess").status_code == 404
    key = driver.pay_url(driver.order("PH1")).partition("t=")[2]
    assert driver.http.get(f"{driver.base}/v2/gateway/pay?t={key[:-1]}0").status_code == 404


def test_the_ipn_is_posted_as_momo_writes_it_to_the_orders_own_address(driver):
    driver.paid()
    (ipn,) = driver.delivered("PH1")["ipns"]
    (heard,) = driver.hub.raw
    assert (heard.method, heard.query, ipn["method"], ipn["tries"][0]["rsp_code"]) == ("POST", b"", "POST", "204")
    assert heard.headers["Content-Type"].startswith("application/json")
    told = json.loads(heard.body)
    assert "accessKey" not in told
    assert told | {"resultCode": 0, "amount": 150_000, "partnerCode": "PAYHUBMOMO", "orderType": "momo_wallet"} == told
    assert str(told["transId"]) == driver.books("PH1")["transaction"]


def test_a_wrong_signature_or_partner_is_refused_and_books_nothing(driver):
    secrets = {**driver.account.named_secrets, "secret_key": ("another secret",)}
    stranger = replace(driver.account, named_secrets=secrets)
    answer = driver.send(Momo().start(stranger, driver.order("PH1")))
    assert (answer.status, json.loads(answer.body)["resultCode"]) == (400, 13)
    assert create(driver, partnerCode="PAYHUBMOMO2") == (400, 13)
    assert driver.http.get(f"{driver.base}/simulator/books").json()["orders"] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"orderId": "_PH1"},
        {"orderId": "PH 1"},
        {"ipnUrl": "https://hub.example/ipn?account=1"},
        {"requestType": "payWithLove"},
        {"amount": "1.5"},
        {"extraData": "{}"},
        {"orderInfo": ""},
        {"lang": "fr"},
    ],
)
def test_a_signed_order_of_another_form_is_refused(driver, changes):
    assert create(driver, **changes) == (400, 20)


@pytest.mark.parametrize(
    ("kind", "amount", "code"),
    [
        ("captureWallet", 999, 22),
        ("captureWallet", 1_000, 0),
        ("captureWallet", 50_000_000, 0),
        ("captureWallet", 50_000_001, 22),
        ("payWithATM", 9_999, 22),
        ("payWithATM", 10_000, 0),
    ],
)
def test_each_way_to_pay_has_its_limits(driver, kind, amount, code):
    assert create(driver, requestType=kind, amount=amount)[1] == code


def test_a_request_id_is_carried_out_once(driver):
    order = driver.order("PH1")
    first, again = driver.start(order), driver.start(order)
    assert first == again
    assert create(driver, requestId="PH1", orderId="PH2") == (400, 40), "the same requestId with other contents"
    assert create(driver, requestId="R2", orderId="PH1") == (400, 41), "the same order by another request"
    assert create(driver, requestId="R3", orderId="PH3", amount=1) == (400, 22)
    assert create(driver, requestId="R3", orderId="PH3", amount=1) == (400, 40), "22 is no final code"


def test_while_a_request_is_under_way_its_repeat_is_told_so(driver):
    driver.plan({"gateway": "momo", "scenario": "early"})
    request = Momo().start(driver.account, driver.order("PH1"))
    driver.hub.open.clear()
    with ThreadPoolExecutor(1) as hands:
        # The order is booked and create is not answered before the IPN is.
        first = hands.submit(requests.post, **_posted(request))
        driver.eventually(lambda: driver.hub.knocks)
        assert asked(driver, "create", json.loads(request.body)) == (422, 7000)
        driver.hub.open.set()
        assert first.result().json()["resultCode"] == 0
    assert asked(driver, "create", json.loads(request.body)) == (200, 0)


def _posted(request):
    return {"url": request.url, "data": request.body, "headers": dict(request.headers)}


def test_an_early_ipn_is_heard_before_create_is_answered(driver):
    driver.plan({"gateway": "momo", "scenario": "early"})
    order = driver.order("PH1")
    url = driver.pay_url(order)
    assert [notice.outcome for _, notice in driver.hub.of("PH1")] == [S]
    assert driver.returned(driver.http.get(url, allow_redirects=False)).outcome is S


def test_an_ipn_is_sent_again_until_it_is_answered_with_204(driver):
    driver.hub.deaf = 2
    driver.paid()
    (ipn,) = driver.delivered("PH1")["ipns"]
    assert [each["status"] for each in ipn["tries"]] == [500, 500, 204]
    driver.hub.says = Verdict.FORGED
    driver.paid("PH2")
    assert len(driver.delivered("PH2")["ipns"][0]["tries"]) == 10


def test_a_wrong_amount_is_told_and_the_books_are_right(driver):
    order = driver.order("PH1")
    driver.decide(order, scenario="wrong_amount")
    driver.delivered("PH1")
    assert [(verdict, notice.amount) for verdict, notice in driver.hub.of("PH1")] == [(WRONG_AMOUNT, 151_000)]
    assert driver.ask(order).amount == 150_000


def test_a_forged_ipn_comes_first_once_and_claims_success(driver):
    driver.decide(driver.order("PH1"), "cancel", scenario="forged")
    forged, true = driver.delivered("PH1")["ipns"]
    assert (json.loads(forged["body"])["resultCode"], json.loads(true["body"])["resultCode"]) == (0, 1006)
    assert [verdict for verdict, _ in driver.hub.heard] == [Verdict.FORGED, RECORDED]


def test_days_late_is_due_in_days_and_a_query_knows_at_once(simulator):
    driver = simulator(gateway="momo", delays=Delays())
    order = driver.order("PH1")
    driver.decide(order, scenario="days_late")
    (ipn,) = driver.books("PH1")["ipns"]
    assert ipn["due_at"] - time.time() > 2 * 86_400
    assert (ipn["tries"], driver.ask(order).outcome) == ([], S)


def test_late_money_is_held_until_the_order_has_expired(simulator):
    driver = simulator(gateway="momo", momo_expires_s=1)
    order = driver.order("PH1")
    assert driver.returned(driver.decide(order, scenario="late")).outcome is P
    driver.delivered("PH1")
    assert driver.ask(order).outcome is S


def test_an_undecided_order_waits_and_then_has_expired(simulator):
    now = [datetime.now(UTC)]
    driver = simulator(gateway="momo", clock=lambda: now[0])
    order = driver.order("PH1")
    assert driver.ask(order).outcome is Outcome.NOT_FOUND
    url = driver.pay_url(order)
    assert driver.ask(order).outcome is P
    now[0] += timedelta(hours=2)
    assert (driver.ask(order).outcome, driver.ask(order).not_paid, driver.http.get(url).status_code) == (F, True, 410)


@pytest.mark.parametrize("code", ["1002", "1004", "4002"])
def test_a_refusal_has_the_code_that_was_asked_for(driver, code):
    driver.plan({"gateway": "momo", "reference": "PH2", "scenario": "refused", "code": code})
    by_button = driver.returned(driver.decide(driver.order("PH1"), "fail", code=code))
    by_plan = driver.returned(driver.decide(driver.order("PH2")))
    assert {by_button.raw_code, by_plan.raw_code} == {code}
    assert driver.decide(driver.order("PH3"), "fail", code="51").status_code == 400, "VNPAY's"


def test_a_restarted_simulator_remembers_and_sends_what_it_owed(simulator, tmp_path, tiny_hub):
    path = tmp_path / "books.jsonl"
    tiny_hub.deaf = 1
    first = simulator(gateway="momo", books_path=path, delays=Delays(ipn_s=0))
    order = first.paid()
    first.tried("PH1", 1)
    first.stop()
    second = simulator(gateway="momo", books_path=path)
    assert second.delivered("PH1")["ipns"][0]["tries"][-1]["end"] == "accepted"
    assert second.ask(order).outcome is S
    assert second.start(order).url == first.pay_url(order), "the same request has the same result, also in another life"
    assert create(second, requestId="R2") == (400, 41)


def test_the_mix_depends_on_seed_and_order_only(simulator):
    def scenarios(*infos):
        driver = simulator(gateway="momo", seed=7, mix={"paid": 5, "refused": 3, "lost": 2})
        for number, info in enumerate(infos):
            driver.pay_url(driver.order(f"PH{number}", description=info))
        return sorted((info, driver.books(f"PH{number}")["scenario"]) for number, info in enumerate(infos))

    assert scenarios("A", "B", "C", "A", "A") == scenarios("C", "A", "A", "B", "A")
