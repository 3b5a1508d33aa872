"""How a file writes a time, and reading it: one by one, or a whole column at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from copy import copy
from datetime import date, datetime, timedelta, timezone

from reconciliation.files.times import YEARS, Known, Layout, Times

_FIELDS = {
    "yyyy": r"(?P<year>\d{4})", "yy": r"(?P<short>\d\d)", "MM": r"(?P<month>\d\d)", "M": r"(?P<month>\d\d?)",
    "dd": r"(?P<day>\d\d)", "d": r"(?P<day>\d\d?)", "HH": r"(?P<hour>\d\d)", "H": r"(?P<hour>\d\d?)", "mm": r"(?P<minute>\d\d)",
    "ss": r"(?P<second>\d\d)", "SSS": r"(?P<fraction>\d{1,9})",
}  # fmt: skip
_SHOWN: dict[str, Callable[[datetime], str]] = {
    "yyyy": lambda at: f"{at.year:04}", "yy": lambda at: f"{at.year % 100:02}", "MM": lambda at: f"{at.month:02}",
    "M": lambda at: f"{at.month}", "dd": lambda at: f"{at.day:02}", "d": lambda at: f"{at.day}", "HH": lambda at: f"{at.hour:02}",
    "H": lambda at: f"{at.hour}", "mm": lambda at: f"{at.minute:02}", "ss": lambda at: f"{at.second:02}",
    "SSS": lambda at: f"{at.microsecond:06}",
}  # fmt: skip
_ORDER = ("year", "short", "month", "day", "hour", "minute", "second")
_TOKENS = re.compile("(yyyy|yy|MM|M|dd|d|HH|H|mm|ss|SSS)")
_SERIAL = re.compile(r"\d{1,6}(?:\.\d{1,15})?", re.ASCII)
_ZERO = datetime(1899, 12, 30)  # noqa: DTZ001 - serial numbers count local days; the zone is put to them after


class Picture:
    """A way to write times, such as `dd/MM/yyyy HH:mm:ss`, or `excel` for the serial numbers of a workbook."""

    def __init__(self, picture: str, zone: str) -> None:
        self.written, self.zone = picture, _zone(zone)
        self.serial, self._tokens = picture == "excel", _TOKENS.split(picture)
        try:
            self._pattern = re.compile("" if self.serial else _pattern(picture), re.ASCII)
        except re.error:
            raise ValueError(f"{picture} has a part twice") from None
        found = self._pattern.groupindex.keys()
        if not self.serial and not ({"month", "day"} <= found and {"year", "short"} & found):
            raise ValueError(f"{picture} must have yyyy, MM and dd")
        self.has_time = self.serial or "hour" in found
        order = [name for name in _ORDER if name in found]
        if order[3:] != list(_ORDER[4 : len(order) + 1]) and not self.serial:
            raise ValueError(f"{picture} must have HH before mm, and mm before ss")
        self._numbers = [self._pattern.groupindex[name] for name in order]
        self._century, self._fraction = 2000 if "short" in found else 0, "fraction" in found
        # A head tells days, where its rows tell the time too.
        first = picture.split(" ", maxsplit=1)[0]
        self._day_written = first if all(part in first for part in ("yy", "M", "d")) else picture
        self._day, self._zone_text = re.compile(_pattern(self._day_written), re.ASCII), zone
        self._layout = None if self.serial else Layout.of(picture, self.zone, zone)

    def read(self, written: str) -> datetime | None:
        """Return the instant, or None where this is not a time written so, or none that exists."""
        if self.serial:
            return self._from_serial(written)
        match = self._pattern.fullmatch(written)
        if match is None:
            return None
        parts = list(map(int, match.group(*self._numbers)))
        parts[0] += self._century
        if parts[0] not in YEARS:
            return None
        try:
            found = datetime(*parts, tzinfo=self.zone)  # type: ignore[misc,arg-type] # as many as it has
        except ValueError:
            return None
        return found.replace(microsecond=int(match["fraction"][:6].ljust(6, "0"))) if self._fraction else found

    def column(self, written: Sequence[str]) -> Times | None:
        """Return a column of times, or None where one of them is none."""
        if self._layout is not None:
            return self._layout.read(written)
        read = [found for found in map(self.read, written) if found is not None]
        return Known(read, self.has_time) if len(read) == len(written) else None

    def shown(self, moment: datetime) -> str:
        """Write a moment as this picture does; what a workbook keeps as a date is then read like any other text."""
        return "".join(_SHOWN[token](moment) if token in _SHOWN else token for token in self._tokens)

    def part(self, picture: str) -> Picture:
        """Return a picture of only the day or the time of day, to write with."""
        part = copy(self)
        part.written, part._tokens = picture, _TOKENS.split(picture)  # noqa: SLF001 - its own kind
        return part

    def search(self, text: str, *, last: bool = False) -> date | None:
        """Return the first or the last day that stands somewhere in a text."""
        if self.serial:
            moment = self.read(text)
        else:
            found = [match[0] for match in self._day.finditer(text)]
            moment = Picture(self._day_written, self._zone_text).read(found[-1 if last else 0]) if found else None
        return moment.date() if moment else None

    def _from_serial(self, written: str) -> datetime | None:
        if not _SERIAL.fullmatch(written):
            return None
        # Days as a fraction are off by microseconds; a workbook means whole seconds.
        found = _ZERO + timedelta(seconds=round(float(written) * 86_400))
        return found.replace(tzinfo=self.zone) if found.year in YEARS else None


def _pattern(picture: str) -> str:
    return "".join(_FIELDS.get(token) or re.escape(token) for token in _TOKENS.split(picture))


def _zone(text: str) -> timezone:
    match = re.fullmatch(r"([+-])([01]\d|2[0-3]):([0-5]\d)", text)
    if match is None:
        raise ValueError("zone must be written like +07:00")
    offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return timezone(offset if match[1] == "+" else -offset)
