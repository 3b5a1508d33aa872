"""Totals per agency: what the ledger collected beside what the gateways report, equal to a recount from rows."""

from __future__ import annotations

import csv
import io
from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from gateways.base import Outcome
from payhub.ledger.prove import prove
from payhub.payments.models import Attempt, PaymentLine
from reconciliation.laws import LAWS
from reconciliation.totals import agency_totals, by_kind, grand

ONE = timedelta(days=1)
MIXED = [
    {"fee": "P-CHUNGTHUC", "agency": "000.00.00.H29", "amount": 8_000, "quantity": 4},
    {"fee": "LP-GPXD", "agency": "000.00.00.G04", "amount": 75_000},
]


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


def test_collected_reported_and_difference_per_agency_and_kind(desk, hub, day) -> None:
    found = {
        (row.agency, row.kind): (row.count, row.collected, row.reported, row.difference) for row in by_kind(totals(hub, desk.day))
    }
    assert found == {
        ("000.00.00.G15", "le_phi"): (2, 400_000, 200_000, 200_000),
        ("000.00.00.G17", "le_phi"): (2, 150_000, 150_000, 0),
        ("000.00.00.H29", "phi"): (2, 16_000, 16_000, 0),
    }
    (everything,) = grand(totals(hub, desk.day))
    assert (everything.count, everything.collected, everything.reported, everything.difference) == (6, 566_000, 366_000, 200_000)
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
    assert {(row.agency, row.kind, row.budget_line): row.collected for row in totals(hub, desk.day)} == {
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
    assert desk.count("proof") == 2


def test_a_reversal_counts_on_the_day_it_is_told(desk, hub, clock) -> None:
    attempt = desk.pay()
    desk.settle([desk.row_of(attempt)])
    clock.pass_(days=3)
    desk.say(attempt, Outcome.REVERSED)
    assert [(row.count, row.collected, row.reported) for row in totals(hub, desk.day)] == [(1, 200_000, 200_000)]
    assert [(row.count, row.collected, row.reported) for row in totals(hub, desk.day + 3 * ONE)] == [(-1, -200_000, 0)]


def get(client, keys, query, portal="kbnn", **headers):
    return client.get(f"/v1/reports/agency-totals?{query}", headers={"Authorization": f"Bearer {keys[portal]}", **headers})


def test_the_report_as_json_has_budget_lines_and_a_sum(desk, client, keys, day) -> None:
    body = get(client, keys, f"date={desk.day}", **{"Accept-Language": "en"}).json
    assert body["date"] == "2026-11-20"
    assert body["sum"] == [{"count": 6, "collected": 566_000, "reported": 366_000, "difference": 200_000, "currency": "VND"}]
    assert {"agency": "000.00.00.G15", "agency_name": "Ministry of Justice", "kind": "le_phi", "budget_line": "2764", "count": 2,
            "collected": 400_000, "reported": 200_000, "difference": 200_000, "currency": "VND"} in body["totals"]  # fmt: skip


@pytest.mark.parametrize(("query", "accept"), [("&format=csv", "application/json"), ("", "text/csv")])
def test_the_report_as_csv_has_a_last_row_for_all(desk, client, keys, day, query, accept) -> None:
    answer = get(client, keys, f"date={desk.day}{query}", Accept=accept)
    assert answer.content_type == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.get_data(as_text=True))))
    assert rows[0] == {
        "date": "2026-11-20", "agency": "000.00.00.G15", "agency_name": "Bộ Tư pháp", "kind": "le_phi", "count": "2",
        "collected": "400000", "reported": "200000", "difference": "200000", "currency": "VND",
    }  # fmt: skip
    assert (rows[-1]["agency"], rows[-1]["difference"], len(rows)) == ("TOTAL", "200000", 4)


def test_an_empty_day_is_an_empty_report(client, keys) -> None:
    assert get(client, keys, "date=2026-01-01").json == {"date": "2026-01-01", "totals": [], "sum": []}
    assert len(get(client, keys, "date=2026-01-01&format=csv").get_data(as_text=True).splitlines()) == 1


def test_the_report_is_for_those_who_may_read_it(client, keys) -> None:
    assert get(client, keys, "date=2026-11-20", portal="dvc-bo-tu-phap").status_code == 403
    assert get(client, keys, "").status_code == 422
    assert get(client, keys, "date=20.11.2026").status_code == 422


def test_proofs_and_lines_are_never_changed(hub, day) -> None:
    for statement in ("UPDATE proof SET amount = amount + 1", "DELETE FROM proof", "UPDATE settlement_line SET amount = 1"):
        with pytest.raises(DBAPIError, match="append-only"), hub.db.session() as session:
            session.execute(text(statement))


BREAKS = {
    "settlement lines and proofs name rows that are there": "UPDATE run SET state = 'failed'",
    "a settlement's count and sum are those of its lines": "UPDATE settlement SET line_sum = line_sum + 1",
    "what a settlement declares is what it has, unless a discrepancy says so": "UPDATE settlement SET declared_sum = declared_sum + 1",
    "each row of a settlement is a line or was set aside": "UPDATE settlement SET reject_count = 1",
    "a finished run has every line of its settlement in one class, and the classes add up": "UPDATE run SET counts = counts - 'matched'",
    "a proof is a line's whole amount, of the applied attempt that its settlement line names": "UPDATE proof SET amount = amount + 1",
    "a payment is proven for all its lines or none": "DELETE FROM proof WHERE id = (SELECT min(id) FROM proof WHERE amount = 8000)",
    "totals per agency, kind and budget line are the same from the ledger and from the paid lines":
        "UPDATE payment_line SET amount = amount + 1 WHERE id = (SELECT payment_line_id FROM proof LIMIT 1)",
}  # fmt: skip


def test_each_law_notices_what_breaks_it(hub, day) -> None:
    engine = hub.db.engine
    tables = {
        "settlement": "line_sum declared_sum reject_count",
        "run": "state counts",
        "proof": "amount",
        "payment_line": "amount",
    }
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE proof DISABLE TRIGGER USER"))
        for table in tables:
            connection.execute(text(f"CREATE TABLE kept_{table} AS TABLE {table}"))
    assert all(proven.holds and proven.checked for proven in prove(engine, LAWS))
    for law in LAWS:
        with engine.begin() as connection:
            connection.execute(text(BREAKS[law.name]))
        assert not next(prove(engine, [law])).holds, law.name
        with engine.begin() as connection:
            for table, columns in tables.items():
                back = ", ".join(f"{column} = kept.{column}" for column in columns.split())
                connection.execute(text(f"UPDATE {table} SET {back} FROM kept_{table} kept WHERE kept.id = {table}.id"))
            connection.execute(
                text("INSERT INTO proof OVERRIDING SYSTEM VALUE SELECT * FROM kept_proof EXCEPT SELECT * FROM proof")
            )
        assert next(prove(engine, [law])).holds, law.name
