"""A portal that subscribes to it is told of each payment's proofs: once, and once more when they no longer hold."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from sqlalchemy import text

from gateways.base import Outcome
from payhub.clock import local_date
from reconciliation import telling
from webhooks import endpoints, relay

FRIDAY, MONDAY, TUESDAY = date(2026, 11, 20), date(2026, 11, 23), date(2026, 11, 24)
PO = "PO26112000000001"
OTHER = "dvc-tay-ninh"
REPORTED, BANKED = ("payment.reported", "2026-11-20"), ("payment.banked", "2026-11-23")


@pytest.fixture
def subscribed(rewrite) -> None:
    rewrite("UPDATE portal SET told_proofs = code = 'dvc-bo-tu-phap'")


@pytest.fixture
def told(hub, rows, clock) -> Callable[[], list[tuple[Any, ...]]]:
    """Tell, and return what has been told so far, payment by payment."""

    def tell() -> list[tuple[Any, ...]]:
        clock.pass_(minutes=1)
        telling.tell_due(hub)
        found = rows(
            "SELECT type, coalesce(data ->> 'banked_on', data ->> 'reported_on') FROM event "
            "WHERE type IN ('payment.reported', 'payment.unreported', 'payment.banked', 'payment.unbanked') ORDER BY payment_id, seq"
        )
        return [tuple(row) for row in found]

    return tell


@pytest.mark.usefixtures("subscribed")
@pytest.mark.parametrize("first", ["settlement", "statement"])
def test_a_payment_is_reported_and_banked_once_whatever_comes_first_and_however_often(desk, bank, told, first) -> None:
    attempt = desk.pay()
    row = desk.row_of(attempt, fee=2_200)
    steps = [lambda: desk.settle([row]), lambda: bank.say(bank.entry(197_800, PO))]
    for step in steps if first == "settlement" else reversed(steps):
        step()
        told()
    assert told() == [REPORTED, BANKED]
    desk.again(desk.take([row]))
    bank.quiet(TUESDAY)
    desk.learn()
    assert told() == [REPORTED, BANKED]


def test_where_no_portal_subscribes_it_costs_nothing(desk, bank, told, rows, rewrite) -> None:
    rewrite("UPDATE portal SET told_proofs = false")
    desk.settle([desk.row_of(desk.pay())])
    bank.say(bank.entry(200_000, PO))
    assert (told(), rows("SELECT count(*) FROM telling")) == ([], [(0,)])


@pytest.mark.usefixtures("subscribed")
def test_only_the_portal_that_subscribes_is_told_page_by_page(desk, told, rows, monkeypatch) -> None:
    # The real page has 2,000 lines: too many for every run of the tests.
    monkeypatch.setattr(telling, "BATCH", 2)
    ours = [desk.pay() for _ in range(3)]
    lines = [{"fee": "LP-GPXD", "agency": "000.00.00.H53", "amount": 75_000}]
    theirs = desk.pay(portal=OTHER, lines=lines)
    desk.settle([*(desk.row_of(each) for each in ours), desk.row_of(theirs), desk.row("NOBODYS", 1_000)])
    assert told() == [REPORTED] * 3
    assert rows("SELECT count(*) FROM event WHERE payment_id = '" + str(theirs.payment_id) + "' AND type LIKE '%reported'") == [(0,)]


@pytest.mark.usefixtures("subscribed")
def test_what_the_bank_takes_back_and_pays_again_is_told_each_time(desk, bank, told) -> None:
    desk.settle([desk.row_of(desk.pay())])
    bank.say(bank.entry(200_000, PO))
    assert told() == [REPORTED, BANKED]
    bank.say(bank.entry(-200_000, f"HOAN TRA {PO}", on=TUESDAY), on=TUESDAY)
    assert told() == [REPORTED, BANKED, ("payment.unbanked", None)]
    bank.say(bank.entry(200_000, PO, on=date(2026, 11, 25)), on=date(2026, 11, 25))
    assert told()[3:] == [("payment.banked", "2026-11-25")]


@pytest.mark.usefixtures("subscribed")
def test_a_file_in_anothers_place_takes_back_what_it_no_longer_lists_and_repeats_nothing(desk, bank, told) -> None:
    first, second = desk.pay(), desk.pay()
    desk.settle([desk.row_of(first), desk.row_of(second)])
    assert told() == [REPORTED] * 2
    bank.say(bank.entry(400_000, PO))
    desk.take([desk.row_of(first), desk.row("NOBODYS", 200_000)])
    assert told() == [REPORTED] * 2, "nothing is told between two files"
    desk.carry_out()
    assert told() == [REPORTED, BANKED, REPORTED, ("payment.unreported", None)]
    desk.settle([desk.row("NOBODYS", 400_000)])
    assert told()[2:] == [("payment.unbanked", None), ("payment.unreported", None), REPORTED, ("payment.unreported", None)]


@pytest.mark.usefixtures("subscribed")
def test_what_a_file_listed_is_taken_back_though_the_next_one_never_ran(desk, told) -> None:
    first, second = desk.pay(), desk.pay()
    desk.settle([desk.row_of(first), desk.row_of(second)])
    assert told() == [REPORTED] * 2
    desk.take([desk.row("NOBODYS", 1_000)])
    desk.take([desk.row_of(first)])
    assert told() == [REPORTED] * 2
    desk.carry_out()
    assert told() == [REPORTED, REPORTED, ("payment.unreported", None)]


@pytest.mark.usefixtures("subscribed")
def test_a_late_callback_is_told_of_with_what_is_banked_already(desk, bank, told) -> None:
    attempt = desk.pay(outcome=None)
    desk.settle([desk.row(attempt.reference, 200_000)])
    bank.say(bank.entry(200_000, PO))
    assert told() == []
    desk.say(attempt, Outcome.SUCCEEDED)
    desk.learn()
    assert told() == [REPORTED, BANKED]


@pytest.mark.usefixtures("subscribed")
def test_what_is_asked_for_while_it_is_told_is_told_afterwards(desk, bank, told, hub, monkeypatch) -> None:
    desk.settle([desk.row_of(desk.pay())])
    record = telling._record

    def interrupted(*arguments: Any) -> int:
        monkeypatch.setattr(telling, "_record", record)
        done = record(*arguments)
        bank.say(bank.entry(200_000, PO))
        return done

    # The statement must come at one moment, after the page was recorded and before the end is: only from within can that be said.
    monkeypatch.setattr(telling, "_record", interrupted)
    assert telling.tell_due(hub) == 1
    assert told() == [REPORTED, BANKED]


@pytest.mark.usefixtures("subscribed")
def test_the_portals_endpoint_is_told_with_the_dates(desk, bank, told, hub, rows) -> None:
    with hub.db.session() as session:
        portal = session.scalars(text("SELECT id FROM portal WHERE code = 'dvc-bo-tu-phap'")).one()
        endpoints.add(hub, session, portal, "https://portal.example/told", ["payment.banked"])
        session.execute(text("UPDATE webhook_endpoint SET after_position = 0"))
    desk.settle([desk.row_of(desk.pay())])
    bank.say(bank.entry(200_000, PO))
    told()
    relay.run(hub.db, hub.clock.now())
    found = rows("SELECT event.data FROM delivery JOIN event ON event.id = delivery.event_id")
    assert found == [({"reported_on": "2026-11-20", "banked_on": "2026-11-23"},)]


def test_subscribing_counts_from_the_day_of_the_register(hub, rewrite, rows) -> None:
    rewrite("UPDATE portal SET told_proofs = false")
    rewrite("UPDATE portal SET valid_to = '2026-12-01' WHERE code = 'kbnn'")
    rewrite(
        "INSERT INTO portal (id, code, name_vi, name_en, return_origins, valid_from, told_proofs) "
        f"VALUES ('{uuid.uuid4()}', 'kbnn', 'KBNN', 'Treasury', '{{}}', '2026-12-01', true)"
    )
    [(first,)] = rows("SELECT id FROM portal WHERE code = 'kbnn' ORDER BY valid_from LIMIT 1")
    assert telling.subscribed(hub.registers, local_date(hub.clock.now())) == []
    assert telling.subscribed(hub.registers, date(2026, 12, 1)) == [first]


def test_anybody_may_ask_what_is_proven_of_their_own_payment(desk, bank, client, keys) -> None:
    from payhub.ids import public_id

    attempt = desk.pay()
    address = f"/v1/payments/{public_id('pay', attempt.payment_id, 'test')}/proofs"

    def ask(portal: str = "dvc-bo-tu-phap") -> Any:
        return client.get(address, headers={"Authorization": f"Bearer {keys[portal]}"})

    assert ask().json | {"payment": ""} == {"payment": "", "reported_on": None, "banked_on": None}
    desk.settle([desk.row_of(attempt)])
    bank.say(bank.entry(200_000, PO))
    assert ask().json | {"payment": ""} == {"payment": "", "reported_on": "2026-11-20", "banked_on": "2026-11-23"}
    assert ask(OTHER).status_code == 404
