"""What the free text of a bank's line holds: payouts by name, codes of attempts. Nothing else of it is kept in the open."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from payhub.ids import is_code

_CODE = re.compile(r"(?<![0-9A-Z])PH[0-9A-Z]{10}[0-9]{2}(?![0-9A-Z])")
_APART = re.compile(r"[^0-9A-Z]+")
_SHORTEST, _LONG = 4, 8
"""A name of fewer letters and digits stands in any text by chance; only a long one is looked for across gaps."""


def names_in(text: str, references: Iterable[str]) -> set[str]:
    """Return which of these names stand in a text.

    Banks write in capitals, drop signs and break lines where they like: signs and spaces within a long name do not count. What
    stands beside the name must not go on with letters or digits.
    """
    upper = text.upper()
    joined = _APART.sub("", upper)
    return {reference for reference in references if _letters(reference) in joined and _stands(reference, upper)}


def codes_in(text: str) -> list[str]:
    """Return the codes of attempts in a text, their check digits being right."""
    return sorted({found for found in _CODE.findall(text.upper()) if is_code(found)})


def holds(text: str, mark: str) -> bool:
    """Tell whether an account's mark stands in a text."""
    return _APART.sub(" ", mark.upper()).strip() in _APART.sub(" ", text.upper())


@lru_cache(maxsize=4096)
def _letters(reference: str) -> str:
    return _APART.sub("", reference.upper())


@lru_cache(maxsize=4096)
def _pattern(reference: str) -> re.Pattern[str] | None:
    letters = _letters(reference)
    if len(letters) < _SHORTEST:
        return None
    body = "[^0-9A-Z]*".join(letters) if len(letters) >= _LONG else re.escape(reference.upper())
    return re.compile(f"(?<![0-9A-Z]){body}(?![0-9A-Z])")


def _stands(reference: str, upper: str) -> bool:
    pattern = _pattern(reference)
    return pattern is not None and pattern.search(upper) is not None
