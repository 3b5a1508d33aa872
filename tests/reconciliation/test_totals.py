"""Totals per agency: what the ledger collected beside what the gateways report, equal to a recount from rows."""

from __future__ import annotations

import csv
import io
import uuid
from collections import Counter
from contextlib import suppress
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from gateways.base import Outcome
from payhub.clock import local_date
from payhub.ids import public_id, read_public_id
from payhub.ledger import days, rollups
from payhub.ledger.prove import prove
from payhub.payments.models import Attempt, PaymentLine
from payhub.payments.refunds.errors import NotRefundable
from reconciliation import runs
from reconciliation.laws import LAWS
from reconciliation.models import Settlement
from reconciliation.totals import FIGURES, agency_totals, by_kind, grand

ONE = timedelta(days=1)
MIXED = [
    {"fee": "P-CHUNGTHUC", "agency": "000.00.00.H29", "amount": 8_000, "quantity": 4},
    {"fee": "LP-GPXD", "agency": "000.00.00.G04", "amount": 75_000},
]


class Refused(Exception):
    """Something was asked that cannot be."""


@pytest.fixture
def agreed(client, clock, lan, minh):
    """One person proposes, another approves."""

    def agree(path: str, body: dict | None = None, proposal: str = "proposal") -> None:
        proposed = lan.post(client, path, body)
        clock.pass_(seconds=30)
        if proposed.status_code not in {200, 201}:
            raise Refused(proposed.json)
        approved = minh.post(client, f"/v1/proposals/{proposed.json[proposal]}/approve", {"totp": minh.code()})
        if approved.status_code != 200:
            raise Refused(approved.json)

    return agree


@pytest.fixture
def lose(client, lan, agreed):
    """A citizen's bank takes an amount of a payment's first line, and two people agree that it is gone."""

    def lost(payment, amount: int) -> None:
        body = {"gateway_case": uuid.uuid4().hex, "lines": [{"number": 1, "amount": amount}]}
        opened = lan.post(client, f"/v1/staff/payments/{payment['id']}/disputes", body)
        if opened.status_code != 201:
            raise Refused(opened.json)
        agreed(f"/v1/staff/disputes/{opened.json['id']}/lost")

    return lost


@pytest.fixture
def allocate(desk, rows, agreed):
    """Let the oldest money that is held pay an attempt's payment, or a new one."""

    def pay(attempt) -> None:
        held = rows("SELECT id FROM unapplied_receipt WHERE remaining > 0 ORDER BY id LIMIT 1")
        payment_id = (attempt or desk.pay(outcome=None)).payment_id
        path = f"/v1/staff/unapplied/{public_id('uap', held[0][0], 'test')}/allocate"
        agreed(path, {"payment": public_id("pay", payment_id, "test")}, proposal="id")

    return pay


def attempts(hub, payment=None):
    with hub.db.session() as session:
        wanted = select(Attempt).where(Attempt.confirmed.is_not(None)).order_by(Attempt.id)
        if payment is not None:
            wanted = wanted.where(Attempt.payment_id == read_public_id("pay", payment["id"], "test"))
        return session.scalars(wanted).all()


@pytest.fixture
def day(desk, hub):
    """A day on which most is well: one payment is missing in the file, one reversed, one of the day before is in it too."""
    paid = [desk.pay(), desk.pay(lines=MIXED, portal="mot-cua-hcm"), desk.pay(lines=MIXED, portal="mot-cua-hcm")]
    missing, reversed_ = desk.pay(), desk.say(desk.pay(), Outcome.REVERSED)
    before = desk.pay(on=desk.day - ONE)
    desk.settle([*map(desk.row_of, paid), desk.row_of(before)])
    return paid, missing, reversed_


def totals(hub, on):
    with hub.db.session() as session:
        return agency_totals(session, on)


def figures(total):
    """What was collected, what left of it, and what is reported."""
    return tuple(getattr(total, name) for name in FIGURES[:8])


def test_collected_reported_and_difference_per_agency_and_kind(desk, hub, day) -> None:
    found = {
        (row.agency, row.kind): (row.count, row.collected, row.reversed, row.owed, row.reported, row.difference)
        for row in by_kind(totals(hub, desk.day))
    }
    assert found == {
        ("000.00.00.G15", "le_phi"): (2, 600_000, 200_000, 400_000, 200_000, 200_000),
        ("000.00.00.G17", "le_phi"): (2, 150_000, 0, 150_000, 150_000, 0),
        ("000.00.00.H29", "phi"): (2, 16_000, 0, 16_000, 16_000, 0),
    }
    (everything,) = grand(totals(hub, desk.day))
    assert figures(everything) == (6, 766_000, 200_000, 0, 0, 566_000, 366_000, 200_000)
    assert grand(totals(hub, desk.day - ONE))[0].difference == 0


def test_totals_equal_a_recount_from_the_paid_lines(desk, hub, day) -> None:
    recount: Counter = Counter()
    with hub.db.session() as session:
        lines = session.execute(
            select(PaymentLine).join(Attempt, Attempt.payment_id == PaymentLine.payment_id)
            .where(Attempt.applied, Attempt.state == "succeeded", Attempt.cohort_on == desk.day)
        ).scalars()  # fmt: skip
        for line in lines:
            recount[line.agency_id, line.kind, line.budget_line] += line.amount
        names = {agency.id: agency.code for agency in hub.registers.agencies.values()}
    assert {(row.agency, row.kind, row.budget_line): row.owed for row in totals(hub, desk.day)} == {
        (names[agency], kind, budget_line): amount for (agency, kind, budget_line), amount in recount.items()
    }


def test_a_file_that_takes_a_line_back_takes_its_report_back(desk, hub) -> None:
    attempt, other = desk.pay(), desk.pay()
    desk.settle([desk.row_of(attempt), desk.row_of(other)])
    assert grand(totals(hub, desk.day))[0].reported == 400_000
    desk.settle([desk.row_of(attempt)])
    assert grand(totals(hub, desk.day))[0].reported == 200_000
    assert desk.classes() == {"matched": 1, "missing_at_gateway": 1}
    desk.settle([desk.row_of(attempt), desk.row_of(other, amount=1)])
    assert grand(totals(hub, desk.day))[0].reported == 200_000
    desk.settle([desk.row_of(attempt), desk.row_of(other), desk.row("X", 1)])
    assert grand(totals(hub, desk.day))[0].reported == 400_000
    assert desk.count("proof") == 2 + 1 + 1 + 2, "every file speaks for itself"


def test_a_reversal_counts_on_the_day_it_is_told(desk, hub, clock) -> None:
    attempt = desk.pay()
    desk.settle([desk.row_of(attempt)])
    clock.pass_(days=3)
    desk.say(attempt, Outcome.REVERSED)
    assert [figures(row) for row in totals(hub, desk.day)] == [(1, 200_000, 0, 0, 0, 200_000, 200_000, 0)]
    assert [figures(row) for row in totals(hub, desk.day + 3 * ONE)] == [(-1, 0, 200_000, 0, 0, -200_000, 0, -200_000)]


def test_a_refund_counts_on_the_day_it_is_sent_and_leaves_the_reports_as_they_are(desk, hub, clock, pay, treasury) -> None:
    payment = pay()
    file = desk.write([desk.row_of(attempt) for attempt in attempts(hub)])
    desk.settle(file)
    clock.pass_(days=3)
    treasury.give(payment, 50_000)
    treasury.give(payment, 30_000, will="refused")
    treasury.give(payment, 20_000, will="unknown_done")
    assert [figures(row) for row in totals(hub, desk.day)] == [(1, 200_000, 0, 0, 0, 200_000, 200_000, 0)]
    assert [figures(row) for row in totals(hub, desk.day + 3 * ONE)] == [(0, 0, 0, 70_000, 0, -70_000, 0, 0)]


def test_a_refund_that_fails_comes_back_on_the_day_it_fails(desk, hub, clock, pay, treasury) -> None:
    refund = treasury.give(pay(), 50_000, will="unknown_not_done")
    clock.pass_(days=3)
    treasury.say(refund, "failed")
    assert [figures(row)[1:6] for row in totals(hub, desk.day)] == [(200_000, 0, 50_000, 0, 150_000)]
    assert [figures(row)[1:6] for row in totals(hub, desk.day + 3 * ONE)] == [(0, 0, -50_000, 0, 50_000)]


def test_money_refunded_and_reversed_differs_by_what_left_twice(desk, hub, pay, treasury, reverse) -> None:
    treasury.give(pay(), 50_000)
    assert reverse() == "00"
    assert [figures(row) for row in totals(hub, desk.day)] == [(0, 200_000, 150_000, 50_000, 0, 0, 0, 50_000)]


def test_a_lost_dispute_stands_apart(desk, hub, client, clock, pay, lose) -> None:
    payment = pay()
    clock.pass_(days=3)
    lose(payment, 60_000)
    assert [figures(row) for row in totals(hub, desk.day + 3 * ONE)] == [(0, 0, 0, 0, 60_000, -60_000, 0, 0)]


@pytest.mark.parametrize("on", ["its own day", "the next"])
def test_allocated_money_is_collected_and_reported_like_any_other(desk, hub, clock, allocate, on) -> None:
    first = desk.pay(outcome=None)
    second = desk.start(first.payment_id)
    first, second = desk.say(first, Outcome.SUCCEEDED), desk.say(second, Outcome.SUCCEEDED)
    listed_on = desk.day if on == "its own day" else desk.day + ONE
    desk.settle([desk.row_of(first)])
    if on == "the next":
        desk.settle([desk.row_of(second, on=listed_on)], listed_on)
    else:
        desk.settle([desk.row_of(first), desk.row_of(second)])
    clock.pass_(days=3)
    allocate(desk.pay(outcome=None))
    later = desk.day + 3 * ONE
    assert [figures(row) for row in totals(hub, later)] == [(1, 200_000, 0, 0, 0, 200_000, 0, 200_000)]
    assert desk.learn() >= 1
    assert [figures(row) for row in totals(hub, later)] == [(1, 200_000, 0, 0, 0, 200_000, 200_000, 0)]
    assert desk.classes(listed_on)["matched"] >= 1
    assert (desk.learn(), desk.count("proof")) == (0, 2 if on == "the next" else 3)


def test_money_of_a_wrong_amount_that_was_allocated_is_reported_too(desk, hub, clock, allocate) -> None:
    attempt = desk.pay(confirmed=250_000)
    clock.pass_(hours=1)
    allocate(attempt)
    desk.settle([desk.row_of(attempt)])
    assert desk.classes() == {"conflicted": 1}
    assert [figures(row) for row in totals(hub, desk.day)] == [(1, 200_000, 0, 0, 0, 200_000, 200_000, 0)]


OLDEST = """
    SELECT min(business_on) FROM posting
    WHERE business_on > (SELECT coalesce(max(business_on), '-infinity') FROM business_day WHERE shut_at IS NOT NULL)
"""
# What becomes of one of two payments, each step a day later than the one before.
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["refund", "refused", "unknown", "answer", "reverse", "lose", "allocate", "shut", "fold"]), st.integers(0, 1),
        st.sampled_from([1, 2, 4]),
    ),
    max_size=6,
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=STEPS)
def test_whatever_happens_every_day_is_the_ledgers_and_all_days_are_what_is_owed(
    hub, rows, clock, pay, treasury, reverse, lose, allocate, traced, stated, steps
) -> None:
    began, payments, refunds = local_date(clock.now()), [pay(pay_twice=True), pay()], []
    wills = {"refund": "accepted", "refused": "refused", "unknown": "unknown_done"}
    for step, which, part in steps:
        clock.pass_(days=1)
        reference = attempts(hub, payments[which])[0].reference
        with suppress(NotRefundable, Refused, IndexError, days.DayNotOver):
            match step:
                case "answer":
                    treasury.ask(refunds.pop(), hours=1)
                case "reverse":
                    reverse(reference)
                case "lose":
                    lose(payments[which], 200_000 // part)
                case "allocate":
                    allocate(None)
                case "shut":
                    with hub.db.session() as session:
                        days.shut(session, rows(OLDEST)[0][0] or date.max, "thu.ha", clock.now())
                case "fold":
                    assert rollups.fold(hub) == 1
                case _:
                    refunds.append(treasury.give(payments[which], 200_000 // part, will=wills[step]))
    of_days = Counter()
    owed = "SELECT a.code, p.kind, p.budget_line, p.business_on, -sum(p.amount)::bigint FROM posting p JOIN agency a ON a.id = p.agency_id"
    for agency, kind, budget_line, on, amount in rows(f"{owed} WHERE p.account = 'owed' GROUP BY 1, 2, 3, 4"):
        of_days[agency, kind, budget_line, on] = amount
    found = {
        (row.agency, row.kind, row.budget_line, on): row
        for (on,) in rows("SELECT DISTINCT business_on FROM posting")
        for row in totals(hub, on)
    }
    assert {which: row.owed for which, row in found.items()} == of_days
    for row in found.values():
        assert row.owed == row.collected - row.reversed - row.refunded - row.charged_back
        assert row.difference == row.collected - row.reversed - row.reported
    assert sum(row.owed for row in found.values()) == rows("SELECT -sum(amount) FROM posting WHERE account = 'owed'")[0][0]
    traced(hub, began, began + 30 * ONE, limit=500)
    for (on,) in rows(f"SELECT DISTINCT business_on FROM posting WHERE business_on >= '{began}' ORDER BY 1"):
        stated(on)


def get(client, keys, query, portal="kbnn", **headers):
    return client.get(f"/v1/reports/agency-totals?{query}", headers={"Authorization": f"Bearer {keys[portal]}", **headers})


def test_the_report_as_json_has_budget_lines_and_a_sum(desk, client, keys, day) -> None:
    body = get(client, keys, f"date={desk.day}", **{"Accept-Language": "en"}).json
    assert (body["date"], body["until"], body["mode"]) == ("2026-11-20", "2026-11-20", "activity")
    nothing = {"refunded": 0, "charged_back": 0, "banked": 0, "paid_out": 0, "written_off": 0, "currency": "VND"}
    assert body["sum"] == [{**nothing, "count": 6, "collected": 766_000, "reversed": 200_000, "owed": 566_000, "reported": 366_000,
                            "difference": 200_000, "due": 566_000, "retained": 8_000, "budget": 558_000}]  # fmt: skip
    assert {**nothing, "agency": "000.00.00.G15", "agency_name": "Ministry of Justice", "gateway_account": None, "kind": "le_phi",
            "budget_line": "2764", "count": 2, "collected": 600_000, "reversed": 200_000, "owed": 400_000, "reported": 200_000,
            "difference": 200_000, "due": 400_000, "retained": 0, "budget": 400_000} in body["totals"]  # fmt: skip


@pytest.mark.parametrize(("query", "accept"), [("&format=csv", "application/json"), ("", "text/csv")])
def test_the_report_as_csv_has_a_last_row_for_all(desk, client, keys, day, query, accept) -> None:
    answer = get(client, keys, f"date={desk.day}{query}", Accept=accept)
    assert answer.content_type == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.get_data(as_text=True))))
    assert rows[0] == {
        "date": "2026-11-20", "agency": "000.00.00.G15", "agency_name": "Bộ Tư pháp", "kind": "le_phi", "count": "2",
        "collected": "600000", "reversed": "200000", "refunded": "0", "charged_back": "0", "owed": "400000", "reported": "200000",
        "difference": "200000", "banked": "0", "paid_out": "0", "written_off": "0", "due": "400000", "retained": "0", "budget": "400000",
        "currency": "VND",
    }  # fmt: skip
    assert (rows[-1]["agency"], rows[-1]["difference"], len(rows)) == ("TOTAL", "200000", 4)


def test_an_empty_day_is_an_empty_report(client, keys) -> None:
    nothing = {"date": "2026-01-01", "until": "2026-01-01", "mode": "activity", "totals": [], "sum": []}
    assert get(client, keys, "date=2026-01-01").json == nothing
    assert len(get(client, keys, "date=2026-01-01&format=csv").get_data(as_text=True).splitlines()) == 1


def test_the_report_is_for_those_who_may_read_it(client, keys) -> None:
    assert get(client, keys, "date=2026-11-20", portal="dvc-bo-tu-phap").status_code == 403
    assert get(client, keys, "").status_code == 422
    assert get(client, keys, "date=20.11.2026").status_code == 422


def test_proofs_and_lines_are_never_changed(hub, day) -> None:
    for statement in (
        "UPDATE proof_apart SET amount = amount + 1", "DELETE FROM proof_apart", "UPDATE line_apart SET number = 1", "DELETE FROM line_apart",
        "UPDATE settlement_line SET amount = 1",
    ):
        with pytest.raises(DBAPIError, match="append-only"), hub.db.session() as session:
            session.execute(text(statement))


SAID = """
    INSERT INTO proof_apart (payment_line_id, run_id, holds, number, attempt_id, amount, proved_on)
    SELECT payment_line_id, (SELECT id FROM run WHERE settlement_id = (SELECT id FROM settlement WHERE line_count > 0) ORDER BY id DESC LIMIT 1),
"""
BREAKS = {
    "settlement lines and proofs name rows that are there": "UPDATE run SET state = 'failed'",
    "a settlement's count and sum are those of its lines": "UPDATE settlement SET line_sum = line_sum + 1",
    "what a settlement declares is what it has, unless a discrepancy says so": "UPDATE settlement SET declared_sum = declared_sum + 1",
    "each row of a settlement is a line or was set aside": "UPDATE settlement SET reject_count = 1",
    "a finished run has every line of its settlement in one class, and the classes add up": "UPDATE run SET counts = counts - 'matched'",
    "a proof said of one line is its whole amount, of the attempt whose money paid it and that its settlement line names":
        f"{SAID} true, number, attempt_id, amount + 1, proved_on FROM proof LIMIT 1",
    "a settlement proves a payment for all its lines or none":
        f"{SAID} false, number, attempt_id, amount, proved_on FROM proof WHERE amount = 8000 LIMIT 1",
    "what the first run of a settlement said of its lines at once is true of each: it agrees with its payment in everything":
        "DELETE FROM line_apart",
    "no two settlements that count cover the same day of an account":
        "UPDATE settlement SET until_on = until_on + 1",
    "no two settlements that count prove the same line, once all runs are over":
        "INSERT INTO proof_apart SELECT payment_line_id, (SELECT run.id FROM run JOIN settlement s ON s.id = settlement_id WHERE line_count = 0 LIMIT 1), holds, number, attempt_id, "
        "amount, proved_on FROM proof LIMIT 1",
    "what each run proved is what its proofs add up to, on the days on which it was collected and those on which it came":
        "UPDATE run_total SET retained = retained + 1",
}  # fmt: skip


def test_each_law_notices_what_breaks_it(desk, hub, day) -> None:
    engine = hub.db.engine
    tables = {"settlement": "line_sum declared_sum reject_count until_on", "run": "state counts"}
    desk.settle([], desk.day + ONE)
    with hub.db.session() as session:
        runs.ask_run(session, session.scalars(select(Settlement).where(Settlement.line_count > 0)).one(), hub.clock.now())
    desk.carry_out()
    with engine.begin() as connection:
        for table in ("proof_apart", "line_apart", "run_total"):
            connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        for table in (*tables, "proof_apart", "line_apart", "run_total"):
            connection.execute(text(f"CREATE TABLE kept_{table} AS TABLE {table}"))
    # The tests of the workbench correct rows, and breaks what must hold of them.
    laws = [law for law in LAWS if "corrected" not in law.name]
    assert all(proven.holds and proven.checked for proven in prove(engine, laws))
    for law in laws:
        with engine.begin() as connection:
            connection.execute(text(BREAKS[law.name]))
        assert not next(prove(engine, [law])).holds, law.name
        with engine.begin() as connection:
            for table, columns in tables.items():
                back = ", ".join(f"{column} = kept.{column}" for column in columns.split())
                connection.execute(text(f"UPDATE {table} SET {back} FROM kept_{table} kept WHERE kept.id = {table}.id"))
            for table in ("proof_apart", "line_apart", "run_total"):
                connection.execute(text(f"DELETE FROM {table}"))
                connection.execute(text(f"INSERT INTO {table} SELECT * FROM kept_{table}"))
        assert next(prove(engine, [law])).holds, law.name
