"""Mappings: how one layout of settlement files is read, declared in a TOML file."""

from __future__ import annotations

import codecs
import re
import tomllib
from collections.abc import Callable
from collections.abc import Mapping as Map
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from payhub.errors import Text
from reconciliation.errors import MappingUnusable

LINE_TYPES = {"payment": 1, "refund": -1, "reversal": -1, "fee": 0, "adjustment": 0}
"""What a line may be, and how its amount counts in a file's sum: payments minus what was given back."""

_REQUIRED = ("type", "happened", "amount")
_OPTIONAL = ("reference", "transaction", "fee", "bank", "status", "currency")
_PICTURES = {"yyyy": r"(?P<year>\d{4})", "MM": r"(?P<month>\d\d)", "dd": r"(?P<day>\d\d)",
             "HH": r"(?P<hour>\d\d)", "mm": r"(?P<minute>\d\d)", "ss": r"(?P<second>\d\d)"}  # fmt: skip
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Trailer:
    """The last row: what its first column says, and where (from 0) it declares how many rows there are and their sum."""

    marker: str
    count: int
    sum: int


@dataclass(frozen=True, slots=True)
class Mapping:
    """One layout. `columns` gives the place (from 0) of what is read; `instant` reads a time, None where it is none."""

    name: str
    encoding: str
    delimiter: str
    header: tuple[str, ...]
    columns: Map[str, int]
    types: Map[str, str]
    statuses: frozenset[str]
    currency: str
    thousands: str
    instant: Callable[[str], datetime | None]
    trailer: Trailer

    def heading(self, what: str) -> str:
        """Return the file's own name of the column that holds this."""
        return self.header[self.columns[what]]


def load(folder: Path, name: str) -> Mapping:
    """Read a mapping by name; raise `MappingUnusable` saying what is wrong with it."""
    if not _NAME.fullmatch(name):
        raise _unusable(name, "a name is made of a-z, 0-9, - and _")
    try:
        told = tomllib.loads((folder / f"{name}.toml").read_text(encoding="utf-8"))
        return _mapping(name, told)
    except OSError as error:
        raise _unusable(name, error.strerror or "it cannot be read") from None
    except KeyError as error:
        raise _unusable(name, f"{error.args[0]} is missing") from None
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise _unusable(name, str(error)) from None


def _unusable(name: str, why: str) -> MappingUnusable:
    return MappingUnusable(Text(f"Mapping {name}: {why}", f"Mapping {name}: {why}"))


def _mapping(name: str, told: dict[str, Any]) -> Mapping:
    header = tuple(told["header"])
    places = {heading: place for place, heading in enumerate(header)}
    columns = told["columns"]
    unknown = {*columns, *_REQUIRED} - {*_REQUIRED, *_OPTIONAL} | ({*_REQUIRED} - {*columns}) | ({*columns.values()} - {*places})
    if unknown or len(places) != len(header) or not {"reference", "transaction"} & columns.keys():
        words = ", ".join(sorted(unknown)) or "reference or transaction, and no heading twice"
        raise ValueError(f"columns must name {', '.join(_REQUIRED)} by the header's own words; look at {words}")
    wrong = [line_type for line_type in told["types"].values() if line_type not in LINE_TYPES]
    if wrong or not told["types"]:
        raise ValueError(f"types must lead to one of {', '.join(LINE_TYPES)}")
    trailer = Trailer(told["trailer"]["marker"], int(told["trailer"]["count"]) - 1, int(told["trailer"]["sum"]) - 1)
    if not (0 < trailer.count < len(header) and 0 < trailer.sum < len(header) and trailer.count != trailer.sum and trailer.marker):
        raise ValueError("trailer must have a marker, and count and sum in columns of their own after it")
    return Mapping(
        name=name,
        encoding=codecs.lookup(told["encoding"]).name,
        delimiter=told["delimiter"],
        header=header,
        columns={what: places[heading] for what, heading in columns.items()},
        types=dict(told["types"]),
        statuses=frozenset(told.get("statuses", {}).get("accepted", ())),
        currency=told["currency"],
        thousands=told.get("thousands", ""),
        instant=_instant(told["happened"], told["zone"]),
        trailer=trailer,
    )


def _instant(picture: str, zone: str) -> Callable[[str], datetime | None]:
    """Return a reader of times written as in `picture`, such as `dd/MM/yyyy HH:mm:ss`."""
    parts = re.split(f"({'|'.join(_PICTURES)})", picture)
    pattern = re.compile("".join(_PICTURES.get(part) or re.escape(part) for part in parts), re.ASCII)
    if not {"year", "month", "day"} <= pattern.groupindex.keys():
        raise ValueError("happened must have yyyy, MM and dd")
    order = sorted(pattern.groupindex, key=("year", "month", "day", "hour", "minute", "second").index)
    numbers = [pattern.groupindex[name] for name in order]
    local = _zone(zone)

    def read(written: str) -> datetime | None:
        match = pattern.fullmatch(written)
        if match is None:
            return None
        try:
            return datetime(*map(int, match.group(*numbers)), tzinfo=local)  # type: ignore[misc,arg-type]  # never more than six
        except ValueError:
            return None

    return read


def _zone(text: str) -> timezone:
    match = re.fullmatch(r"([+-])(\d\d):(\d\d)", text)
    if match is None:
        raise ValueError("zone must be written like +07:00")
    offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return timezone(offset if match[1] == "+" else -offset)
