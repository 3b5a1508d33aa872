"""Settlements of more than a day, and of more lines than share a table."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from payhub.crypto import Sealed
from payhub.sealed import context_of
from reconciliation import errors, received, settlements
from reconciliation.models import FilePart, Settlement
from reconciliation.settlements import import_settlement
from reconciliation.totals import agency_totals, grand

ONE = timedelta(days=1)


@pytest.fixture(params=["shared", "own"])
def part(request, monkeypatch):
    """Where lines go: in truth the size of the file decides, 16 MiB, which is too much for every run of the tests."""
    if request.param == "own":
        monkeypatch.setattr(settlements, "LARGE", 1)
    return request.param


@pytest.fixture
def take(desk):
    """Import rows for several days and carry out what follows."""

    def taken(rows, first, last):
        imported = import_settlement(desk.hub, desk.account, first, "month.csv", desk.write(rows), last)
        desk.carry_out()
        return imported

    return taken


def reported(hub, on):
    with hub.db.session() as session:
        return [total.reported for total in grand(agency_totals(session, on))]


def test_a_file_of_several_days_proves_each_payment_on_its_own_day(desk, hub, take, part) -> None:
    days = [desk.day - number * ONE for number in range(3)]
    paid = [desk.pay(on=day) for day in days]
    missing = desk.pay(on=days[1])
    imported = take([desk.row_of(each) for each in paid], days[2], days[0])
    assert (imported.settlement.part > 0) == (part == "own")
    assert desk.classes(days[2]) == {"matched": 3, "missing_at_gateway": 1}
    assert desk.disputes() == {f"missing_at_gateway payment/{missing.reference}": 200_000}
    assert [reported(hub, day) for day in days] == [[200_000]] * 3
    with hub.db.session() as session:
        assert session.scalars(text('SELECT "on" FROM discrepancy')).all() == [days[1]]
        assert session.scalars(text("SELECT proved_on FROM proof ORDER BY 1")).all() == sorted(days)


def test_what_a_file_lists_twice_is_found_in_either_table_and_again_by_a_later_run(desk, rows, take, part) -> None:
    twice, once, nameless = (desk.pay() for _ in range(3))
    unnamed = desk.row_of(nameless, reference="", transaction=f"T{nameless.reference}")
    listed = [desk.row_of(twice), desk.row_of(once), unnamed, desk.row_of(twice), desk.row_of(nameless, transaction="OTHER")]
    imported = take(listed, desk.day, desk.day)
    assert (imported.settlement.part > 0) == (part == "own")
    for _ in range(2):
        assert desk.classes() == {"matched": 3, "duplicate_at_gateway": 2}
        assert rows("SELECT sum(amount) FROM run_total") == [(600_000,)]
        assert rows("SELECT number FROM line_apart ORDER BY 1") == [(2,), (5,), (6,)]
        desk.again(imported)


def test_a_file_takes_the_place_of_those_whose_days_it_covers(desk, hub, take, part) -> None:
    first, second = desk.pay(on=desk.day - ONE), desk.pay()
    desk.settle([desk.row_of(first, amount=1)], desk.day - ONE)
    desk.settle([desk.row_of(second)])
    take([desk.row_of(first), desk.row_of(second)], desk.day - ONE, desk.day)
    assert desk.disputes() == {}
    assert [reported(hub, day) for day in (desk.day - ONE, desk.day)] == [[200_000], [200_000]]
    with hub.db.session() as session:
        (current,) = session.scalars(select(Settlement).where(Settlement.superseded_by_id.is_(None)))
    assert (current.period_on, current.until_on) == (desk.day - ONE, desk.day)


def test_a_file_that_covers_some_of_anothers_days_is_refused(desk, take) -> None:
    take([], desk.day - 2 * ONE, desk.day - ONE)
    before = desk.rows()
    with pytest.raises(errors.PeriodOverlaps) as refused:
        take([], desk.day - ONE, desk.day)
    assert refused.value.facts["first"] == str(desk.day - 2 * ONE)
    with pytest.raises(errors.PeriodWrong):
        take([], desk.day, desk.day - ONE)
    with pytest.raises(errors.PeriodWrong):
        take([], desk.day, desk.day + 400 * ONE)
    assert desk.rows() == before


def test_large_and_small_files_know_of_each_others_lines(desk, monkeypatch, take) -> None:
    attempt, other = desk.pay(), desk.pay(on=desk.day + ONE)
    desk.settle([desk.row_of(attempt)])
    monkeypatch.setattr(settlements, "LARGE", 1)  # as above
    take([desk.row_of(attempt), desk.row_of(other)], desk.day + ONE, desk.day + 2 * ONE)
    assert desk.classes(desk.day + ONE) == {"duplicate_at_gateway": 1, "matched": 1}
    monkeypatch.setattr(settlements, "LARGE", 10**9)
    desk.settle([desk.row_of(other, on=desk.day + 3 * ONE)], desk.day + 3 * ONE)
    assert desk.classes(desk.day + 3 * ONE) == {"duplicate_at_gateway": 1}


def test_a_table_of_its_own_is_as_closed_as_the_shared_one(desk, hub, take, monkeypatch) -> None:
    monkeypatch.setattr(settlements, "LARGE", 1)  # as above
    part = take([desk.row_of(desk.pay())], desk.day, desk.day).settlement.part
    for statement in (
        "UPDATE settlement_line SET amount = 1",
        "DELETE FROM settlement_line",
        f"TRUNCATE parts.settlement_line_{part}",
    ):
        with pytest.raises(DBAPIError, match="append-only"), hub.db.session() as session:
            session.execute(text(statement))


def test_a_refused_file_leaves_no_table_behind(desk, hub, monkeypatch) -> None:
    monkeypatch.setattr(settlements, "LARGE", 1)  # as above
    with pytest.raises(errors.CountDiffers):
        desk.take(desk.write([desk.row_of(desk.pay())], count=7))
    with hub.db.session() as session:
        assert session.scalars(
            text("SELECT relname FROM pg_class WHERE relnamespace = 'parts'::regnamespace AND relkind = 'r'")
        ).all() == ["settlement_line_0"]


def test_a_file_is_kept_in_pieces_that_are_the_file(desk, hub, monkeypatch) -> None:
    # The real ones are of half a mebibyte.
    monkeypatch.setattr(received, "PIECE", 100)
    body = desk.write([desk.row_of(desk.pay()) for _ in range(3)])
    imported = desk.take(body)
    with hub.db.session() as session:
        pieces = session.scalars(
            select(FilePart).where(FilePart.file_id == imported.settlement.id).order_by(FilePart.ordinal)
        ).all()
    assert len(pieces) > 3
    assert pieces[0].id == imported.settlement.id
    opened = [hub.keyring.open(Sealed(each.body_key, each.body), context_of("file_part", id=each.id)) for each in pieces]
    assert b"".join(opened) == body
