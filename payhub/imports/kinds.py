"""Kinds of cell: how each is read, written, and described."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, time
from ipaddress import ip_network
from typing import Any

from payhub.fields import one_day
from payhub.identifiers import HIDDEN
from payhub.imports.problems import Unreadable
from payhub.money import MAX_AMOUNT

_FORMULA = re.compile("[=+@\uff1d\uff0b\uff0d\uff20-]")
_DIGITS = re.compile("[0-9]{1,16}")
_CLOCK = re.compile("(?:[01][0-9]|2[0-3]):[0-5][0-9]")
# Only a machine's own address is reached without TLS: that is a developer at home.
_ORIGIN = re.compile(r"(?:https://[a-z0-9](?:[a-z0-9.-]{0,250}[a-z0-9])?|http://(?:localhost|127\.0\.0\.1))(?::[1-9][0-9]{0,4})?")
_YEARS = (1900, 2999)


@dataclass(frozen=True, slots=True)
class Kind:
    """How a cell that is not empty becomes a value and a value becomes a cell."""

    means: str
    read: Callable[[str], Any]
    write: Callable[[Any], str] = str


def text(longest: int) -> Kind:
    """Return the kind of plain text that no spreadsheet would run."""

    def read(cell: str) -> str:
        _plain(cell)
        if len(cell) > longest:
            raise Unreadable("too_long", longest)
        return cell

    return Kind(f"text of up to {longest} characters", read)


def code(pattern: str, example: str, means: str = "code") -> Kind:
    """Return the kind of a code of one form."""
    form = re.compile(pattern)

    def read(cell: str) -> str:
        _plain(cell)
        if not form.fullmatch(cell):
            raise Unreadable("form", example)
        return cell

    return Kind(f"{means}, such as `{example}`", read)


def whole(least: int, most: int = MAX_AMOUNT) -> Kind:
    """Return the kind of a whole number."""

    def read(cell: str) -> int:
        if not _DIGITS.fullmatch(cell):
            raise Unreadable("not_a_number")
        if not least <= int(cell) <= most:
            raise Unreadable("out_of_range", least, most)
        return int(cell)

    return Kind(f"whole number from {least} to {most}", read)


def one_of(*words: str) -> Kind:
    """Return the kind of one of a few words."""

    def read(cell: str) -> str:
        if cell not in words:
            raise Unreadable("not_one_of", ", ".join(words))
        return cell

    return Kind(" or ".join(f"`{word}`" for word in words), read)


def flag(yes: str, no: str) -> Kind:
    """Return the kind of a word that says yes and one that says no."""
    words = one_of(yes, no)
    return Kind(words.means, lambda cell: words.read(cell) == yes, lambda value: yes if value else no)


def _plain(cell: str) -> None:
    if _FORMULA.match(cell):
        raise Unreadable("formula")
    if HIDDEN.search(cell):
        raise Unreadable("hidden")
    if cell != cell.strip():
        raise Unreadable("spaces")


def _day(cell: str) -> date:
    try:
        day = one_day(cell)
    except ValueError:
        raise Unreadable("not_a_day") from None
    if not _YEARS[0] <= day.year <= _YEARS[1]:
        raise Unreadable("out_of_range", *_YEARS)
    return day


def _time(cell: str) -> time:
    if not _CLOCK.fullmatch(cell):
        raise Unreadable("not_a_time")
    return time.fromisoformat(cell)


def _origins(cell: str) -> tuple[str, ...]:
    found = tuple(cell.split(" "))
    if not all(_ORIGIN.fullmatch(origin) for origin in found) or len(set(found)) < len(found):
        raise Unreadable("not_an_origin")
    return found


def _network(cell: str) -> str:
    _plain(cell)
    try:
        written = str(ip_network(cell))
    except ValueError:
        written = ""
    # One network has one spelling: the key of its row.
    if written != cell:
        raise Unreadable("not_a_network")
    return cell


DAY = Kind("date, `YYYY-MM-DD`", _day)
CLOCK = Kind("local time, `HH:MM`", _time, lambda value: f"{value:%H:%M}")
ORIGINS = Kind("origins, `https://host[:port]`, separated by spaces", _origins, " ".join)
NETWORK = Kind("network, such as `203.0.113.0/24`", _network)
AGENCY = code(r"[0-9A-Z][0-9A-Z.-]{1,39}", "000.00.00.G15", "an agency's code")
FEE = code(r"[0-9A-Z][0-9A-Z.-]{1,39}", "LP-LLTP", "a fee's code")
NAME = code(r"[a-z0-9][a-z0-9-]{0,39}", "kbnn", "short name")
PARTNER = code(r"[0-9A-Za-z][0-9A-Za-z._-]{0,49}", "H53", "a partner's code")
FEE_KIND = one_of("phi", "le_phi", "tax", "fine", "contribution", "other")
BASIS_POINTS = whole(0, 10_000)
AMOUNT = whole(1)
ACCOUNT = code(
    r"[0-9]{6,19}|[0-9]{4}(?:\.[0-9]{1,10}){1,4}", "3511.0.1234567", "6 to 19 digits, or the groups of a treasury account"
)
