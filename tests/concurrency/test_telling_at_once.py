"""Relays at work while payments are made, paid and held back: every event gets its place once, and nobody misses one."""

from __future__ import annotations

import threading
import time
from functools import partial

import pytest
from sqlalchemy import select, text

from payhub.payments.models import Payment
from payhub.payments.recording import record
from payhub.portals.models import Portal
from webhooks import endpoints, relay

GAPS = "SELECT count(*), count(DISTINCT position), min(position), max(position) FROM event"
UNTOLD = """
    SELECT count(*) FROM event e JOIN payment p ON p.id = e.payment_id JOIN webhook_endpoint w ON w.portal_id = p.portal_id
    WHERE e.type = ANY (w.event_types) AND NOT EXISTS (SELECT FROM delivery d WHERE d.event_id = e.id AND d.endpoint_id = w.id)
"""


@pytest.fixture
def told(hub) -> None:
    """An endpoint of the portal that asks, told of everything."""
    with hub.db.session() as session:
        portal = session.scalars(select(Portal).where(Portal.code == "dvc-bo-tu-phap")).one()
        endpoints.add(hub, session, portal.id, "http://127.0.0.1:9/hook", endpoints.EVENT_TYPES)


def relaying(crowd, over: threading.Event) -> int:
    written = 0
    while not over.is_set():
        written += relay.run(crowd.hub.db, crowd.hub.clock.now(), batch=7)
    return written


def test_three_relays_among_callbacks_number_every_event_once(crowd, told, rows) -> None:
    over, ends = threading.Event(), time.monotonic() + 3

    def paying() -> int:
        paid = 0
        while time.monotonic() < ends:
            payment = crowd.payment()
            messages = [crowd.message(crowd.start(payment)) for _ in range(2)]
            assert [crowd.call_back(message) for message in messages] == ["00", "00"]
            paid += 1
        over.set()
        return paid

    done = crowd.together([*[partial(relaying, crowd, over)] * 3, *[paying] * 5])
    while relay.run(crowd.hub.db, crowd.hub.clock.now()):
        pass
    [(events, positions, first, last)] = rows(GAPS)
    assert (positions, first, last) == (events, 1, events)
    assert events == 5 * sum(done[3:])
    assert rows(UNTOLD) == [(0,)]
    assert rows("SELECT count(*) FROM delivery") == [(events,)]


def test_a_transaction_held_open_while_later_ones_commit_is_missed_by_nobody(crowd, told, rows) -> None:
    def later() -> None:
        for _ in range(3):
            crowd.payment()
        relay.run(crowd.hub.db, crowd.hub.clock.now())

    for _ in range(20):
        held = crowd.payment()
        with crowd.hub.db.session() as session:
            payment = session.scalars(select(Payment).where(Payment.id == held).with_for_update(key_share=True)).one()
            record(session, payment, "payment.noticed", crowd.hub.clock.now(), {"state": "open"})
            session.flush()
            crowd.together([later, later])
            assert session.scalar(text("SELECT max(position) FROM event")) > 0
        relay.run(crowd.hub.db, crowd.hub.clock.now())
    [(events, positions, first, last)] = rows(GAPS)
    assert (events, positions, first, last) == (140 + 20, 160, 1, 160)
    assert rows(UNTOLD) == [(0,)]
