"""querydr, and the simulator as a process that remembers."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateways.base import Account, Outcome, Query
from gateways.errors import Forged
from gateways.simulator import Delays, Scenario, SimulatorConfig, SimulatorRefused, create_app, run
from gateways.vnpay import Vnpay

NOW = datetime.now(UTC)


def told(driver, account=None, **changes):
    """The raw answer to a question."""
    asked = {"reference": "PH1", "created_at": NOW, "request_id": "Q1", "asked_at": NOW, "client_ip": "203.0.113.9"}
    request = Vnpay().query(account or driver.account, Query(**(asked | changes)))
    return driver.http.post(request.url, data=request.body, headers=request.headers).json()


def test_an_order_nobody_booked_is_not_found(simulator):
    driver = simulator()
    notice = driver.ask(driver.order("PH1"))
    assert (notice.outcome, notice.raw_code, notice.amount) == (Outcome.NOT_FOUND, "91/", None)


def test_a_request_id_is_used_once_a_day(simulator):
    driver = simulator()
    assert [told(driver)["vnp_ResponseCode"] for _ in range(2)] == ["91", "94"]
    assert told(driver, asked_at=NOW + timedelta(days=1))["vnp_ResponseCode"] == "91"
    again = driver.ask(driver.order("PH1"), request_id="Q1")
    assert (again.outcome, again.raw_code) == (Outcome.UNKNOWN, "94/")


def test_a_wrong_signature_gets_97_and_nothing_of_the_order(simulator):
    driver = simulator()
    driver.decide(driver.order("PH1"))
    answer = told(driver, Account("PAYHUB01", ("another secret",), driver.account.endpoints))
    assert (answer["vnp_ResponseCode"], answer.get("vnp_TransactionStatus")) == ("97", None)


def test_an_unknown_terminal_gets_an_unsigned_02_that_proves_nothing(simulator):
    driver = simulator()
    stranger = replace(driver.account, terminal="PAYHUB02")
    assert told(driver, stranger)["vnp_ResponseCode"] == "02"
    driver.account = stranger
    with pytest.raises(Forged):
        driver.ask(driver.order("PH1"))


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"vnp_TmnCode": "PAYHUB01"}', b'{"vnp_TmnCode": "PAYHUB01", "vnp_TxnRef": 1}']
)
def test_a_question_of_another_form_gets_03(simulator, body):
    driver = simulator()
    answer = driver.http.post(driver.account.endpoints["api"], data=body).json()
    assert answer["vnp_ResponseCode"] in {"03", "02"}


@pytest.mark.parametrize(("said", "outcome"), [("01", Outcome.PENDING), ("02", Outcome.FAILED)])
def test_what_an_expired_undecided_order_is_called_is_a_setting(simulator, said, outcome):
    driver = simulator(expired_status=said)
    order = driver.order("PH1", expires_at=NOW - timedelta(seconds=5))
    driver.http.get(driver.pay_url(order))
    assert driver.ask(order).outcome is outcome


def test_questions_stand_in_the_books(simulator):
    driver = simulator()
    order = driver.order("PH1")
    driver.http.get(driver.pay_url(order))
    driver.ask(order)
    (query,) = driver.books("PH1")["queries"]
    assert (query["request_id"], query["status"]) == ("Q1", "01")


def config(**changes):
    return SimulatorConfig(**({"mode": "test", "terminals": {"T1": ("a secret", "http://127.0.0.1:9/")}} | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"mode": "live"},
        {"mode": ""},
        {"mix": {"miracle": 1}},
        {"mix": {"paid": 0}},
        {"mix": {}},
        {"terminals": {"T1": ("a secret", "ftp://127.0.0.1/")}},
    ],
)
def test_it_refuses_to_start_beside_real_money_or_without_sense(changes):
    for start in (create_app, run):
        with pytest.raises(SimulatorRefused):
            start(config(**changes))


def test_settings_show_no_secret():
    assert "a secret" not in repr(config()) + repr(config().terminal("T1"))


def test_a_restarted_simulator_remembers_and_sends_what_it_owed(simulator, tmp_path, tiny_hub):
    path = tmp_path / "books.jsonl"
    first = simulator(books_path=path, ipn_url="http://127.0.0.1:9/", delays=Delays(ipn_s=0, twice_s=0))
    first.plan({"default": True, "scenario": "refused"}, {"reference": "PH1", "scenario": "twice"})
    order = first.order("PH1")
    first.decide(order)
    first.ask(order)
    first.tried("PH1", 1)
    first.stop()
    with path.open("ab") as file:
        file.write(b'{"fact": "decid')  # a crash in the middle of a line
    second = simulator(books_path=path)
    notice = second.ask(order, request_id="Q9")
    assert notice.outcome is Outcome.SUCCEEDED
    assert second.ask(order, request_id="Q1").raw_code == "94/"
    assert len(second.delivered("PH1")["ipns"]) == 2
    assert {notice.outcome for _, notice in tiny_hub.of("PH1")} == {Outcome.SUCCEEDED}
    other = second.order("PH2")
    assert second.returned(second.decide(other)).raw_code == "51/02"
    assert second.books("PH2")["transaction"] > second.books("PH1")["transaction"]


def test_every_line_of_the_books_is_one_fact(simulator, tmp_path):
    path = tmp_path / "books.jsonl"
    driver = simulator(books_path=path)
    driver.decide(driver.order("PH1"))
    driver.delivered("PH1")
    facts = [json.loads(line)["fact"] for line in path.read_text().splitlines()]
    assert facts == ["booked", "numbered", "decided", "tried"]


@pytest.mark.parametrize(
    "plan",
    [
        "paid",
        {},
        {"reference": "PH1", "scenario": "miracle"},
        {"reference": "PH1", "scenario": ["paid"]},
        {"reference": "PH1"},
        {"reference": 7, "scenario": "paid"},
        {"reference": "PH1", "scenario": "paid", "speed": 1},
        {"default": True, "mix": {"paid": 0}},
        {"default": True, "mix": {"paid": 0.5}},
        {"default": True, "mix": []},
        {"reference": "PH1", "scenario": "refused", "code": "00"},
    ],
)
def test_a_plan_that_cannot_be_kept_is_refused(simulator, plan):
    answer = simulator().plan(plan)
    assert (answer.status_code, list(answer.json())) == (400, ["error"])


def test_a_default_mix_can_be_planned(simulator):
    driver = simulator()
    assert driver.plan({"default": True, "mix": {"lost": 1}}).json() == {"planned": 1}
    driver.decide(driver.order("PH1"))
    assert driver.books("PH1")["scenario"] == Scenario.LOST
