"""The browser coming back from a gateway: it is led to the page and decides nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from redis import Redis
from sqlalchemy import text

from gateways.base import Outcome
from payhub import jobs
from payhub.app import create_app


@pytest.fixture
def back(started, attempts, return_query):
    """A payment's page, and the signed address that leads the browser back from the bank."""

    def new(code: str = "00", **options: str) -> tuple[str, str]:
        path = started()
        return path, f"/return/vnpay-main?{return_query(attempts()[-1], code, **options)}"

    return new


def _everything(hub) -> list:
    with hub.db.session() as session:
        return [
            session.execute(text(f"SELECT * FROM {table} ORDER BY id")).all()
            for table in ("payment", "payment_line", "attempt", "event", "journal")
        ]


@pytest.mark.parametrize("code", ["00", "24", "51"])
def test_a_return_that_verifies_leads_to_the_page_and_changes_nothing(hub, client, back, code) -> None:
    path, address = back(code)
    before = _everything(hub)
    answer = client.get(address)
    assert (answer.status_code, answer.location) == (303, path)
    assert _everything(hub) == before


def test_a_return_that_says_paid_does_not_make_the_page_say_so(client, back, see) -> None:
    path, address = back()
    client.get(address)
    assert "Đang chờ ngân hàng xác nhận" in see(path).words


def test_a_forged_return_leads_nowhere_and_shows_nothing_of_itself(hub, see, back) -> None:
    _, address = back(secret="a guess")
    before = _everything(hub)
    page = see(address + "&vnp_OrderInfo2=xyzzy")
    assert page.status == 400
    assert "Kết quả sẽ do ngân hàng báo" in page.words
    assert "xyzzy" not in page.html
    assert page.faults == []
    assert page.headers["Referrer-Policy"] == "same-origin"
    assert _everything(hub) == before


@pytest.mark.parametrize("query", ["", "vnp_TxnRef=1", "%ff=%ff&&=", "vnp_Amount=1&vnp_Amount=2&vnp_SecureHash=00"])
def test_a_return_that_cannot_be_read_is_answered_with_the_same_page(see, query) -> None:
    assert "Kết quả sẽ do ngân hàng báo" in see(f"/return/vnpay-main?{query}").words


def test_a_verified_return_for_an_order_we_never_made_leads_nowhere(see, started, attempts, return_query) -> None:
    started()
    stranger = attempts()[0]
    stranger.reference = "PH0000000000"
    assert see(f"/return/vnpay-main?{return_query(stranger)}").status == 400


def test_a_return_before_the_callback_has_the_gateway_asked_once(hub, client, back, attempts) -> None:
    _, address = back()
    for _ in range(5):
        client.get(address)
    waiting = jobs.queue(hub).jobs
    assert [(job.func_name, job.args) for job in waiting] == [("payhub.payments.jobs.check", (str(attempts()[0].id),))]


def test_a_return_after_the_callback_asks_nobody(hub, client, back, tell) -> None:
    path, address = back()
    tell(Outcome.SUCCEEDED)
    assert client.get(address).location == path
    assert jobs.queue(hub).count == 0


def test_a_missing_valkey_does_not_break_the_return(hub, back) -> None:
    path, address = back()
    alone = replace(hub, redis=Redis.from_url("redis://127.0.0.1:9", socket_connect_timeout=0.2, socket_timeout=0.2))
    answer = create_app(hub=alone).test_client().get(address)
    alone.redis.close()
    assert (answer.status_code, answer.location) == (303, path)


def test_a_closed_account_still_leads_its_citizens_back(hub, client, back) -> None:
    path, address = back()
    with hub.db.session() as session:
        session.execute(text("UPDATE gateway_account SET closed_at = '2026-11-20 03:00:00+00' WHERE code = 'vnpay-main'"))
    assert client.get(address).location == path
