"""Telling again, by a person or a portal: the same messages, under the same ids, in order, and all that was asked for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from webhooks import deliveries, resending
from webhooks.deliveries import Outcome
from webhooks.resending import Range
from webhooks.sending import Try


@pytest.fixture
def again(told, clock):
    """Put deliveries of an endpoint back."""

    def put_back(endpoint: Any, wanted: Range, most: int = resending.MOST) -> resending.Resent:
        with told.hub.db.session() as session:
            return resending.many(session, endpoint.id, wanted, told.hub.settings.webhooks, clock.now(), most)

    return put_back


@pytest.fixture
def history(told, receiver, clock):
    """A portal that was told of five payments, an hour apart, each with two events."""
    portal = receiver()
    endpoint, _ = told.endpoint(portal.url)
    for name in "ABCDE":
        told.happens(told.payment(name), "attempt.created")
        told.relay()
        told.deliver()
        clock.pass_(hours=1)
    first, portal.received = portal.received, []
    return endpoint, portal, first


def test_a_portal_that_lost_everything_since_a_time_is_told_it_again_under_the_same_ids(history, told, again, clock) -> None:
    endpoint, portal, first = history
    assert again(endpoint, Range(since=clock.now() - timedelta(hours=3))) == resending.Resent(6, None)
    told.deliver()
    names = [(name, number) for name in "CDE" for number in (1, 2)]
    assert sorted(portal.told()) == names
    assert [told_ for told_ in portal.told() if told_[0] == "C"] == [("C", 1), ("C", 2)]
    before = {message.headers["webhook-id"]: message.body for message in first}
    assert all(before[message.headers["webhook-id"]] == message.body for message in portal.received)
    rows = told.rows()
    assert {row.state for row in rows} == {"delivered"}
    assert [row.resent_at is not None for row in rows] == [False] * 4 + [True] * 6
    assert rows[-1].delivered_at == clock.now() - timedelta(hours=1), "when it was told first is kept"


def test_a_range_is_told_again_from_its_first_position_to_its_last_in_parts(history, told, again) -> None:
    endpoint, portal, _ = history
    parts, first = [], 3
    while first is not None:
        done = again(endpoint, Range(first, 8), most=2)
        parts.append(done.count)
        first = done.next
    assert parts == [2, 2, 2, 0]
    told.deliver()
    assert sorted(portal.told()) == [(name, number) for name in "BCD" for number in (1, 2)]


def test_only_what_was_given_up_may_be_asked_for_and_its_discrepancy_ends(told, receiver, again, clock, rows) -> None:
    portal = receiver()
    portal.answer = lambda message: (500 if message.data["portal_reference"] == "A" else 204, {})
    endpoint, _ = told.endpoint(portal.url)
    for name in "AB":
        told.payment(name)
    told.relay()
    for _ in range(4):
        told.deliver()
        clock.pass_(seconds=300)
    assert [row.state for row in told.rows()] == ["dead", "delivered"]
    portal.answer, portal.received = lambda _: (204, {}), []
    assert rows("SELECT kind, state FROM discrepancy") == [("portal_untold", "open")]
    assert again(endpoint, Range(dead=True)).count == 1
    told.deliver()
    assert portal.told() == [("A", 1)]
    # Nobody has to close by hand what has been told after all.
    assert rows("SELECT kind, state FROM discrepancy") == [("portal_untold", "resolved")]
    assert rows("SELECT act FROM discrepancy_act ORDER BY id")[-1] == ("told",)


def test_what_waits_for_its_next_try_is_tried_at_once_and_what_is_in_hand_is_left_there(told, receiver, again, clock) -> None:
    portal = receiver()
    portal.answer = lambda _: (500, {})
    endpoint, _ = told.endpoint(portal.url)
    told.payment("A")
    told.relay()
    for _ in range(3):
        told.deliver()
        clock.pass_(seconds=60)
    assert again(endpoint, Range()).count == 1
    portal.answer = lambda _: (204, {})
    until = clock.now() + deliveries.claimed_for(told.hub.settings.webhooks)
    with told.hub.db.session() as session:
        assert len(deliveries.claim(session, endpoint.id, clock.now(), until)) == 1
    assert again(endpoint, Range()).count == 0
    told.deliver()
    assert [row.tries for row in told.rows()] == [0]


@pytest.mark.parametrize("put_back", [True, False])
def test_who_comes_back_late_changes_nothing_of_what_others_did_since(told, receiver, again, clock, put_back, rows) -> None:
    portal = receiver()
    portal.answer = lambda _: (204 if put_back else 500, {})
    endpoint, _ = told.endpoint(portal.url)
    told.payment("A")
    told.relay()
    hub, until = told.hub, clock.now() + timedelta(seconds=10)
    with hub.db.session() as session:
        (message,) = deliveries.claim(session, endpoint.id, clock.now(), until)
    clock.pass_(seconds=11)
    told.deliver()
    if put_back:
        assert again(endpoint, Range()).count == 1
    (before,) = told.rows()
    with hub.db.session() as session:
        late = Outcome(message, Try(503, "status_503", clock.now(), 1))
        deliveries.store(session, hub.keyring, endpoint.id, [late], hub.settings.webhooks)
        deliveries.release(session, [message], until, clock.now())
    (row,) = told.rows()
    assert (row.state, row.tries, row.next_try_at, row.last_status) == ("due", before.tries, before.next_try_at, before.last_status)
    assert rows("SELECT count(*) FROM delivery_try") == [(2,)], "what was tried is in the log all the same"


def test_a_position_is_found_by_time_whatever_committed_late(history, told, clock) -> None:
    now = clock.now()
    with told.hub.db.session() as session:
        found = [resending.position_at(session, now - timedelta(hours=hours)) for hours in (-9, 1.5, 2.5, 3.5, 9)]
    # An hour earlier than asked: what happened meanwhile is looked at one by one.
    assert found == [11, 7, 5, 3, 1]
