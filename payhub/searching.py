"""Finding in the registers what a person half remembers: words without their accents, and pages in the order of codes."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, TypeVar

Row = TypeVar("Row", bound=Any)


@lru_cache(maxsize=65_536)
def folded(text: str) -> str:
    """Return a text as it is typed without a Vietnamese keyboard: no accents, đ as d, small letters."""
    apart = unicodedata.normalize("NFD", text.casefold().replace("đ", "d"))
    return "".join(letter for letter in apart if not unicodedata.combining(letter))


def finds(words: str | None, *texts: str | None) -> bool:
    """Tell whether every word, in whatever order, is in the texts; no words are in any."""
    among = " ".join(folded(text) for text in texts if text)
    return all(word in among for word in folded(words or "").split())


def page(rows: Iterable[Row], limit: int, cursor: str | None) -> tuple[Sequence[Row], str | None]:
    """Return a page of rows by code, those after the code `cursor`, and the cursor of the next page."""
    waiting = sorted((row for row in rows if cursor is None or row.code > cursor), key=lambda row: str(row.code))
    shown = waiting[:limit]
    return shown, shown[-1].code if len(waiting) > limit else None
