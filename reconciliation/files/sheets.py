"""The cells of one sheet as texts, the way a delimited file would have them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Context, Decimal, InvalidOperation

from reconciliation.errors import FormatWrong
from reconciliation.files.books import LONGEST_CELL, Book

UNREADABLE = "\N{REPLACEMENT CHARACTER}"
"""A number of more digits than a workbook keeps: the last ones are lost, and nothing may be made of the rest."""
_DIGITS = 15
_EXACT = Context(prec=_DIGITS)
_LONGEST_NUMBER = 40
_ROWS, _COLUMNS = 1_048_576, 16_384
_ZERO, _ZERO_1904 = datetime(1899, 12, 30), datetime(1904, 1, 1)  # noqa: DTZ001 - a sheet has local days
_LAST_DAY = 2_958_465


@dataclass(slots=True)
class Sheet:
    """Collects rows of a sheet as they pass; `moment` writes a date that stands in a column, None where serial numbers are read."""

    book: Book
    reach: int
    decimal: str
    moment: Callable[[int, datetime], str | None]
    rows: list[tuple[int, list[str]]] = field(default_factory=list)
    _row: list[str] = field(default_factory=list)
    _number: int = 0
    _place: int = -1
    _kind: str = "n"
    _style: int = 0
    _parts: list[str] = field(default_factory=list)
    _length: int = 0
    _reading: bool = False
    _sound: bool = False

    def begin(self, _namespace: str, name: str, attributes: dict[str, str]) -> None:
        """A row or a cell begins."""
        if name == "row":
            number = _whole(attributes["r"]) if "r" in attributes else self._number + 1
            if not self._number < number <= _ROWS:
                raise FormatWrong("dòng sai thứ tự", "rows out of order", row=self._number or None)
            self._number = number
            self._row, self._place = [""] * self.reach, -1
        elif name == "c":
            place = _place(attributes["r"]) if "r" in attributes else self._place + 1
            if not self._place < place < _COLUMNS:
                # Cells out of order could hide others from whoever opens the sheet, or from us.
                raise FormatWrong("ô sai thứ tự", "cells out of order", row=self._number)
            self._place = place
            self._kind, self._style = attributes.get("t", "n"), _whole(attributes.get("s", ""))
            self._parts, self._length = [], 0
        self._sound = self._sound or name == "rPh"
        # A formula is never computed: what the workbook shows is the value that was kept beside it.
        self._reading = name in {"v", "t"} and not self._sound and 0 <= self._place < self.reach

    def text(self, text: str) -> None:
        """Take a part of a cell's value."""
        if self._reading and self._length < LONGEST_CELL:
            self._parts.append(text)
            self._length += len(text)

    def end(self, name: str) -> None:
        """A cell or a row ends."""
        self._reading = False
        if name == "rPh":
            self._sound = False
        elif name == "c" and self._parts and self._row and 0 <= self._place < self.reach:
            self._row[self._place] = self._value("".join(self._parts)).strip()
        elif name == "row":
            self.rows.append((self._number, self._row))

    def _value(self, written: str) -> str:
        match self._kind:
            case "s":
                place = _whole(written)
                return self.book.texts[place] if place < len(self.book.texts) else UNREADABLE
            case "d":
                return self._iso(written)
            case "n":
                return self._number_text(written)
            case _:
                return written

    def _number_text(self, written: str) -> str:
        if written.isdigit() and written.isascii() and len(written) <= _DIGITS and self._style not in self.book.dates:
            return written.lstrip("0") or "0"
        try:
            found = Decimal(written) if len(written) <= _LONGEST_NUMBER else None
        except InvalidOperation:
            found = None
        if found is None or not found.is_finite() or found.adjusted() >= _DIGITS:
            return UNREADABLE
        if self._style in self.book.dates and 0 <= found < _LAST_DAY:
            shown = self.moment(self._place, self._from_serial(found))
            if shown is not None:
                return shown
        # Excel shows fifteen digits; what stands behind them is noise of binary fractions.
        exact = _EXACT.create_decimal(found)
        if exact.adjusted() < -_DIGITS:
            exact = Decimal(0)
        plain = f"{exact:f}"
        plain = plain.rstrip("0").rstrip(".") if "." in plain else plain
        return plain.replace(".", self.decimal or ".")

    def _from_serial(self, serial: Decimal) -> datetime:
        zero = _ZERO_1904 if self.book.from_1904 else _ZERO
        return zero + timedelta(seconds=int((serial * 86_400).to_integral_value()))

    def _iso(self, written: str) -> str:
        try:
            shown = self.moment(self._place, datetime.fromisoformat(written).replace(tzinfo=None))
        except ValueError:
            return UNREADABLE
        return written if shown is None else shown


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0


def _place(reference: str) -> int:
    """Return the place (from 0) of a cell such as C4, -1 where it says none."""
    letters = reference.rstrip("0123456789")
    if not 0 < len(letters) <= 3 or not (letters.isascii() and letters.isalpha() and letters.isupper()):
        return -1
    place = 0
    for letter in letters:
        place = place * 26 + ord(letter) - ord("A") + 1
    return place - 1
