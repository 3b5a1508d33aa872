"""What portals are told, how often, and in which order: real receivers, real signatures, a clock that moves when told."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select, text
from standardwebhooks import Webhook

from payhub import ids
from payhub.discrepancies.models import Discrepancy
from webhooks import deliveries, endpoints, resending, resting
from webhooks.couriers import Couriers

TYPES = ("payment.created", "attempt.created", "attempt.started", "attempt.failed")


def test_a_portal_is_told_in_a_signed_message_that_an_independent_library_verifies(told, receiver, clock):
    clock.set(datetime.now(UTC))
    portal = receiver()
    _, secret = told.endpoint(portal.url)
    payment_id = told.payment("HS-1")
    told.relay()
    told.deliver()
    (message,) = portal.received
    told_of = Webhook(secret).verify(message.body, message.headers)
    assert told_of["type"] == "payment.created"
    assert told_of["data"]["payment"] == ids.public_id("pay", payment_id, "test")
    assert told_of["data"]["portal_reference"] == "HS-1"
    assert told_of["data"]["total"] == 200_000
    (row,) = told.rows()
    assert (row.state, row.tries, row.last_status, row.delivered_at) == ("delivered", 1, 204, clock.now())


def test_a_message_never_holds_a_persons_data(told, receiver):
    portal = receiver()
    told.endpoint(portal.url)
    told.order["payer"] = {"name": "Nguyễn Thị Hòa", "id_number": "001087000123"}
    told.payment("HS-1")
    told.relay()
    told.deliver()
    (message,) = portal.received
    assert set(message.data) == {"payment", "reference", "portal_reference", "sequence", "currency", "total", "state"}
    assert b"001087000123" not in message.body


def test_a_message_tried_again_is_the_same_message_under_the_same_id(told, receiver, clock):
    portal = receiver()
    portal.answer = lambda _: (500 if len(portal.received) == 1 else 204, {})
    told.endpoint(portal.url)
    told.payment()
    told.relay()
    told.deliver()
    clock.pass_(seconds=5)
    told.deliver()
    first, second = portal.received
    assert (first.body, first.headers["webhook-id"]) == (second.body, second.headers["webhook-id"])
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]


def test_while_a_secret_changes_both_the_old_and_the_new_one_verify(told, receiver, clock):
    clock.set(datetime.now(UTC))
    portal = receiver()
    endpoint, old = told.endpoint(portal.url)
    with told.hub.db.session() as session:
        new = endpoints.rotate(told.hub, session, endpoint.id)
    told.payment()
    told.relay()
    told.deliver()
    for secret in (old, new):
        Webhook(secret).verify(portal.received[0].body, portal.received[0].headers)
    with told.hub.db.session() as session:
        endpoints.retire_secrets(told.hub, session, endpoint.id)
    told.payment()
    told.relay()
    told.deliver()
    Webhook(new).verify(portal.received[1].body, portal.received[1].headers)
    with pytest.raises(Exception, match="No matching signature"):
        Webhook(old).verify(portal.received[1].body, portal.received[1].headers)


def test_a_failing_delivery_is_tried_by_the_schedule_then_given_up_and_a_person_told(told, receiver, clock):
    portal = receiver()
    portal.answer = lambda _: (500, {})
    told.endpoint(portal.url)
    payment_id = told.payment()
    told.relay()
    tried_at = []
    for second in range(0, 400, 5):
        told.deliver()
        if len(portal.received) > len(tried_at):
            tried_at.append(second)
        clock.pass_(seconds=5)
    assert tried_at == [0, 5, 65, 365]
    (row,) = told.rows()
    assert (row.state, row.tries, row.last_status, row.last_error) == ("dead", 4, 500, "status_500")
    with told.hub.db.session() as session:
        found = session.scalars(select(Discrepancy)).one()
    assert (found.kind, found.payment_id, found.amount) == ("portal_untold", payment_id, 200_000)


def test_a_delivery_given_up_can_be_put_back_and_has_all_its_tries_again(told, receiver, clock):
    portal = receiver()
    portal.answer = lambda _: (500, {})
    told.endpoint(portal.url)
    told.payment()
    told.relay()
    for _ in range(4):
        told.deliver()
        clock.pass_(seconds=300)
    (dead,) = told.rows()
    with told.hub.db.session() as session:
        resending.one(session, dead.id, told.hub.settings.webhooks, clock.now())
    told.deliver()
    (row,) = told.rows()
    assert (row.state, row.tries) == ("due", 1)
    portal.answer = lambda _: (200, {})
    clock.pass_(seconds=5)
    told.deliver()
    (row,) = told.rows()
    assert (row.state, row.tries) == ("delivered", 2)


def test_a_failing_delivery_holds_back_the_later_ones_of_its_payment_only(told, receiver, clock):
    portal = receiver()
    portal.answer = lambda message: (500 if message.data["portal_reference"] == "A" and clock.now() == began else 204, {})
    began = clock.now()
    told.endpoint(portal.url)
    for reference in ("A", "B"):
        payment_id = told.payment(reference)
        told.happens(payment_id, "attempt.created")
        told.happens(payment_id, "attempt.failed")
    told.relay()
    told.deliver()
    assert portal.told() == [("A", 1), ("B", 1), ("B", 2), ("B", 3)]
    clock.pass_(seconds=5)
    told.deliver()
    assert portal.told()[4:] == [("A", 1), ("A", 2), ("A", 3)]


def test_a_payment_whose_first_message_was_given_up_goes_on_with_the_next(told, receiver, clock):
    portal = receiver()
    portal.answer = lambda message: (500 if message.data["sequence"] == 1 else 204, {})
    told.endpoint(portal.url)
    told.happens(told.payment(), "attempt.created")
    told.relay()
    for _ in range(4):
        told.deliver()
        clock.pass_(seconds=300)
    told.deliver()
    assert [row.state for row in told.rows()] == ["dead", "delivered"]


def test_an_endpoint_that_is_down_or_slow_does_not_delay_another(told, receiver, eventually):
    slow, quick, released = receiver(), receiver(), threading.Event()
    slow.answer = _once(released)
    told.endpoint("http://127.0.0.1:9/nobody-listens")
    told.endpoint(slow.url)
    told.endpoint(quick.url)
    for _ in range(20):
        told.payment()
    told.relay()
    try:
        Couriers().begin(told.hub)
        eventually(lambda: len(quick.received) == 20)
        assert len(slow.received) < 20
    finally:
        released.set()
    eventually(lambda: [row.state for row in told.rows()].count("delivered") == 40)


def test_after_failures_in_a_row_an_endpoint_rests_instead_of_being_hammered(told, receiver, clock):
    portal = receiver()
    portal.answer = lambda _: (503, {})
    told.endpoint(portal.url)
    for _ in range(12):
        told.payment()
    told.relay()
    told.deliver()
    told.deliver()
    assert len(portal.received) == resting.PATIENCE
    assert [row.tries for row in told.rows()] == [1] * 5 + [0] * 7
    assert {row.next_try_at for row in told.rows()[5:]} == {clock.now()}
    clock.pass_(seconds=5)
    portal.answer = lambda _: (204, {})
    told.deliver()
    assert {row.state for row in told.rows()} == {"delivered"}


def test_who_takes_messages_has_several_side_by_side(told, receiver):
    portal, met, together = receiver(), threading.Event(), threading.Barrier(2)

    def answer(_: Any) -> tuple[int, dict[str, str]]:
        if len(portal.received) > 1 and not met.is_set():
            with suppress(threading.BrokenBarrierError):
                together.wait(0.8)
                met.set()
        return 204, {}

    portal.answer = answer
    told.endpoint(portal.url)
    for _ in range(20):
        told.payment()
    told.relay()
    told.deliver()
    assert met.is_set()
    assert {row.state for row in told.rows()} == {"delivered"}


def test_a_rest_that_another_process_began_ends_a_shift(told, receiver, eventually):
    portal = receiver()
    endpoint, _ = told.endpoint(portal.url)

    def answer(_: Any) -> tuple[int, dict[str, str]]:
        resting.rest(told.hub, endpoint.id)
        return 204, {}

    portal.answer = answer
    for _ in range(20):
        told.payment()
    told.relay()
    couriers = Couriers()
    couriers.begin(told.hub)
    eventually(lambda: not couriers._at_work)
    assert 16 <= len(portal.received) <= 20


def test_an_endpoint_that_says_gone_is_disabled_and_begins_where_it_stopped_when_it_is_back(told, receiver, clock):
    portal = receiver()
    portal.answer = lambda _: (410, {})
    endpoint, _ = told.endpoint(portal.url)
    told.payment("A")
    told.payment("B")
    told.relay()
    told.deliver()
    clock.pass_(hours=1)
    told.payment("C")
    told.relay()
    told.deliver()
    assert portal.told() == [("A", 1)]
    portal.answer = lambda _: (204, {})
    with told.hub.db.session() as session:
        endpoints.enable(session, endpoint.id, clock.now())
    told.relay()
    told.deliver()
    assert portal.told()[1:] == [("A", 1), ("B", 1), ("C", 1)]


def test_a_redirect_is_a_failure_and_is_not_followed(told, receiver):
    portal, elsewhere = receiver(), receiver()
    portal.answer = lambda _: (307, {"Location": elsewhere.url})
    told.endpoint(portal.url)
    told.payment()
    told.relay()
    told.deliver()
    assert elsewhere.received == []
    assert told.rows()[0].last_error == "status_307"


def test_an_answer_that_never_comes_is_a_failure(told, receiver):
    portal, released = receiver(), threading.Event()
    portal.answer = _once(released)
    told.endpoint(portal.url)
    told.payment()
    told.relay()
    told.deliver()
    released.set()
    assert (told.rows()[0].state, told.rows()[0].last_error) == ("due", "timeout")


def test_couriers_of_several_processes_send_each_message_once_and_in_order(told, receiver):
    portal = receiver()
    told.endpoint(portal.url)
    for reference in range(20):
        payment_id = told.payment(str(reference))
        told.happens(payment_id, "attempt.created")
        told.happens(payment_id, "attempt.failed")
    told.relay()
    processes = [threading.Thread(target=Couriers().deliver_due, args=(told.hub,)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    told.deliver()
    assert sorted(portal.told()) == sorted((str(reference), sequence) for reference in range(20) for sequence in (1, 2, 3))
    assert all([number for name, number in portal.told() if name == str(reference)] == [1, 2, 3] for reference in range(20))


def test_what_a_dead_courier_had_in_hand_is_sent_by_another_when_its_claim_runs_out(told, receiver, clock):
    portal = receiver()
    endpoint, _ = told.endpoint(portal.url)
    told.happens(told.payment(), "attempt.created")
    told.relay()
    until = clock.now().replace(second=59)
    with told.hub.db.session() as session:
        assert len(deliveries.claim(session, endpoint.id, clock.now(), until)) == 1
    told.deliver()
    assert portal.received == []
    clock.set(until)
    told.deliver()
    assert [number for _, number in portal.told()] == [1, 2]


def test_no_transaction_is_open_while_a_portal_takes_its_time(told, receiver, eventually):
    portal, asked, released = receiver(), threading.Event(), threading.Event()
    portal.answer = _once(released, asked)
    told.endpoint(portal.url)
    told.payment()
    told.relay()
    Couriers().begin(told.hub)
    assert asked.wait(5)
    try:
        with told.hub.db.session() as session:
            others = text(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND xact_start IS NOT NULL AND pid <> pg_backend_pid()"
            )
            assert session.scalar(others) == 0
            locks = text(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            )
            assert session.scalar(locks) == 0
    finally:
        released.set()
    eventually(lambda: told.rows()[0].state == "delivered")


def _once(released: threading.Event, asked: threading.Event | None = None) -> Callable[[Any], tuple[int, dict[str, str]]]:
    """Answer well, but only once told to."""

    def answer(_: Any) -> tuple[int, dict[str, str]]:
        if asked:
            asked.set()
        released.wait(10)
        return 204, {}

    return answer
