"""Amounts in words, as Vietnamese papers of value write them beside the figures."""

from __future__ import annotations

_DIGITS = ("không", "một", "hai", "ba", "bốn", "năm", "sáu", "bảy", "tám", "chín")
_LAST = {1: "mốt", 4: "tư", 5: "lăm"}
"""How these sound as the last digit after twenty and above."""
_BILLION = 10**9

_SMALL = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SCALES = ((10**12, "trillion"), (_BILLION, "billion"), (10**6, "million"), (10**3, "thousand"))


def in_words(amount: int, language: str) -> str:
    """Write a number of đồng in words, 0 and above: Một trăm năm mươi nghìn đồng."""
    words = f"{english(amount)} dong" if language == "en" else f"{vietnamese(amount)} đồng"
    return words[0].upper() + words[1:]


def vietnamese(number: int) -> str:
    """Read a number: một triệu không trăm linh năm nghìn."""
    return " ".join(_read(number, inside=False)) or _DIGITS[0]


def _read(number: int, *, inside: bool) -> list[str]:
    """Read a number up to tỷ and again above it; `inside` a larger one the first group is read with its hundreds too."""
    if number >= _BILLION:
        head, tail = divmod(number, _BILLION)
        return [*_read(head, inside=inside), "tỷ", *_read(tail, inside=True)]
    words: list[str] = []
    for scale, name in ((10**6, "triệu"), (10**3, "nghìn"), (1, "")):
        group = number // scale % 1000
        if group:
            words += [*_group(group, whole=inside or bool(words)), *filter(None, [name])]
    return words


def _group(group: int, *, whole: bool) -> list[str]:
    """Read three digits; the hundreds and the gap after them (`linh`) are said only where something stands before."""
    hundreds, rest = divmod(group, 100)
    tens, ones = divmod(rest, 10)
    words = [_DIGITS[hundreds], "trăm"] if hundreds or whole else []
    if tens == 0:
        return words + ([*(["linh"] if words else []), _DIGITS[ones]] if ones else [])
    words += ["mười"] if tens == 1 else [_DIGITS[tens], "mươi"]
    if ones:
        words.append("lăm" if ones == 5 else _DIGITS[ones] if tens == 1 else _LAST.get(ones, _DIGITS[ones]))
    return words


def english(number: int) -> str:
    """Read a number: one million five thousand."""
    for scale, name in _SCALES:
        if number >= scale:
            head, tail = divmod(number, scale)
            return f"{english(head)} {name}" + (f" {english(tail)}" if tail else "")
    if number >= 100:
        head, tail = divmod(number, 100)
        return f"{_SMALL[head]} hundred" + (f" and {english(tail)}" if tail else "")
    if number >= len(_SMALL):
        head, tail = divmod(number, 10)
        return _TENS[head - 2] + (f"-{_SMALL[tail]}" if tail else "")
    return _SMALL[number]
