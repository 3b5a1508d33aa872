"""Pressing Pay: one form is one attempt, and only our own form counts."""

from __future__ import annotations

import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from sqlalchemy import event

from gateways.base import Notice, Outcome, Redirect, Request
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


@pytest.fixture
def choices(rows) -> Callable[[], list[Any]]:
    """What is kept of why each way stood where it was chosen."""
    return lambda: [choice for (choice,) in rows("SELECT data -> 'choice' FROM event WHERE type = 'attempt.created' ORDER BY seq")]


@pytest.mark.usefixtures("gateway")
def test_what_was_chosen_among_which_ways_is_kept(asked, see, press, choices) -> None:
    for way in ("vnpay-main", "momo-main/payWithATM", "zalopay-main"):
        press(see(asked()).forms[0], way=way)
    assert choices() == [
        {"place": 1, "of": 4, "because": "cost"}, {"place": 3, "of": 4, "because": "rank"}, {"place": 4, "of": 4, "because": "last"},
    ]  # fmt: skip


@pytest.mark.parametrize("change", ["", "order", "reason", "another form's", "unsigned"])
def test_a_choice_that_was_not_shown_is_not_kept_and_the_payment_goes_on(asked, see, press, choices, change) -> None:
    path = asked()
    form, another = see(path).forms[0], see(path).forms[0]
    told, _, mac = form.fields["offered"].rpartition("|")
    first, *rest = told.split(",")
    forged = {
        "": "",
        "order": f"{','.join([*rest, first])}|{mac}",
        "reason": f"{told.replace(first, 'vnpay-main:agency')}|{mac}",
        "another form's": another.fields["offered"],
        "unsigned": told,
    }[change]
    assert forged != form.fields["offered"]
    assert press(form, offered=forged).location.startswith("https://sandbox.vnpayment.vn/")
    assert choices() == [None]


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


class Asked(Vnpay):
    """A gateway that makes the order itself: it is asked first, and answers what it is told to."""

    def __init__(self, port: int, said: Any = None) -> None:
        self.request = Request("POST", f"http://127.0.0.1:{port}/", {}, b"{}", timeout_s=0.2)
        self.said = said

    def start(self, account, order):
        return self.request

    def started(self, account, order, response):
        return self.said if isinstance(self.said, Redirect) else replace(self.said, reference=order.reference)


@pytest.fixture
def pressing(hub, asked) -> Callable[[Asked], Any]:
    path, form_token = asked(), str(uuid.uuid4())

    def press(gateway: Asked) -> Any:
        client = create_app(hub=replace(hub, gateways={"vnpay": gateway})).test_client()
        return path, client.post(f"{path}/start", data={"form_token": form_token, "way": "vnpay-main"})

    return press


@pytest.fixture
def mute() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


@pytest.fixture
def answering() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


class Answering(BaseHTTPRequestHandler):
    asked = 0

    def do_POST(self) -> None:
        type(self).asked += 1
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        pass


def test_a_gateway_that_does_not_answer_leaves_an_attempt_that_is_waited_for(pressing, mute, see, attempts) -> None:
    path, answer = pressing(Asked(mute))
    assert (answer.status_code, answer.location) == (303, path)
    assert attempts()[0].state == "created"
    assert "Đang chờ ngân hàng xác nhận" in see(path).words


def test_a_gateway_that_cannot_be_reached_ends_the_attempt_and_another_is_offered(pressing, see, attempts) -> None:
    path, answer = pressing(Asked(9))
    assert (answer.status_code, answer.location) == (303, path)
    assert (attempts()[0].state, attempts()[0].reason) == ("failed", "not_reached")
    page = see(path)
    assert "hiện không kết nối được. Chưa có khoản tiền nào được thu" in page.words
    assert len(page.forms) == 1


def test_an_order_that_the_gateway_made_is_known_and_the_same_form_leads_there_again(pressing, answering, attempts, rows) -> None:
    made, before = Asked(answering, Redirect("https://gateway.example/pay/1")), Answering.asked
    for _ in range(2):
        assert pressing(made)[1].location == "https://gateway.example/pay/1"
    assert Answering.asked == before + 1
    assert [(attempt.state, attempt.pay_url) for attempt in attempts()] == [("started", "https://gateway.example/pay/1")]
    assert [type_ for (type_,) in rows("SELECT type FROM event ORDER BY seq")] == ["payment.created", "attempt.created", "attempt.started"]


def test_an_order_that_the_gateway_refuses_ends_the_attempt_by_its_word(pressing, answering, see, attempts) -> None:
    refused = Notice("", "PAYHUB01", Outcome.FAILED, "51/02", None, "VND", None, None, "", "", not_paid=True)
    path, answer = pressing(Asked(answering, refused))
    assert (answer.status_code, answer.location) == (303, path)
    assert (attempts()[0].state, attempts()[0].raw_code) == ("failed", "51/02")
    assert "Tài khoản không đủ số dư" in see(path).words


def test_a_request_of_which_nothing_was_heard_is_not_made_twice(pressing, mute, answering, attempts) -> None:
    pressing(Asked(mute))
    before = Answering.asked
    path, answer = pressing(Asked(answering, Redirect("https://gateway.example/pay/2")))
    assert (answer.status_code, answer.location, Answering.asked) == (303, path, before)
    repeatable = Asked(answering, Redirect("https://gateway.example/pay/2"))
    repeatable.request = replace(repeatable.request, repeatable=True)
    assert pressing(repeatable)[1].location == "https://gateway.example/pay/2"
    assert attempts()[0].state == "started"


def test_an_order_that_cannot_be_expressed_ends_the_attempt(hub, asked, attempts) -> None:
    class Narrow(Vnpay):
        def start(self, account, order):
            raise ValueError("amount: too much")

    client = create_app(hub=replace(hub, gateways={"vnpay": Narrow()})).test_client()
    answer = client.post(f"{asked()}/start", data={"form_token": str(uuid.uuid4()), "way": "vnpay-main"})
    assert answer.status_code == 422
    assert (attempts()[0].state, attempts()[0].reason) == ("failed", "not_expressible")


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
