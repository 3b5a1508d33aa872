"""Agencies that end, their heirs, and codes that come back: one file brings it about, and money finds its way on every day."""

from __future__ import annotations

import time
from datetime import date

import pytest

from payhub.agencies.service import successor_in_force

OLD = "000.00.00.H48"
NEW = {"code": "000.00.00.H99", "name_vi": "Tỉnh mới", "name_en": "New province", "chapter": "405", "valid_from": "2027-01-01"}
MERGED = {"valid_to": "2027-01-01", "successor": NEW["code"]}


@pytest.fixture
def collects(hub):
    """The agency that collects for a code on a day."""

    def named(code: str, on: str) -> str | None:
        registers = hub.cache.fresh()
        found = successor_in_force(registers, registers.agencies[code], date.fromisoformat(on))
        return found and found.code

    return named


def codes(found):
    return [code for _, _, code in found]


def test_an_agency_ends_and_its_heir_begins_by_one_file(agree, edited, collects) -> None:
    agree("agencies", edited("agencies", NEW, **{OLD: MERGED}))
    assert [collects(OLD, day) for day in ("2026-12-31", "2027-01-01")] == [OLD, NEW["code"]]


def test_a_new_agency_with_two_rows_and_an_heir_of_its_own_comes_by_one_file(agree, edited, collects) -> None:
    renamed = {**NEW, "name_vi": "Tên khác", "valid_from": "2028-01-01", "valid_to": "2029-01-01", "successor": OLD}
    agree("agencies", edited("agencies", {**NEW, "valid_to": "2028-01-01"}, renamed))
    assert [collects(NEW["code"], day) for day in ("2027-06-01", "2028-06-01", "2029-01-01")] == [NEW["code"], NEW["code"], OLD]


def test_until_a_code_comes_back_its_heir_collects(agree, edited, collects) -> None:
    again = {"code": "000.00.00.G04", "name_vi": "Bộ Giao thông", "name_en": "Ministry of Transport", "chapter": "021", "valid_from": "2028-01-01"}
    agree("agencies", edited("agencies", again))
    days = ("2025-02-28", "2026-11-20", "2027-12-31", "2028-01-01")
    assert [collects("000.00.00.G04", day) for day in days] == ["000.00.00.G04", "000.00.00.G17", "000.00.00.G17", "000.00.00.G04"]


def test_nobody_collects_for_an_agency_that_has_not_begun(agree, edited, collects) -> None:
    agree("agencies", edited("agencies", {**NEW, "valid_to": "2028-01-01", "successor": OLD}))
    assert [collects(NEW["code"], day) for day in ("2026-12-31", "2027-01-01", "2028-01-01")] == [None, NEW["code"], OLD]


def test_an_heir_that_is_still_needed_is_not_taken_back(agree, edited, wrong) -> None:
    agree("agencies", edited("agencies", NEW))
    agree("agencies", edited("agencies", **{OLD: {**MERGED, "valid_to": "2027-06-01"}}))
    withdrawn = edited("agencies", **{NEW["code"]: {"valid_to": "2027-01-01"}})
    assert codes(wrong("agencies", withdrawn)) == ["successor_not_in_force"]


def test_an_agency_that_was_taken_back_is_nobodys_heir(agree, edited, wrong) -> None:
    agree("agencies", edited("agencies", NEW))
    agree("agencies", edited("agencies", **{NEW["code"]: {"valid_to": "2027-01-01"}}))
    assert codes(wrong("agencies", edited("agencies", **{OLD: MERGED}))) == ["successor_not_in_force"]


def test_every_successor_a_code_ever_had_counts_for_a_cycle(edited, wrong, file) -> None:
    # As the database sees it: what came after the first row counts although the second has another.
    rows = [
        {**NEW, "valid_to": "2028-01-01", "successor": "000.00.00.H98"},
        {**NEW, "valid_from": "2029-01-01", "valid_to": "2030-01-01", "successor": "000.00.00.G15"},
        {**NEW, "code": "000.00.00.H98", "valid_to": "2029-06-01", "successor": NEW["code"]},
    ]
    assert codes(wrong("agencies", file("agencies", *rows))) == ["successor_cycle"] * 3


def test_a_circle_of_twenty_thousand_is_checked_in_bounded_time_and_told_to_a_person(planned, file) -> None:
    count = 20_000
    ended = {"name_vi": "x", "name_en": "x", "chapter": "405", "valid_from": "2000-01-01"}
    chain = [{**ended, "code": f"X{n}", "valid_to": f"{2001 + n * 900 // count}-01-01", "successor": f"X{(n + 1) % count}"} for n in range(count)]
    body = file("agencies", *chain)
    began = time.perf_counter()
    problems = [each for each in planned("agencies", body).problems if each.code == "successor_cycle"]
    assert time.perf_counter() - began < 20
    assert len(problems) == count
    assert all(len(each.text.en) < 300 for each in problems)
