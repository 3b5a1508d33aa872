"""Names of files that say of which days they are: `SETTLE_{yyyyMMdd}.csv`, `STM-{yyyy-MM-dd}-{until:yyyy-MM-dd}.*`.

A pattern is plain text; `*` is any run of characters, a place in braces is a day, and one that begins with `until:` the last day.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

LONGEST = 200
_PIECE = re.compile(r"\{(?P<until>until:)?(?P<picture>[^{}]*)\}|(?P<any>\*)|(?P<text>[^*{}]+)")
_FIGURES = {"yyyy": "[0-9]{4}", "yy": "[0-9]{2}", "MM": "[0-9]{2}", "dd": "[0-9]{2}"}
_FIGURE = re.compile("yyyy|yy|MM|dd")
_BETWEEN = re.compile("[-._]?")
_SAYS_DAY = {frozenset({year, "MM", "dd"}) for year in ("yyyy", "yy")}


class PatternWrong(ValueError):
    """Not a pattern of names."""


@dataclass(frozen=True, slots=True)
class Days:
    """The days a name says; both None where its pattern has no place for one."""

    first: date | None
    last: date | None

    def meet(self, first: date, last: date) -> bool:
        """Tell whether any of them is between two days; unsaid ones may be."""
        return self.first is None or self.last is None or (self.first <= last and self.last >= first)


@dataclass(frozen=True, slots=True)
class Names:
    """One pattern, read."""

    form: re.Pattern[str]
    says_days: bool

    def days(self, name: str) -> Days | None:
        """Return the days that a name says; None where it is no such name, or says no real day."""
        found = self.form.fullmatch(name)
        if found is None:
            return None
        if not self.says_days:
            return Days(None, None)
        try:
            first = _day(found, "first")
            last = _day(found, "last") if "lastMM" in self.form.groupindex else first
        except ValueError:
            return None
        return Days(first, last) if first <= last else None


def read(pattern: str) -> Names:
    """Read a pattern; raise `PatternWrong`."""
    form, at, seen = "", 0, set()
    while at < len(pattern):
        piece = _PIECE.match(pattern, at)
        if piece is None:
            raise PatternWrong(pattern)
        at = piece.end()
        if piece["text"] is not None:
            form += re.escape(piece["text"])
        elif piece["any"]:
            form += ".*"
        else:
            place = "last" if piece["until"] else "first"
            form += _place(piece["picture"], place)
            if place in seen:
                raise PatternWrong(pattern)
            seen.add(place)
    if not pattern or len(pattern) > LONGEST or "/" in pattern or seen == {"last"}:
        raise PatternWrong(pattern)
    return Names(re.compile(form), bool(seen))


def _place(picture: str, place: str) -> str:
    figures = _FIGURE.findall(picture)
    if len(figures) != 3 or frozenset(figures) not in _SAYS_DAY:
        raise PatternWrong(picture)
    if not all(_BETWEEN.fullmatch(text) for text in _FIGURE.split(picture)[1:-1]) or any(_outside(picture)):
        raise PatternWrong(picture)
    return _FIGURE.sub(lambda figure: f"(?P<{place}{figure[0]}>{_FIGURES[figure[0]]})", picture.replace(".", r"\."))


def _outside(picture: str) -> tuple[str, str]:
    first, *_, last = _FIGURE.split(picture)
    return first, last


def _day(found: re.Match[str], place: str) -> date:
    told = {name.removeprefix(place): int(value) for name, value in found.groupdict().items() if name.startswith(place)}
    return date(told["yyyy"] if "yyyy" in told else 2000 + told["yy"], told["MM"], told["dd"])
