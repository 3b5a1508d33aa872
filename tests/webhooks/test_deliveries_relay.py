"""From committed events to deliveries: none missed, none twice, whatever commits when."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from payhub import ids
from payhub.errors import InvalidInput
from payhub.events import Event
from payhub.hub import Hub
from payhub.payments.models import Payment
from payhub.payments.recording import record
from webhooks import endpoints, relay
from webhooks.models import Delivery, WebhookEndpoint

TYPES = ("payment.created", "attempt.created")
NewPayment = Callable[[], uuid.UUID]


@pytest.fixture
def new_payment(ask: Callable[..., Any], order: dict[str, Any]) -> NewPayment:
    def make(portal: str = "dvc-bo-tu-phap") -> uuid.UUID:
        answer = ask({**order, "portal_reference": uuid.uuid4().hex, "dossier": uuid.uuid4().hex}, portal=portal)
        assert answer.status_code == 201, answer.text
        return ids.read_public_id("pay", answer.json["id"], "test")

    return make


def _happens(session: Session, hub: Hub, payment_id: uuid.UUID, type_: str = "attempt.created") -> None:
    payment = session.scalars(select(Payment).where(Payment.id == payment_id).with_for_update()).one()
    record(session, payment, type_, hub.clock.now(), {})
    session.flush()


def _endpoint(hub: Hub, types: tuple[str, ...] = TYPES, portal: str = "dvc-bo-tu-phap") -> uuid.UUID:
    with hub.db.session() as session:
        portal_id = next(row.id for row in hub.registers.portals.values() if row.code == portal)
        return endpoints.add(hub, session, portal_id, f"https://example.org/{uuid.uuid4()}", types)[0].id


def _relay(hub: Hub, **options: int) -> int:
    return relay.run(hub.db, hub.clock.now(), **options)


def _told(hub: Hub, endpoint_id: uuid.UUID) -> list[tuple[uuid.UUID, str]]:
    with hub.db.session() as session:
        rows = select(Delivery.payment_id, Event.type).join(Event, Event.id == Delivery.event_id)
        return [tuple(row) for row in session.execute(rows.where(Delivery.endpoint_id == endpoint_id).order_by(Delivery.position))]


def test_each_endpoint_gets_one_delivery_of_each_event_it_is_subscribed_to(hub, new_payment):
    all_of_it, paid_only = _endpoint(hub), _endpoint(hub, ("payment.paid",))
    payment_id = new_payment()
    assert _relay(hub) == 1
    assert _relay(hub) == 0
    assert _told(hub, all_of_it) == [(payment_id, "payment.created")]
    assert _told(hub, paid_only) == []
    with hub.db.session() as session:
        assert set(session.scalars(select(WebhookEndpoint.after_position))) == {1}


def test_an_endpoint_is_not_told_of_what_was_before_it_nor_of_other_portals(hub, new_payment):
    new_payment()
    _relay(hub)
    other = next(row.code for row in hub.registers.portals.values() if row.code != "dvc-bo-tu-phap")
    ours, theirs = _endpoint(hub), _endpoint(hub, portal=other)
    payment_id = new_payment()
    _relay(hub)
    assert _told(hub, ours) == [(payment_id, "payment.created")]
    assert _told(hub, theirs) == []


def test_an_event_whose_transaction_began_earlier_and_commits_later_is_not_missed(hub, new_payment):
    endpoint_id = _endpoint(hub)
    slow, quick = new_payment(), new_payment()
    _relay(hub)
    with hub.db.session() as late:
        _happens(late, hub, slow)
        with hub.db.session() as session:
            _happens(session, hub, quick)
        assert _relay(hub) == 1
    assert _relay(hub) == 1
    assert _told(hub, endpoint_id)[2:] == [(quick, "attempt.created"), (slow, "attempt.created")]


def test_two_relays_at_once_write_each_delivery_once(hub, new_payment):
    endpoint_id = _endpoint(hub)
    payments = [new_payment() for _ in range(10)]
    stop = threading.Event()

    def run_on() -> None:
        while not stop.is_set():
            _relay(hub, batch=3)

    relays = [threading.Thread(target=run_on) for _ in range(3)]
    for each in relays:
        each.start()
    for payment_id in payments * 3:
        with hub.db.session() as session:
            _happens(session, hub, payment_id)
    stop.set()
    for each in relays:
        each.join()
    _relay(hub)
    told = _told(hub, endpoint_id)
    assert len(told) == 40
    assert {told.count((payment_id, "attempt.created")) for payment_id in payments} == {3}


def test_a_second_relay_returns_at_once_while_the_first_is_at_work(hub, new_payment):
    endpoint_id = _endpoint(hub)
    new_payment()
    with hub.db.session() as first:
        first.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": relay._LOCK})
        assert _relay(hub) == 0
    assert _relay(hub) == 1
    assert len(_told(hub, endpoint_id)) == 1


def test_a_long_backlog_is_relayed_in_small_batches_by_one_job(hub, new_payment):
    endpoint_id = _endpoint(hub)
    for _ in range(25):
        new_payment()
    assert _relay(hub, batch=4) == 25
    assert len(_told(hub, endpoint_id)) == 25


def test_an_endpoint_that_was_disabled_catches_up_beside_one_that_was_not(hub, new_payment):
    steady, returning = _endpoint(hub), _endpoint(hub)
    with hub.db.session() as session:
        endpoints.disable(session, returning, hub.clock.now())
    for _ in range(7):
        new_payment()
    assert _relay(hub) == 7
    with hub.db.session() as session:
        endpoints.enable(session, returning, hub.clock.now())
    new_payment()
    _relay(hub, batch=2)
    assert _told(hub, steady) == _told(hub, returning)
    assert len(_told(hub, returning)) == 8


def test_the_id_of_a_delivery_is_the_same_however_often_it_is_worked_out(hub, new_payment):
    _endpoint(hub)
    new_payment()
    _relay(hub)
    with hub.db.session() as session:
        before = session.scalars(select(Delivery.id)).one()
        session.execute(text("DELETE FROM delivery"))
        session.execute(text("UPDATE webhook_endpoint SET after_position = 0"))
    _relay(hub)
    with hub.db.session() as session:
        assert session.scalars(select(Delivery.id)).one() == before
    assert before.version == 8


@pytest.mark.parametrize(
    ("url", "types"),
    [
        ("ftp://example.org/hooks", TYPES),
        ("https://", TYPES),
        ("https://user:word@example.org/hooks", TYPES),
        ("https://example.org/hooks#part", TYPES),
        ("https://example.org/ hooks", TYPES),
        ("https://[::1/hooks", TYPES),
        ("https://example.org/hooks", ()),
        ("https://example.org/hooks", ("payment.payed",)),
    ],
)
def test_an_endpoint_that_cannot_be_used_is_refused(hub, url, types):
    portal_id = next(iter(hub.registers.portals))
    with pytest.raises(InvalidInput), hub.db.session() as session:
        endpoints.add(hub, session, portal_id, url, types)
