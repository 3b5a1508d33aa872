"""Rows of a file that could not be read become lines, as two people say."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from payhub import jobs
from payhub.ledger.prove import prove
from reconciliation.laws import LAWS


@pytest.fixture
def torn(desk, bench) -> str:
    """A file with two rows that nobody can read, which declares 5,000 in all."""
    desk.settle(desk.write([desk.row("A", 2_000), desk.row("B", "?"), desk.row("C", 1_000, at="tomorrow")], total=5_000))
    return bench.one("count_or_sum_differs")


def test_a_correction_is_checked_before_it_is_proposed(bench, torn) -> None:
    for rows_, pointer in (
        ([bench.row(2)], "/rows/0/row"), ([bench.row(3), bench.row(3)], "/rows/1/row"), ([bench.row(9)], "/rows/0/row"),
        ([bench.row(3, happened_at="2026-11-25T09:30:00+07:00")], "/rows/0/happened_at"), ([bench.row(3, reference=None)], "/rows/0/reference"),
        ([bench.row(3, reference="Nguyễn Thị A")], "/rows/0/reference"), ([bench.row(3, amount=0)], "/rows/0/amount"),
        ([bench.row(3, type="gift")], "/rows/0/type"), ([], "/rows"),
    ):  # fmt: skip
        answer = bench.do(torn, "correct", {"rows": rows_})
        assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, pointer), answer.text
    assert bench.look(torn)["state"] == "open"


def test_rows_are_corrected_one_after_the_other_and_the_file_closes_when_it_is_what_it_declares(bench, torn, desk, rows, hub) -> None:
    proposed = bench.done(torn, "correct", {"rows": [bench.row(3, reference="B", amount=2_500)]})
    assert bench.decide(proposed["proposal"]).json["state"] == "executed"
    shown = bench.look(torn)
    assert (shown["state"], shown["amount"], bench.acts(shown)[-1]) == ("open", 500, "new evidence")
    assert (shown["file"]["lines"], shown["file"]["sum"], shown["file"]["rejected"]) == (2, 4_500, 1)
    assert [each["row"] for each in shown["file"]["corrected"]] == [3]
    # The last row makes the sum another than what the file declares: it stands, and so does the difference.
    proposed = bench.done(torn, "correct", {"rows": [bench.row(4, reference="C", amount=1_000)]})
    assert bench.decide(proposed["proposal"]).json["state"] == "executed"
    shown = bench.look(torn)
    assert (shown["state"], shown["amount"], shown["file"]["rejected"], shown["file"]["as_declared"]) == ("open", 500, 0, False)
    desk.carry_out()
    assert desk.disputes() == {
        "count_or_sum_differs settlement/2026-11-20": 500, "missing_at_hub payment/A": 2_000, "missing_at_hub payment/B": 2_500,
        "missing_at_hub payment/C": 1_000,
    }  # fmt: skip
    assert rows("SELECT number, line_type, amount::int FROM settlement_line ORDER BY number")[1:] == [(3, "payment", 2_500), (4, "payment", 1_000)]
    assert rows("SELECT corrections FROM run WHERE state = 'done' ORDER BY id") == [(0,), (2,)]
    assert rows("SELECT number, field, reason FROM settlement_reject ORDER BY number") == [(3, "SoTien", "not_an_amount"), (4, "ThoiGian", "not_a_time")]


def test_a_correction_is_void_once_another_file_counts(bench, torn, desk) -> None:
    proposed = bench.done(torn, "correct", {"rows": [bench.row(3)]})
    desk.settle([desk.row("A", 2_000)])
    assert bench.decide(proposed["proposal"]).json["code"] == "proposal_void"
    shown = bench.look(torn)
    assert (shown["state"], bench.acts(shown)[-1]) == ("resolved", "closed by file")
    assert shown["history"][-1]["data"]["settlement"].startswith("stl_test_")
    assert desk.count("settlement_correction") == 0


def test_a_corrected_row_is_found_by_the_days_that_looked_for_it(desk, bench, clock) -> None:
    """A payment of the 19th whose row stands, unreadable, in the file of the 20th."""
    from datetime import date

    clock.set(datetime(2026, 11, 19, 3, 0, tzinfo=UTC))
    attempt = desk.pay(on=date(2026, 11, 19))
    clock.set(datetime(2026, 11, 20, 3, 0, tzinfo=UTC))
    desk.settle([], date(2026, 11, 19))
    desk.settle(desk.write([desk.row_of(attempt, amount="?"), desk.row("A", 1_000)], total=201_000))
    missing = bench.one("missing_at_gateway")
    row = bench.row(2, reference=attempt.reference, amount=200_000, happened_at="2026-11-19T09:30:00+07:00")
    proposed = bench.done(bench.one("count_or_sum_differs"), "correct", {"rows": [row]})
    bench.decide(proposed["proposal"])
    [waiting] = desk.waiting()
    assert str(waiting) in {job.args[0] for job in jobs.queue(desk.hub).get_jobs()}, "a worker has it before the scheduler looks"
    desk.carry_out()
    assert bench.look(missing)["state"] == "resolved"


@pytest.mark.breaks_laws
@pytest.mark.parametrize(
    ("law", "statement"),
    [
        ("each row of a settlement is a line or was set aside", "DELETE FROM settlement_correction"),
        ("a finished run has every line of its settlement in one class, and the classes add up", "UPDATE run SET corrections = 0"),
        ("a row that was corrected had been set aside, and is the line on which two people agreed", "UPDATE settlement_line SET fee = 9 WHERE number = 3"),
    ],
)
def test_prove_notices_what_breaks_a_correction(bench, torn, desk, hub, law, statement) -> None:
    proposed = bench.done(torn, "correct", {"rows": [bench.row(3, reference="B", amount=2_500)]})
    bench.decide(proposed["proposal"])
    desk.carry_out()
    wanted = [each for each in LAWS if each.name == law]
    assert all(proven.holds and proven.checked for proven in prove(hub.db.engine, wanted))
    with hub.db.engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text(statement))
    assert not next(prove(hub.db.engine, wanted)).holds
