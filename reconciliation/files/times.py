"""Columns of times: known one by one, or still as they were written and only turned into what somebody asks for."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timezone
from operator import itemgetter
from typing import Protocol

YEARS = range(1970, 2200)
"""A year outside is a slip of the pen, and an instant near the calendar's end cannot be told in UTC."""
_WIDTHS = {"yyyy": 4, "MM": 2, "dd": 2, "HH": 2, "mm": 2, "ss": 2}
_TOKENS = re.compile(f"({'|'.join(_WIDTHS)})")
_CLOCKS = ("HH:mm:ss", "HH:mm", "HHmmss", "HHmm", "")
_TO_ZEROS = bytes.maketrans(b"123456789", b"000000000")
_TWOS = bytes.maketrans(b"0123456789", b"\0\0\1\0\0\0\0\0\0\0")
_OVER_THREE = bytes.maketrans(b"0123456789", b"\0\0\0\0\1\1\1\1\1\1")
_KEPT_DAYS = 10_000


class Times(Protocol):
    """A column of times."""

    def instants(self) -> list[datetime | None]:
        """Return the instants; None where the file has days without times."""

    def days(self) -> list[date]:
        """Return the day of each, where the file was written."""

    def instant_texts(self) -> list[str]:
        """Return the instants as PostgreSQL reads them; empty where the file has days without times."""

    def day_texts(self) -> list[str]:
        """Return the days as PostgreSQL reads them."""

    def spanned(self) -> Collection[date]:
        """Return the days that occur."""


@dataclass(frozen=True, slots=True)
class Known:
    """Times that were read one by one."""

    read: Sequence[datetime]
    has_time: bool

    def instants(self) -> list[datetime | None]:
        """Return the instants; None where the file has days without times."""
        return list(self.read) if self.has_time else [None] * len(self.read)

    def days(self) -> list[date]:
        """Return the day of each, where the file was written."""
        return [each.date() for each in self.read]

    def instant_texts(self) -> list[str]:
        """Return the instants as PostgreSQL reads them; empty where the file has days without times."""
        return [each.isoformat(" ") for each in self.read] if self.has_time else [""] * len(self.read)

    def day_texts(self) -> list[str]:
        """Return the days as PostgreSQL reads them."""
        return [each.date().isoformat() for each in self.read]

    def spanned(self) -> Collection[date]:
        """Return the days that occur."""
        return {each.date() for each in self.read}


class Layout:
    """A way to write times in which every part has its fixed place, so that a column can be looked at as one text."""

    def __init__(self, picture: str, zone: timezone, zone_text: str) -> None:
        self.zone, self.zone_text = zone, zone_text
        self._places: dict[str, int] = {}
        width, skeleton, parts = 0, "", _TOKENS.split(picture)
        for part in parts:
            if part in _WIDTHS:
                self._places[part] = width
            width += _WIDTHS.get(part, len(part))
            skeleton += "0" * _WIDTHS[part] if part in _WIDTHS else part
        self._stride, self._skeleton = width + 1, f"{skeleton}\n".encode()
        self._clock = _clock(picture)
        dated = [(self._places[name], _WIDTHS[name]) for name in ("yyyy", "MM", "dd") if name in self._places]
        self.day_slice = slice(min(start for start, _ in dated), max(start + wide for start, wide in dated))
        hour = self._places.get("HH", 0)
        self._clock_slice = slice(hour, hour + len(self._clock or ""))
        self.plain_clock = self._clock_slice if ":" in (self._clock or "") else None
        self._days: dict[str, date | None] = {}

    @classmethod
    def of(cls, picture: str, zone: timezone, zone_text: str) -> Layout | None:
        """Return the layout of a picture, or None where its parts have no fixed place or stand in another order."""
        left = _TOKENS.sub("", picture)
        if not picture.isascii() or re.search(r"[\dyMdHmsS]", left) or any(picture.count(name) > 1 for name in _WIDTHS):
            return None
        if not {"yyyy", "MM", "dd"} <= {*_TOKENS.findall(picture)} or _clock(picture) is None:
            return None
        layout = cls(picture, zone, zone_text)
        clocks = [place for name, place in layout._places.items() if name in {"HH", "mm", "ss"}]
        return None if any(layout.day_slice.start <= place < layout.day_slice.stop for place in clocks) else layout

    def read(self, written: Sequence[str]) -> Written | None:
        """Return a column as it is written, once it is certain that every time in it exists."""
        joined = "\n".join(written)
        if not joined.isascii():
            return None
        shown = f"{joined}\n".encode()
        if shown.translate(_TO_ZEROS) != self._skeleton * len(written) or (self._clock and not self._clocks_exist(shown)):
            return None
        days = {text: self._date(text) for text in self._days_in(written, shown)}
        known = {text: day for text, day in days.items() if day is not None}
        return Written(written, self, known) if len(known) == len(days) else None

    def _clocks_exist(self, shown: bytes) -> bool:
        def digits(name: str, place: int = 0) -> bytes:
            return shown[self._places[name] + place :: self._stride]

        if any(digits(name).translate(None, b"012345") for name in ("mm", "ss") if name in self._places):
            return False
        tens, ones = digits("HH"), digits("HH", 1)
        # All hours at once: one that begins with 2 and goes on with more than 3 has its bit in both.
        late = int.from_bytes(tens.translate(_TWOS), "big") & int.from_bytes(ones.translate(_OVER_THREE), "big")
        return not late and not tens.translate(None, b"012")

    def _days_in(self, written: Sequence[str], shown: bytes) -> Collection[str]:
        """Return the days that occur, as they are written: most often one, and then only the first need be cut out."""
        places = range(self.day_slice.start, self.day_slice.stop)
        if all(shown[place :: self._stride] == shown[place : place + 1] * len(written) for place in places):
            return [written[0][self.day_slice]]
        return set(map(itemgetter(self.day_slice), written))

    def _date(self, text: str) -> date | None:
        if text not in self._days:
            if len(self._days) >= _KEPT_DAYS:
                self._days.clear()
            first = self.day_slice.start
            year, month, day = (
                int(text[self._places[n] - first : self._places[n] - first + _WIDTHS[n]]) for n in ("yyyy", "MM", "dd")
            )
            try:
                self._days[text] = date(year, month, day) if year in YEARS else None
            except ValueError:
                self._days[text] = None
        return self._days[text]

    def clock_of(self, written: str) -> str:
        """Return the part of a time that tells the time of day, as HH:mm:ss or HH:mm."""
        clock = written[self._clock_slice]
        return clock if ":" in clock else ":".join(clock[place : place + 2] for place in range(0, len(clock), 2))

    @property
    def has_time(self) -> bool:
        """Whether the file tells the time of day."""
        return bool(self._clock)


@dataclass(frozen=True, slots=True)
class Written:
    """Times that are known to exist, as they were written."""

    written: Sequence[str]
    layout: Layout
    known: dict[str, date]
    """Every day as it is written."""

    def instants(self) -> list[datetime | None]:
        """Return the instants; None where the file has days without times."""
        if not self.layout.has_time:
            return [None] * len(self.written)
        known, zone, place, clock = self.known, self.layout.zone, self.layout.day_slice, self.layout.clock_of
        return [datetime.combine(known[text[place]], time.fromisoformat(clock(text)), zone) for text in self.written]

    def days(self) -> list[date]:
        """Return the day of each, where the file was written."""
        return [self.known[text[self.layout.day_slice]] for text in self.written]

    def instant_texts(self) -> list[str]:
        """Return the instants as PostgreSQL reads them; empty where the file has days without times."""
        if not self.layout.has_time:
            return [""] * len(self.written)
        begun = {text: f"{day.isoformat()} " for text, day in self.known.items()}
        place, ends, clock = self.layout.day_slice, self.layout.zone_text, self.layout.plain_clock
        if clock and len(begun) == 1:
            [day] = begun.values()
            return [f"{day}{text[clock]}{ends}" for text in self.written]
        if clock:
            return [f"{begun[text[place]]}{text[clock]}{ends}" for text in self.written]
        return [begun[text[place]] + self.layout.clock_of(text) + ends for text in self.written]

    def day_texts(self) -> list[str]:
        """Return the days as PostgreSQL reads them."""
        shown, place = {text: day.isoformat() for text, day in self.known.items()}, self.layout.day_slice
        if len(shown) == 1:
            return [*shown.values()] * len(self.written)
        return [shown[text[place]] for text in self.written]

    def spanned(self) -> Collection[date]:
        """Return the days that occur."""
        return set(self.known.values())


def _clock(picture: str) -> str | None:
    """Return the part of a picture that tells the time of day, or None where that is not one piece as ISO 8601 has it."""
    found = re.search("HH.*(?:mm|ss)", picture)
    clock = found[0] if found else ""
    return clock if clock in _CLOCKS and bool(found) == bool(re.search("HH|mm|ss", picture)) else None
