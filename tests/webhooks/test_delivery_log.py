"""What is kept of each try, and for how long."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import event, select, text

from payhub.people import destruction
from webhooks import deliveries, jobs, presenting, replies
from webhooks.deliveries import Outcome
from webhooks.models import DeliveryTry
from webhooks.sending import Try


def log(told) -> list[DeliveryTry]:
    with told.hub.db.session() as session:
        return list(session.scalars(select(DeliveryTry).order_by(DeliveryTry.id)))


def test_each_try_is_kept_with_its_status_and_how_a_refusal_began_sealed(told, receiver, clock, rows) -> None:
    portal = receiver()
    refusal = "Lỗi: công dân Nguyễn Thị Hòa\x1b[31m\n\tdòng 2 ".encode() + b"\xff" + b"x" * 2000
    portal.answer = lambda _: (500, {}, refusal) if len(portal.received) == 1 else (200, {}, "Nguyễn Thị Hòa".encode())
    told.endpoint(portal.url)
    told.payment()
    told.relay()
    told.deliver()
    clock.pass_(seconds=5)
    told.deliver()
    failed, taken = log(told)
    assert (failed.status, failed.error, taken.status, taken.error) == (500, "status_500", 200, None)
    assert taken.at - failed.at == timedelta(seconds=5)
    assert 0 <= failed.took_ms < 10_000
    said = replies.read(told.hub.keyring, failed)
    assert said.startswith("Lỗi: công dân Nguyễn Thị Hòa [31m dòng 2 \ufffdxxx")
    assert len(said) == replies.KEPT
    assert taken.reply is None
    [stored] = rows("SELECT string_agg(CAST(t AS text), '') FROM delivery_try AS t")
    assert "Nguyễn".encode().hex() not in stored[0]
    with told.hub.db.session() as session:
        shown = presenting.look(told.hub, session, failed.delivery_id)["log"]
    assert [(each["status"], each["reply"]) for each in shown] == [(200, None), (500, said)]


def test_a_try_without_an_answer_is_kept_in_one_word(told, clock) -> None:
    told.endpoint("http://127.0.0.1:9/nobody-listens")
    told.payment()
    told.relay()
    told.deliver()
    (only,) = log(told)
    assert (only.status, only.error, only.reply) == (None, "unreachable", None)


@pytest.mark.usefixtures("bound")
def test_tries_are_forgotten_after_their_days_and_deliveries_stay(told, receiver, clock) -> None:
    told.endpoint(receiver().url)
    told.payment()
    told.relay()
    told.deliver()
    clock.pass_(days=told.hub.settings.webhooks.log_days)
    jobs.sweep()
    assert len(log(told)) == 1
    clock.pass_(seconds=1)
    jobs.sweep()
    assert log(told) == []
    assert [row.state for row in told.rows()] == ["delivered"]


@pytest.mark.breaks_laws
def test_an_erased_payers_replies_are_destroyed_those_after_it_too(told, receiver, clock) -> None:
    portal = receiver()
    portal.answer = lambda _: (500, {}, b"Nguyen Thi Hoa")
    told.endpoint(portal.url)
    erased, other = told.payment(), told.payment()
    told.relay()
    told.deliver()
    with told.hub.db.session() as session:
        # Two people agree to this elsewhere; here it only matters that it was done.
        session.execute(text("SET LOCAL session_replication_role = replica"))
        session.execute(text("UPDATE payment SET erased_at = :now WHERE id = :id"), {"now": clock.now(), "id": erased})
        destruction.around(session, [erased])
    kept = {each.delivery_id for each in log(told) if each.reply}
    assert kept == {row.id for row in told.rows() if row.payment_id == other}
    clock.pass_(seconds=5)
    told.deliver()
    with told.hub.db.session() as session:
        assert replies.HOLDER.left(session, 10) == [erased]
        assert replies.HOLDER.forget(session, [erased]) == 1
        assert replies.HOLDER.left(session, 10) == []


def test_a_load_of_any_length_is_written_down_by_one_statement(told, receiver, clock) -> None:
    portal = receiver()
    endpoint, _ = told.endpoint(portal.url)
    for _ in range(17):
        told.payment()
    told.relay()
    until, hub = clock.now() + timedelta(minutes=1), told.hub
    statements: list[str] = []
    for expected in (16, 1):
        with hub.db.session() as session:
            load = deliveries.claim(session, endpoint.id, clock.now(), until)
            assert len(load) == expected
        outcomes = [Outcome(message, Try(204, None, clock.now(), 1)) for message in load]
        with hub.db.session() as session:
            event.listen(session.connection(), "before_cursor_execute", lambda *seen: statements.append(seen[2]))
            deliveries.store(session, hub.keyring, endpoint.id, outcomes, hub.settings.webhooks)
    assert [statement.split()[0] for statement in statements] == ["SET", "WITH"] * 2
    assert len(log(told)) == 17


def test_a_reply_that_does_not_open_is_left_out_and_the_log_is_shown(told, receiver) -> None:
    portal = receiver()
    portal.answer = lambda _: (500, {}, b"no")
    told.endpoint(portal.url)
    told.payment()
    told.relay()
    told.deliver()
    with told.hub.db.session() as session:
        session.execute(text("UPDATE delivery_try SET reply = 'damaged'"))
    (only,) = log(told)
    assert replies.read(told.hub.keyring, only) is None
