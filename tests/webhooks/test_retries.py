"""When a portal is tried again: spread out, when it says so itself, and not by every courier at once."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payhub.telling import Webhooks
from webhooks import relay, sending
from webhooks.connections import Reply
from webhooks.deliveries import Outcome
from webhooks.messages import Message
from webhooks.sending import Try

NOW = datetime(2026, 11, 20, 3, tzinfo=UTC)
TOLD = Webhooks()
waits = st.none() | st.timedeltas(timedelta(0), timedelta(hours=1))


def outcome(delivery: uuid.UUID, tries: int, wait: timedelta | None = None) -> Outcome:
    message = Message(delivery, 1, tries, "payment.paid", 1, {}, NOW, delivery, "1", "2", "VND", 3)
    return Outcome(message, Try(503, "status_503", NOW, 3, b"", NOW + wait if wait is not None else None))


@given(st.uuids(), st.integers(0, len(TOLD.retry_s) - 1), waits)
def test_a_try_is_never_early_at_most_a_fifth_late_and_the_same_whoever_works_it_out(delivery, tries, wait) -> None:
    step = timedelta(seconds=TOLD.retry_s[tries])
    asked = max(step, wait or step)
    found = outcome(delivery, tries, wait).next_try_at(TOLD)
    assert asked <= found - NOW <= asked + step / 5
    assert found == outcome(delivery, tries, wait).next_try_at(TOLD)


def test_what_failed_together_is_tried_again_apart() -> None:
    found = [(outcome(uuid.uuid4(), 5).next_try_at(TOLD) - NOW) / timedelta(hours=5) for _ in range(200)]
    tenths = {int((each - 1) * 50) for each in found}
    assert len(tenths) == 10


@given(st.integers(0, 10**12), st.sampled_from([429, 503]))
def test_a_wait_in_seconds_or_until_a_date_is_heeded_up_to_an_hour(seconds, status) -> None:
    until = NOW + timedelta(seconds=min(seconds, 10**6))
    expected = min(NOW + timedelta(seconds=min(seconds, 10**6)), NOW + timedelta(hours=1))
    assert sending.wanted(Reply(status, str(min(seconds, 10**9 - 1)), b""), NOW) == expected
    said = sending.wanted(Reply(status, format_datetime(until.astimezone(UTC), usegmt=True), b""), NOW)
    assert said == (expected if seconds else None)


@pytest.mark.parametrize(
    ("status", "said"), [(500, "60"), (302, "60"), (503, None), (503, "soon"), (429, "-5"), (429, "Thu, 20 Nov 1980 03:00:00 GMT"), (429, "\u0661")]
)
def test_any_other_reply_asks_for_no_wait(status, said) -> None:
    assert sending.wanted(Reply(status, said, b""), NOW) is None


def test_an_endpoint_that_asks_to_be_left_alone_is_and_the_others_lose_no_try(told, receiver, clock) -> None:
    portal, quick = receiver(), receiver()
    portal.answer = lambda _: (503, {"Retry-After": "120"})
    told.endpoint(portal.url)
    told.endpoint(quick.url)
    for _ in range(3):
        told.payment()
    told.relay()
    for _ in range(12):
        told.deliver()
        clock.pass_(seconds=9.9)
    assert (len(portal.received), len(quick.received)) == (1, 3)
    assert sorted(row.tries for row in told.rows()) == [0, 0, 1, 1, 1, 1]
    portal.answer = lambda _: (204, {})
    clock.pass_(seconds=2)
    told.deliver()
    assert len(portal.received) == 4


def test_an_endpoint_that_is_asked_too_often_is_left_alone_at_once(told, receiver, clock) -> None:
    portal = receiver()
    portal.answer = lambda _: (429, {})
    told.endpoint(portal.url)
    for _ in range(20):
        told.payment()
    told.relay()
    told.deliver()
    told.deliver()
    assert len(portal.received) == 1
    clock.pass_(seconds=5)
    told.deliver()
    assert len(portal.received) == 2


def test_after_a_rest_one_delivery_is_tried_and_each_rest_is_twice_as_long(told, receiver, clock) -> None:
    portal = receiver()
    portal.answer = lambda _: (500, {})
    told.endpoint(portal.url)
    for _ in range(20):
        told.payment()
    told.relay()
    told.deliver()
    assert len(portal.received) == 5
    tried_after, waited = [], 0
    for second in range(1, 200):
        clock.pass_(seconds=1)
        before = len(portal.received)
        told.deliver()
        if len(portal.received) > before:
            assert len(portal.received) == before + 1
            tried_after.append(second - waited)
            waited = second
    assert tried_after == [5, 10, 20, 40, 60, 60]
    portal.answer = lambda _: (204, {})
    clock.pass_(minutes=10)
    told.deliver()
    taken = {message.data["portal_reference"] for message in portal.received[-20:]}
    assert len(taken) == 20
    assert {row.state for row in told.rows()} == {"delivered"}


def test_a_rest_is_one_for_every_process(told, receiver, hub) -> None:
    portal = receiver()
    portal.answer = lambda _: (500, {})
    told.endpoint(portal.url)
    for _ in range(20):
        told.payment()
    relay.run(hub.db, hub.clock.now())
    for _ in range(3):
        # Each of these is the couriers of another process.
        told.deliver()
    assert len(portal.received) == 5
