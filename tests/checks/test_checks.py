"""Asking the gateway about silent attempts, over real HTTP to the simulator."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from sqlalchemy import select, text

from gateways.simulator import SimulatorConfig, serving
from payhub.demo.seed import DEVELOPMENT_SECRET
from payhub.hub import Hub
from payhub.ids import read_public_id
from payhub.payments import attempts, checks
from payhub.payments.models import Attempt, Payment


@pytest.fixture
def simulator(hub: Hub, clock) -> Iterator[str]:
    """VNPAY's side, which never calls back here; the hub's account points to it."""
    config = SimulatorConfig(
        terminals={"PAYHUB01": (DEVELOPMENT_SECRET, "http://127.0.0.1:9/never")},
        mode="test",
        port=0,
        mix={"lost": 1},
        clock=clock.now,
    )
    with serving(config) as url:
        _point(hub, f"{url}/paymentv2/vpcpay.html", f"{url}/merchant_webapi/api/transaction")
        yield url


def _point(hub: Hub, pay: str, api: str) -> None:
    with hub.db.engine.begin() as connection:
        connection.execute(
            text("UPDATE gateway_account SET endpoints = jsonb_build_object('pay', :pay ::text, 'api', :api ::text) WHERE gateway = 'vnpay'"),
            {"pay": pay, "api": api},
        )
    hub.cache.fresh()


@pytest.fixture
def pay_url(hub: Hub, simulator: str, ask, order) -> str:
    payment_id = read_public_id("pay", ask(order).json["id"], "test")
    redirect = attempts.start(hub, payment_id, "vnpay-main", uuid.uuid4(), "203.0.113.5")
    return redirect.url


def attempt_of(hub: Hub) -> Attempt:
    with hub.db.session() as session:
        return session.scalars(select(Attempt)).one()


def check_due(hub: Hub) -> int:
    with hub.db.session() as session:
        due = checks.due(session, hub.clock.now())
    for attempt_id in due:
        checks.check(hub, attempt_id)
    return len(due)


def test_a_payment_nobody_told_us_of_is_found_by_asking(hub, clock, pay_url) -> None:
    requests.post(pay_url, data={"decision": "pay", "scenario": "lost"}, allow_redirects=False, timeout=10)
    assert check_due(hub) == 0
    clock.pass_(seconds=61)
    assert check_due(hub) == 1
    assert (attempt_of(hub).state, attempt_of(hub).applied) == ("succeeded", True)
    assert check_due(hub) == 0


def test_asked_twice_changes_nothing(hub, clock, pay_url) -> None:
    requests.post(pay_url, data={"decision": "pay", "scenario": "lost"}, allow_redirects=False, timeout=10)
    clock.pass_(seconds=61)
    attempt_id = attempt_of(hub).id
    checks.check(hub, attempt_id)
    checks.check(hub, attempt_id)
    with hub.db.session() as session:
        assert session.scalar(text("SELECT count(*) FROM journal")) == 1


def test_an_order_the_gateway_knows_and_nobody_paid_is_started_then_abandoned(hub, clock, pay_url) -> None:
    requests.get(pay_url, timeout=10)
    clock.pass_(seconds=61)
    check_due(hub)
    assert attempt_of(hub).state == "started"
    clock.pass_(seconds=3600)
    check_due(hub)
    assert (attempt_of(hub).state, attempt_of(hub).reason) == ("failed", "abandoned")


def test_an_order_the_gateway_never_saw_is_not_abandoned_before_its_expiry(hub, clock, pay_url) -> None:
    clock.pass_(seconds=61)
    check_due(hub)
    assert attempt_of(hub).state == "created"
    clock.pass_(seconds=3600)
    check_due(hub)
    assert (attempt_of(hub).state, attempt_of(hub).reason, attempt_of(hub).raw_code) == (
        "failed",
        "abandoned",
        attempt_of(hub).raw_code,
    )


def test_a_silent_gateway_is_asked_up_the_ladder_and_never_guessed_about(hub, clock, pay_url) -> None:
    _point(hub, "http://127.0.0.1:9/pay", "http://127.0.0.1:9/api")
    asked = 0
    for _ in range(20):
        clock.pass_(seconds=900)
        asked += check_due(hub)
    assert asked == len(hub.settings.payments.ladder_s)
    assert attempt_of(hub).state == "created"
    with hub.db.session() as session:
        rows = session.execute(text("SELECT kind, amount, key FROM discrepancy")).all()
        payment = session.scalars(select(Payment)).one()
    assert [tuple(row) for row in rows] == [("unknown_outcome", 200_000, f"vnpay-main/payment/{attempt_of(hub).reference}")]
    assert payment.state == "open"


def test_an_answer_with_another_secret_is_not_believed(hub, clock, pay_url) -> None:
    requests.post(pay_url, data={"decision": "pay", "scenario": "lost"}, allow_redirects=False, timeout=10)
    from payhub.secrets import sealing

    with hub.db.engine.begin() as connection:
        secret_id = connection.scalar(text("SELECT id FROM gateway_secret WHERE name = 'secret'"))
        held = sealing.seal(hub.keyring, "gateway_secret", secret_id, "another-secret-another-secret-00")
        connection.execute(text("UPDATE gateway_secret SET sealed_key = :sealed_key, sealed = :sealed WHERE id = :id"), held)
    hub.cache.fresh()
    clock.pass_(seconds=61)
    assert check_due(hub) == 1
    assert attempt_of(hub).state == "created"
    assert parse_qs(urlsplit(pay_url).query)["vnp_TxnRef"] == [attempt_of(hub).reference]


def test_asking_early_takes_no_step_of_the_ladder(hub, pay_url) -> None:
    for _ in range(10):
        checks.check(hub, attempt_of(hub).id)
    assert attempt_of(hub).checks == 0
    assert attempt_of(hub).next_check_at is not None


def test_a_success_whose_reversal_was_heard_first_is_decided_by_asking(hub, client, clock, pay_url, sign) -> None:
    requests.post(pay_url, data={"decision": "pay", "scenario": "lost"}, allow_redirects=False, timeout=10)
    told = {
        "TmnCode": "PAYHUB01",
        "TxnRef": attempt_of(hub).reference,
        "Amount": "20000000",
        "PayDate": "20261120100001",
        "TransactionNo": "1",
    }
    for status in ("04", "00"):
        query = sign(ResponseCode="00", TransactionStatus=status, **told)
        assert client.get(f"/callbacks/vnpay/vnpay-main?{query}").json["RspCode"] == "00"
    assert attempt_of(hub).state == "unknown"
    assert check_due(hub) == 1
    assert (attempt_of(hub).state, attempt_of(hub).reason) == ("succeeded", None)
