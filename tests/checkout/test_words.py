"""Amounts as a citizen reads them: in figures and in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payhub.checkout.pages import money
from payhub.checkout.words import in_words, vietnamese
from payhub.money import MAX_AMOUNT

_DIGITS = {
    "không": 0,
    "một": 1,
    "mốt": 1,
    "hai": 2,
    "ba": 3,
    "bốn": 4,
    "tư": 4,
    "năm": 5,
    "lăm": 5,
    "sáu": 6,
    "bảy": 7,
    "tám": 8,
    "chín": 9,
}
_SCALES = {"nghìn": 10**3, "triệu": 10**6}


def _number(words: list[str]) -> int:
    """Read words back: what an official does who compares them with the figures."""
    if "tỷ" in words:
        last = len(words) - 1 - words[::-1].index("tỷ")
        return _number(words[:last]) * 10**9 + _number(words[last + 1 :])
    total, group = 0, []
    for word in words:
        if word in _SCALES:
            total, group = total + _group(group) * _SCALES[word], []
        else:
            group.append(word)
    return total + _group(group)


def _group(words: list[str]) -> int:
    value = digit = 0
    for word in words:
        match word:
            case "trăm":
                value, digit = value + digit * 100, 0
            case "mươi":
                value, digit = value + digit * 10, 0
            case "mười":
                value += 10
            case "linh":
                pass
            case _:
                digit = _DIGITS[word]
    return value + digit


@given(st.integers(0, MAX_AMOUNT) | st.integers(0, 10**4) | st.integers(0, 10**6).map(lambda n: n * 10**9))
def test_words_read_back_are_the_number(number: int) -> None:
    assert _number(vietnamese(number).split()) == number


@given(st.integers(1, MAX_AMOUNT))
def test_words_have_no_gaps_and_begin_with_no_nought(number: int) -> None:
    words = vietnamese(number).split(" ")
    assert "" not in words
    assert words[0] not in {"không", "linh", "trăm", "mươi"}
    assert words.count("linh") + words.count("trăm") <= 2 * 6


@given(st.integers(0, MAX_AMOUNT))
def test_both_languages_begin_with_a_capital_and_end_with_the_unit(number: int) -> None:
    for language, unit in (("vi", " đồng"), ("en", " dong")):
        said = in_words(number, language)
        assert said.endswith(unit)
        assert said[0].isupper()
        assert said[1:] == said[1:].lower()


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        (0, "Không đồng"),
        (5, "Năm đồng"),
        (10, "Mười đồng"),
        (15, "Mười lăm đồng"),
        (14, "Mười bốn đồng"),
        (21, "Hai mươi mốt đồng"),
        (24, "Hai mươi tư đồng"),
        (55, "Năm mươi lăm đồng"),
        (101, "Một trăm linh một đồng"),
        (111, "Một trăm mười một đồng"),
        (1_000, "Một nghìn đồng"),
        (8_000, "Tám nghìn đồng"),
        (10_005, "Mười nghìn không trăm linh năm đồng"),
        (75_000, "Bảy mươi lăm nghìn đồng"),
        (100_500, "Một trăm nghìn năm trăm đồng"),
        (150_000, "Một trăm năm mươi nghìn đồng"),
        (200_000, "Hai trăm nghìn đồng"),
        (1_005_000, "Một triệu không trăm linh năm nghìn đồng"),
        (1_234_567, "Một triệu hai trăm ba mươi tư nghìn năm trăm sáu mươi bảy đồng"),
        (21_000_000, "Hai mươi mốt triệu đồng"),
        (1_000_000_005, "Một tỷ không trăm linh năm đồng"),
        (2_390_000_000_000, "Hai nghìn ba trăm chín mươi tỷ đồng"),
        (10**15, "Một triệu tỷ đồng"),
    ],
)
def test_known_amounts(amount: int, said: str) -> None:
    assert in_words(amount, "vi") == said


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        (0, "Zero dong"),
        (8_000, "Eight thousand dong"),
        (150_000, "One hundred and fifty thousand dong"),
        (1_234_567, "One million two hundred and thirty-four thousand five hundred and sixty-seven dong"),
        (10**15, "One thousand trillion dong"),
    ],
)
def test_known_amounts_in_english(amount: int, said: str) -> None:
    assert in_words(amount, "en") == said


def test_figures_have_dots_between_thousands_and_keep_their_unit() -> None:
    assert money(1_234_567) == "1.234.567\N{NO-BREAK SPACE}đồng"
    assert money(500) == "500\N{NO-BREAK SPACE}đồng"
