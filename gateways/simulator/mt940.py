"""A bank's statement of a day as MT940: the tags of the message, without the envelope of a network."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from gateways.simulator.bank import Entry, EntryKind, Statement

_LINE, _LINES = 65, 6
_STRANGE = re.compile(r"[^0-9A-Za-z/?:().,'+ -]")
_TYPES = {EntryKind.TRANSFER: "NTRF", EntryKind.RETURNED: "NRTI", EntryKind.CHARGE: "NCHG"}


def mt940(statement: Statement) -> bytes:
    """Write a day's statement; lines end with CRLF."""
    day, account = f"{statement.day:%y%m%d}", statement.account["account"]
    rows = [
        f":20:ST{day}{account[-8:]}",
        f":25:{account}",
        f":28C:{statement.day:%j}/1",
        f":60F:{_balance(day, statement.opening)}",
        *(row for entry in statement.entries for row in _entry(entry)),
        f":62F:{_balance(day, statement.closing)}",
    ]
    return "".join(f"{row}\r\n" for row in rows).encode("ascii")


def plain(text: str) -> str:
    """Write text in the characters that the network takes: no accents, and a full stop for whatever it lacks."""
    decomposed = unicodedata.normalize("NFD", text.replace("đ", "d").replace("Đ", "D"))
    # A text of accents alone leaves nothing, and there is no empty line.
    return _STRANGE.sub(".", "".join(letter for letter in decomposed if not unicodedata.combining(letter))) or "."


def _entry(entry: Entry) -> Iterator[str]:
    mark = "C" if entry.amount > 0 else "D"
    # A credit taken back is no debit of its own kind, and the other way round.
    mark = {"D": "RC", "C": "RD"}[mark] if entry.kind is EntryKind.RETURNED else mark
    dates = f"{entry.value_on:%y%m%d}{entry.booked_on:%m%d}"
    yield f":61:{dates}{mark}{abs(entry.amount)},{_TYPES[entry.kind]}NONREF//{entry.reference}"
    first, *more = _folded(plain(entry.text))
    yield f":86:{first}"
    yield from more


def _folded(text: str) -> list[str]:
    """Break text into lines, none of which begins as a tag or the end of a message does."""
    lines: list[str] = []
    while text and len(lines) < _LINES:
        end = min(_LINE, len(text))
        while end > 1 and text[end : end + 1] in {":", "-"}:
            end -= 1
        lines.append(text[:end])
        text = text[end:]
    return lines


def _balance(day: str, amount: int) -> str:
    return f"{'C' if amount >= 0 else 'D'}{day}VND{abs(amount)},"
