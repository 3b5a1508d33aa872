"""A statement is taken whole or not at all, once; what it says is one movement each, whoever else tells it."""

from __future__ import annotations

import re
from datetime import date

import pytest

from payhub.errors import NotFound
from payhub.ids import new_code
from reconciliation.banking.errors import (
    BalanceMissing,
    DaysUnknown,
    NoNotifications,
    OtherAccount,
    StatementEmpty,
    StatementOverlaps,
)
from reconciliation.banking.statements import proven
from reconciliation.errors import StatementRefused

MONDAY, TUESDAY, WEDNESDAY = date(2026, 11, 23), date(2026, 11, 24), date(2026, 11, 25)
TABLES = ("statement", "statement_line", "bank_entry", "file_part", "discrepancy", "payout_naming")


def together(first: bytes, second: bytes) -> bytes:
    """Put the statements of two files into one."""
    [statement] = re.findall(rb"<Stmt>.*</Stmt>", second, re.DOTALL)
    return first.replace(b"</Stmt>", b"</Stmt>" + statement)


@pytest.mark.parametrize(
    ("told", "instead", "error"),
    [
        (rb">1005000<", b">1004000<", StatementRefused),
        (rb">OPBD<", b">ITBD<", BalanceMissing),
        (rb">CLBD<", b">ITBD<", BalanceMissing),
        (rb">1000000001<", b">1000000002<", OtherAccount),
        (rb"VND", b"USD", OtherAccount),
        (rb"(FrDtTm|ToDtTm)>2026-11-23", rb"\1>2026-11-22", DaysUnknown),
    ],
)
def test_what_is_not_ours_or_not_whole_is_refused_and_changes_nothing(desk, bank, told, instead, error) -> None:
    body = bank.write(bank.entry(5_000, "x"))
    before = desk.rows(*TABLES)
    with pytest.raises(error):
        bank.take(re.sub(told, instead, body))
    assert desk.rows(*TABLES) == before


def test_a_file_without_a_statement_is_refused(bank) -> None:
    with pytest.raises(StatementEmpty):
        proven([], [], "statement")


def test_only_accounts_of_the_register_have_statements(bank, rewrite) -> None:
    bank.account = "nobody"
    with pytest.raises(NotFound):
        bank.take(bank.write())
    bank.account = "thu-ho"
    rewrite("UPDATE bank_account SET notifications = NULL")
    with pytest.raises(NoNotifications):
        bank.take(bank.notice(), kind="notification")


def test_another_file_for_the_same_days_takes_the_place_of_the_first(desk, bank, rows) -> None:
    kept, dropped, new = bank.entry(5_000, "a"), bank.entry(7_000, "b"), bank.entry(9_000, "c")
    bank.take(bank.write(kept, dropped))
    bank.take(bank.write(kept, new))
    assert rows("SELECT superseded_by_id IS NULL FROM statement ORDER BY id") == [(False,), (True,)]
    assert rows("SELECT amount, state FROM bank_entry ORDER BY amount") == [(5_000, "open"), (7_000, "withdrawn"), (9_000, "open")]
    assert desk.count("statement_line") == 4


def test_a_statement_of_several_days_takes_the_place_of_all_of_them_and_of_no_part(bank, rows) -> None:
    bank.say(bank.entry(5_000, "a"), on=MONDAY)
    bank.say(bank.entry(6_000, "b", on=TUESDAY), on=TUESDAY)
    whole = [bank.entry(5_000, "a", reference="FT00000001"), bank.entry(6_000, "b", on=TUESDAY, reference="FT00000002")]
    bank.take(bank.write(*whole, opening=1_000_000, until=TUESDAY))
    assert rows("SELECT from_on, to_on FROM statement WHERE superseded_by_id IS NULL") == [(MONDAY, TUESDAY)]
    assert rows("SELECT state, count(*) FROM bank_entry GROUP BY 1") == [("open", 2)]
    with pytest.raises(StatementOverlaps):
        bank.take(bank.write(on=TUESDAY, until=WEDNESDAY))


def test_pages_of_one_day_are_one_statement(bank, rows) -> None:
    first = bank.write(bank.entry(5_000, "a"))
    second = bank.write(bank.entry(6_000, "b"), opening=1_005_000)
    bank.take(together(first, second))
    assert rows("SELECT from_on, to_on, opening, closing, line_count FROM statement") == [(MONDAY, MONDAY, 1_000_000, 1_011_000, 2)]
    with pytest.raises(StatementRefused) as refused:
        bank.take(together(second, first))
    assert refused.value.facts == {"reason": "balance_differs", "declared": 1_000_000, "read": 1_011_000}


def test_several_days_in_one_file_are_several_statements(bank, rows) -> None:
    both = together(bank.write(bank.entry(5_000, "a")), bank.write(bank.entry(6_000, "b", on=TUESDAY), on=TUESDAY, opening=1_005_000))
    taken = bank.take(both)
    assert [row.from_on for row in taken.statements] == [MONDAY, TUESDAY]
    assert rows("SELECT count(DISTINCT file_id), count(*) FROM statement") == [(1, 2)]
    assert bank.take(both).already


def test_a_gap_is_told_and_ends_when_what_was_missing_comes(desk, bank) -> None:
    bank.quiet(MONDAY)
    bank.say(on=WEDNESDAY, opening=1_007_000)
    assert desk.disputes() == {"statement_gap thu-ho/statement/2026-11-25": 7_000}
    bank.say(bank.entry(7_000, "x", on=TUESDAY), on=TUESDAY, opening=1_000_000)
    assert desk.disputes() == {}


def test_lines_alike_in_everything_are_told_apart_by_their_order(bank, rows) -> None:
    alike = [bank.entry(5_000, "phi", reference=None) for _ in range(2)]
    bank.say(*alike, bank.entry(5_000, "phi", reference="FT1"), bank.entry(-5_000, "phi", reference="FT1"))
    assert rows("SELECT count(*), count(DISTINCT identity) FROM bank_entry") == [(4, 4)]


def test_a_movement_told_by_both_is_one_and_the_statements_word_counts(bank, rows) -> None:
    entries = [bank.entry(5_000, "phi", reference=None), bank.entry(6_000, "khac", reference="FT77"), bank.entry(8_000, "x", reference="FT78")]
    bank.take(bank.notice(*entries), kind="notification")
    assert rows("SELECT state, count(*) FROM bank_entry GROUP BY 1") == [("unproven", 3)]
    bank.take(bank.write(*entries[:2]))
    assert rows("SELECT state, count(*) FROM bank_entry GROUP BY 1 ORDER BY 1") == [("open", 2), ("unproven", 1)]
    assert rows("SELECT count(*) FROM statement_line") == [(5,)]


def test_where_the_notification_is_the_authority_the_statement_corroborates(desk, bank, rows, rewrite) -> None:
    rewrite("UPDATE bank_account SET authority = 'notification' WHERE code = 'thu-ho'")
    desk.settle([desk.row_of(desk.pay())])
    entry = bank.entry(200_000, desk.payout)
    bank.take(bank.write(entry))
    assert rows("SELECT state FROM payout_state") == [("awaited",)]
    bank.take(bank.notice(entry), kind="notification")
    assert rows("SELECT state FROM payout_state") == [("banked",)]


def test_the_words_of_a_line_are_sealed(bank, rows, hub) -> None:
    bank.say(bank.entry(5_000, "NGUYEN THI MAI nop phi PH7K2M9QX4TB31", payer="0912345678"))
    [(text,)] = rows("SELECT text FROM statement_line")
    assert b"MAI" not in bytes(text)
    everything = str(rows("SELECT to_jsonb(l) - 'text', to_jsonb(e), to_jsonb(s) FROM statement_line l, bank_entry e, statement s"))
    assert "MAI" not in everything
    assert "0912345678" not in everything


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE statement SET closing = closing + 1, line_sum = line_sum + 1",
        "DELETE FROM statement_line",
        "UPDATE statement_line SET amount = 1",
        "UPDATE statement_line SET codes = '{}'",
        "UPDATE bank_entry SET amount = 1",
        "DELETE FROM bank_entry",
        "UPDATE gateway_payout SET lines = 9",
        "DELETE FROM payout_state",
        "TRUNCATE statement_line CASCADE",
    ],
)
def test_what_was_said_stays(desk, bank, hub, statement) -> None:
    from sqlalchemy import text
    from sqlalchemy.exc import IntegrityError

    desk.settle([desk.row_of(desk.pay())])
    bank.say(bank.entry(200_000, f"{desk.payout} {new_code()}"))
    with pytest.raises(IntegrityError), hub.db.engine.begin() as connection:
        connection.execute(text(statement))


def test_words_are_destroyed_with_the_records_of_their_year(desk, bank, hub, rows) -> None:
    from datetime import UTC, datetime

    from payhub.people.terms import People
    from reconciliation.personal import HOLDERS

    desk.settle([desk.row_of(desk.pay())])
    bank.say(bank.entry(200_000, desk.payout))
    for year, left in ((2036, 1), (2037, 0)):
        with hub.db.session() as session:
            for holder in HOLDERS:
                holder.sweep(session, People(), datetime(year, 6, 1, tzinfo=UTC), 100)
        assert rows("SELECT count(text) FROM statement_line") == [(left,)]
        assert rows("SELECT count(body) FROM file_part") == [(2 * left,)]
