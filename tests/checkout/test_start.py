"""Pressing Pay: one form is one attempt, and only our own form counts."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import event

from gateways.base import Outcome, Request
from gateways.vnpay import Vnpay
from payhub.app import create_app


def test_pressing_pay_leads_to_the_gateway(asked, see, press, attempts) -> None:
    answer = press(see(asked()).forms[0])
    assert answer.status_code == 303
    assert answer.location.startswith("https://sandbox.vnpayment.vn/paymentv2/vpcpay.html?")
    assert attempts()[0].reference in answer.location
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_same_form_twice_is_one_attempt_and_the_same_address(asked, see, press, attempts) -> None:
    form = see(asked()).forms[0]
    first, second = press(form), press(form)
    assert first.location == second.location
    assert len(attempts()) == 1


def test_a_double_click_at_the_same_moment_is_one_attempt(app, asked, see, attempts) -> None:
    form = see(asked()).forms[0]
    with ThreadPoolExecutor(4) as fingers:
        answers = list(fingers.map(lambda _: app.test_client().post(form.action, data=form.fields), range(4)))
    assert {answer.status_code for answer in answers} == {303}
    assert len({answer.location for answer in answers}) == 1
    assert len(attempts()) == 1


def test_a_second_form_is_a_second_attempt(asked, see, press, attempts) -> None:
    path = asked()
    first, second = see(path).forms[0], see(path).forms[0]
    assert press(first).location != press(second).location
    assert len(attempts()) == 2


def test_a_waiting_page_leads_back_into_the_same_order(asked, see, press, attempts) -> None:
    path = asked()
    first = press(see(path).forms[0])
    again = press(see(path).forms[0])
    assert again.location == first.location
    assert len(attempts()) == 1


def test_an_order_past_its_time_is_not_led_back_into(started, see, clock) -> None:
    path = started()
    clock.pass_(minutes=16)
    assert see(path).forms == []


@pytest.mark.parametrize("state", ["paid", "expired", "cancelled", "reversed"])
def test_a_form_kept_open_too_long_leads_back_to_the_page(came, client, attempts, state) -> None:
    path = came(state)
    before = len(attempts())
    answer = client.post(f"{path}/start?lang=en", data={"form_token": str(uuid.uuid4()), "way": "vnpay-main"})
    assert answer.status_code == 303
    assert answer.location == f"{path}?lang=en"
    assert len(attempts()) == before


@pytest.mark.parametrize("changed", [{"form_token": "1"}, {"form_token": ""}, {"form_token": "Ω" * 32}])
def test_a_form_without_its_token_starts_nothing(asked, see, press, attempts, changed) -> None:
    answer = press(see(asked()).forms[0], **changed)
    assert answer.status_code == 400
    assert "Biểu mẫu không đầy đủ" in answer.text
    assert attempts() == []


@pytest.mark.parametrize("way", ["", "nobody", "vnpay-main' OR 1=1"])
def test_a_way_that_is_not_offered_starts_nothing(asked, see, press, attempts, way) -> None:
    path = asked()
    answer = press(see(path).forms[0], way=way)
    assert answer.status_code == 422
    assert answer.mimetype == "text/html"
    assert f'href="{path}?lang=vi"' in answer.text
    assert attempts() == []


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:8000.evil.example", "http://127.0.0.1:8001"])
def test_a_form_from_another_site_starts_nothing(asked, see, press, attempts, origin) -> None:
    assert press(see(asked()).forms[0], headers={"Origin": origin}).status_code == 403
    assert attempts() == []


@pytest.mark.parametrize("origin", ["http://127.0.0.1:8000", "http://localhost"])
def test_a_form_from_our_own_page_counts(asked, see, press, origin) -> None:
    assert press(see(asked()).forms[0], headers={"Origin": origin}).status_code == 303


def test_a_form_of_a_megabyte_is_refused_with_a_page(asked, see, press, attempts) -> None:
    answer = press(see(asked()).forms[0], filling="x" * 10**6)
    assert answer.status_code == 413
    assert answer.mimetype == "text/html"
    assert attempts() == []


def test_asking_for_the_forms_address_leads_to_the_page(asked, client) -> None:
    path = asked()
    assert client.get(f"{path}/start").location == path


def test_pressing_pay_costs_one_statement(asked, see, press, hub) -> None:
    form, asked_ = see(asked()).forms[0], []

    @event.listens_for(hub.db.resting, "before_cursor_execute")
    def note(_connection, _cursor, statement, *_) -> None:
        if "register_version" not in statement:
            asked_.append(statement)

    press(form)
    assert len(asked_) == 1


class Silent(Vnpay):
    """A gateway that is asked first, where nobody listens."""

    def start(self, account, order):
        return Request("POST", "http://127.0.0.1:9/", {}, b"", timeout_s=1)


def test_a_gateway_that_does_not_answer_leaves_an_attempt_that_is_waited_for(hub, asked, see, attempts) -> None:
    path = asked()
    client = create_app(hub=replace(hub, gateways={"vnpay": Silent()})).test_client()
    answer = client.post(f"{path}/start", data={"form_token": str(uuid.uuid4()), "way": "vnpay-main"})
    assert (answer.status_code, answer.location) == (303, path)
    assert attempts()[0].state == "created"
    assert "Đang chờ ngân hàng xác nhận" in see(path).words


def test_a_fault_of_ours_is_a_page_without_a_trace(hub, asked) -> None:
    class Broken(Vnpay):
        def start(self, account, order):
            raise RuntimeError("the secret is 42")

    path = asked()
    client = create_app(hub=replace(hub, gateways={"vnpay": Broken()})).test_client()
    answer = client.post(f"{path}/start", data={"form_token": str(uuid.uuid4()), "way": "vnpay-main"})
    assert answer.status_code == 500
    assert answer.mimetype == "text/html"
    assert "xin đừng trả lại" in answer.text
    assert "secret" not in answer.text


def test_after_a_failed_try_the_page_gives_a_fresh_form(started, see, press, tell, attempts) -> None:
    path = started()
    tell(Outcome.FAILED, "51/02")
    assert press(see(path).forms[0]).status_code == 303
    assert len(attempts()) == 2
