"""What a settlement's first run says of all its lines at once, and what is said of one line."""

from __future__ import annotations

from datetime import timedelta

import pytest

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


@pytest.mark.parametrize("payouts", [("", "", ""), ("A", "A", "A"), ("A", "A", "B"), ("A", "A", "")])
def test_what_is_proven_is_told_apart_by_the_payouts_that_the_file_names(desk, rows, payouts) -> None:
    free = {"fee": "LP-LLTP", "agency": "000.00.00.G15", "relief": "TRE-EM"}
    paid = {"fee": "P-CONGCHUNG-HD", "agency": "000.00.00.G15", "declared_value": 10**9}
    attempts = [desk.pay(lines=[paid, free]), desk.pay(on=desk.day + ONE), desk.pay()]
    listed = [desk.row_of(attempt, payout=payout, on=desk.day) for attempt, payout in zip(attempts, payouts, strict=True)]
    desk.settle([*listed, desk.row("X", 1_000, payout="C")])
    wanted = dict.fromkeys(payouts, 0)
    for attempt, payout in zip(attempts, payouts, strict=True):
        wanted[payout] += attempt.amount
    assert dict(rows("SELECT payout, sum(amount) FROM run_total GROUP BY 1")) == wanted
    assert desk.classes() == {"matched": 3, "missing_at_hub": 1}


def test_a_line_without_a_reference_that_means_a_payment_listed_by_its_own_is_a_second_one(desk, rows) -> None:
    attempt, other = desk.pay(), desk.pay()
    nameless = desk.row_of(attempt, reference="", transaction=f"T{attempt.reference}")
    imported = desk.settle([desk.row_of(attempt, transaction="OTHER"), desk.row_of(other), nameless])
    for _ in range(2):
        assert desk.classes() == {"matched": 2, "duplicate_at_gateway": 1}
        assert rows("SELECT sum(amount) FROM run_total") == [(400_000,)]
        assert rows("SELECT number, holds FROM proof ORDER BY 1") == [(2, True), (3, True)]
        desk.again(imported)
