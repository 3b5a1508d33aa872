"""What a settlement's first run says of all its lines at once, and what is said of one line."""

from __future__ import annotations

from datetime import timedelta

from gateways.base import Outcome
from reconciliation.proofs import of_payment

ONE = timedelta(days=1)


def test_a_first_run_writes_of_what_agrees_nothing_line_by_line_and_proves_it_all(desk, rows) -> None:
    attempts = [desk.pay() for _ in range(3)]
    late = desk.pay(on=desk.day - 5 * ONE)
    desk.settle([*map(desk.row_of, attempts), desk.row_of(late), desk.row("X", 1_000)])
    assert rows("SELECT number FROM line_apart ORDER BY 1") == [(5,), (6,)]
    assert rows("SELECT number, holds FROM proof_apart") == [(5, True)]
    assert rows("SELECT number, holds FROM proof ORDER BY 1") == [(2, True), (3, True), (4, True), (5, True)]


def test_what_was_said_at_once_is_taken_back_line_by_line_and_no_second_time(desk, hub, rows) -> None:
    stays, goes = desk.pay(), desk.pay()
    imported = desk.settle([desk.row_of(stays), desk.row_of(goes)])
    desk.say(goes, Outcome.REVERSED)
    for _ in range(2):
        desk.again(imported)
        assert rows("SELECT number, holds FROM proof_apart") == [(3, False)]
        assert rows("SELECT holds, count(*) FROM proof GROUP BY 1 ORDER BY 1") == [(False, 1), (True, 2)]
    with hub.db.session() as session:
        reported = {attempt.id: of_payment(session, attempt.payment_id).reported for attempt in (stays, goes)}
    assert (reported[goes.id], reported[stays.id] is not None) == (None, True)


def test_lines_found_by_the_gateways_number_are_said_one_by_one(desk, rows) -> None:
    attempt = desk.pay()
    imported = desk.settle([desk.row_of(attempt, reference="", transaction=f"T{attempt.reference}")])
    desk.again(imported)
    assert rows("SELECT count(*) FROM line_apart") == [(0,)]
    assert rows("SELECT count(*) FROM proof_apart") == rows("SELECT count(*) FROM proof") == [(1,)]
