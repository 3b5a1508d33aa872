"""Checked numbers and codes."""

from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from payhub import ids


def test_a_reference_is_twelve_digits_that_check() -> None:
    made = {ids.new_reference() for _ in range(500)}
    assert len(made) == 500
    assert all(ids.is_reference(reference) for reference in made)


def test_damm_gives_the_published_example() -> None:
    assert ids.damm_digit("572") == "4"


@given(st.integers(10**10, 10**11 - 1), st.integers(0, 11), st.integers(1, 9))
def test_one_wrong_digit_is_always_noticed(number: int, place: int, shift: int) -> None:
    good = str(number) + ids.damm_digit(str(number))
    wrong = good[:place] + str((int(good[place]) + shift) % 10) + good[place + 1 :]
    assert not ids.is_reference(wrong)


@given(st.integers(10**10, 10**11 - 1), st.integers(0, 10))
def test_two_neighbours_swapped_are_always_noticed(number: int, place: int) -> None:
    good = str(number) + ids.damm_digit(str(number))
    swapped = good[:place] + good[place + 1] + good[place] + good[place + 2 :]
    assert swapped == good or not ids.is_reference(swapped)


def test_a_code_is_checked_and_spells_nothing() -> None:
    for _ in range(200):
        code = ids.new_code()
        assert ids.is_code(code)
        assert not set("AEIOUY") & set(code[2:])
        for place in range(2, 14):
            alike = "01" if code[place].isdigit() else "BC"
            other = alike[0] if code[place] != alike[0] else alike[1]
            assert not ids.is_code(code[:place] + other + code[place + 1 :])


@given(st.uuids())
def test_public_ids_come_back_and_keep_the_modes_apart(value: uuid.UUID) -> None:
    for mode, other in (("live", "test"), ("test", "live")):
        text = ids.public_id("pay", value, mode)
        assert ids.read_public_id("pay", text, mode) == value
        assert ids.read_public_id("pay", text, other) is None
        assert ids.read_public_id("ref", text, mode) is None


def test_new_ids_sort_by_time() -> None:
    made = [ids.new_id() for _ in range(1000)]
    assert made == sorted(made)
    assert {value.version for value in made} == {7}
