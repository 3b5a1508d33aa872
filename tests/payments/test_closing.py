"""Cancelling, replacing, expiring: closing first, the end when nothing can still bring money."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from payhub.payments import attempts, closing


@pytest.fixture
def cancel(client, keys):
    def post(citizen, *, portal="dvc-bo-tu-phap", key=None):
        headers = {"Authorization": f"Bearer {keys[portal]}", "Idempotency-Key": key or uuid.uuid4().hex}
        return client.post(f"/v1/payments/{citizen.payment['id']}/cancel", headers=headers)

    return post


def test_a_payment_nobody_tried_to_pay_is_cancelled_at_once(citizen, cancel, rows, ask, order) -> None:
    answer = cancel(citizen)
    assert (answer.status_code, answer.json["state"]) == (200, "cancelled")
    assert rows("SELECT state, closing_reason FROM payment") == [("cancelled", "cancelled")]
    assert ask({**order, "portal_reference": "again"}).status_code == 201


def test_while_an_attempt_may_bring_money_it_is_cancelling_and_takes_no_more(citizen, cancel, rows, hub, clock) -> None:
    citizen.try_()
    answer = cancel(citizen)
    assert (answer.status_code, answer.json["state"]) == (202, "cancelling")
    assert attempts.start(hub, citizen.id, "vnpay-main", uuid.uuid4(), "203.0.113.5") is None
    clock.pass_(minutes=16)
    closing.finish(hub, citizen.id)
    assert rows("SELECT state FROM payment") == [("cancelled",)]


def test_money_that_comes_while_cancelling_pays(citizen, cancel, rows) -> None:
    reference = citizen.try_()
    cancel(citizen)
    assert citizen.says(reference) == "00"
    assert rows("SELECT state FROM payment") == [("paid",)]


def test_money_that_comes_after_cancelling_is_held(citizen, cancel, rows, hub, clock) -> None:
    reference = citizen.try_()
    cancel(citizen)
    clock.pass_(minutes=16)
    closing.finish(hub, citizen.id)
    assert citizen.says(reference) == "00"
    assert rows(
        "SELECT p.state, a.applied, u.reason FROM payment p JOIN attempt a ON a.payment_id = p.id JOIN unapplied_receipt u ON true"
    ) == [("cancelled", False, "cancelled_but_paid")]


def test_cancelling_is_repeated_without_effect_and_a_paid_payment_is_not_cancelled(citizen, cancel, rows) -> None:
    reference = citizen.try_()
    first = cancel(citizen, key="c")
    assert cancel(citizen, key="c").data == first.data
    assert cancel(citizen).status_code == 202
    assert rows("SELECT count(*) FROM event WHERE type = 'payment.closing'") == [(1,)]
    citizen.says(reference)
    answer = cancel(citizen)
    assert (answer.status_code, answer.json["code"]) == (409, "payment_not_cancellable")
    assert cancel(citizen, key="c").data == first.data


def test_a_portal_cancels_its_own_payments_only(citizen, cancel, rows) -> None:
    assert cancel(citizen, portal="dvc-tay-ninh").status_code == 404
    assert rows("SELECT state FROM payment") == [("open",)]


def test_a_payment_is_replaced_by_another_for_the_same_dossier(citizen, ask, order, rows) -> None:
    answer = ask({**order, "portal_reference": "new", "replaces": citizen.payment["id"]})
    assert answer.status_code == 201, answer.json
    assert answer.json["replaces"] == citizen.payment["id"]
    assert rows("SELECT state, closing_reason FROM payment ORDER BY id") == [("cancelled", "replaced"), ("open", None)]


def test_money_for_a_replaced_payment_is_held_even_while_it_closes(citizen, ask, order, rows) -> None:
    reference = citizen.try_()
    ask({**order, "portal_reference": "new", "replaces": citizen.payment["id"]})
    assert rows("SELECT state FROM payment ORDER BY id") == [("open",), ("open",)]
    assert citizen.says(reference) == "00"
    assert rows("SELECT reason FROM unapplied_receipt") == [("cancelled_but_paid",)]
    assert rows("SELECT state FROM payment ORDER BY id")[0] != ("paid",)


def test_a_paid_or_foreign_payment_is_not_replaced_and_nothing_is_written(paid, ask, order, rows) -> None:
    refused = ask({**order, "portal_reference": "new", "replaces": paid.payment["id"]})
    assert (refused.status_code, refused.json["code"]) == (409, "payment_not_replaceable")
    for replaces in ("pay_test_" + "0" * 32, "nonsense"):
        answer = ask({**order, "portal_reference": "new", "replaces": replaces})
        assert answer.json["errors"][0]["pointer"] == "/replaces"
    assert rows("SELECT count(*) FROM payment") == [(1,)]


@pytest.mark.parametrize("round_", range(8))
def test_a_callback_against_a_cancel_leaves_the_money_in_one_place(citizen, app, keys, rows, round_) -> None:
    message = citizen.message(citizen.try_())
    barrier = Barrier(2)

    def call_back() -> str:
        barrier.wait()
        return app.test_client().get(f"/callbacks/vnpay/vnpay-main?{message}").json["RspCode"]

    def cancel() -> int:
        barrier.wait()
        headers = {"Authorization": f"Bearer {keys['dvc-bo-tu-phap']}", "Idempotency-Key": uuid.uuid4().hex}
        return app.test_client().post(f"/v1/payments/{citizen.payment['id']}/cancel", headers=headers).status_code

    with ThreadPoolExecutor(2) as pool:
        answered, cancelled = pool.submit(call_back), pool.submit(cancel)
        assert answered.result() == "00"
        assert cancelled.result() in {202, 409}
    assert rows("SELECT state FROM payment") == [("paid",)]
    assert rows("SELECT count(*) FROM journal") == [(1,)]


def test_a_replacing_request_is_repeated_without_effect(citizen, ask, order, rows) -> None:
    body = {**order, "portal_reference": "new", "replaces": citizen.payment["id"]}
    first = ask(body, key="r")
    again = ask(body, key="r")
    assert (first.status_code, again.status_code, again.data) == (201, 201, first.data)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert rows("SELECT count(*) FROM payment") == [(2,)]
