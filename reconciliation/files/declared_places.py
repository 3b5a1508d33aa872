"""Where a mapping says that things stand: by the header's own words, by number, or by position."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping as Map
from dataclasses import dataclass
from typing import Any

from reconciliation.files.lines import SUMS
from reconciliation.files.mapping import Checksum, Trailer
from reconciliation.files.told import Told

ALGORITHMS = ("sha256", "sha512", "sha1", "md5", "crc32")
_COLUMNS = {
    "settlement": (
        "type", "happened", "date", "time", "amount", "debit", "credit", "sign", "reference", "transaction", "fee", "bank",
        "status", "currency", "payout", "text",
    ),
    "statement": (
        "booked", "value", "amount", "debit", "credit", "sign", "balance", "bank_reference", "reference", "transaction_code",
        "text", "currency",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Places:
    """The header, what every column is called, and where things stand among a row's cells."""

    header: tuple[str, ...] | None
    names: tuple[str, ...]
    width: int | None
    ranges: tuple[tuple[int, int], ...]
    of: Map[str, int]


def spelled(word: str) -> str:
    """Return a heading as headings are compared: composed, with single spaces."""
    return " ".join(unicodedata.normalize("NFC", word).split())


def places_of(told: Told, kind: str, form: str) -> Places:
    """Read `header`, `names`, `width` and `[columns]`."""
    columns = told.table("columns")
    given = {what: columns.raw(what) for what in _COLUMNS[kind] if what in columns}
    places = _fixed(told, columns, given) if form == "fixed" else _named(told, columns, given, form)
    columns.finish()
    _complete(columns, kind, given)
    return places


def _complete(columns: Told, kind: str, given: Map[str, Any]) -> None:
    names = given.keys()
    if kind == "statement" and "booked" not in names:
        columns.fault("booked", "is missing")
    if kind == "settlement" and ("happened" in names) == bool({"date", "time"} <= names):
        columns.fault("happened", "is missing, or date and time are; there is one or the other")
    if ("amount" in names) == bool({"debit", "credit"} & names) or len({"debit", "credit"} & names) == 1:
        columns.fault("amount", "is missing, or debit and credit are; there is one or the others")
    if kind == "settlement" and not {"reference", "transaction"} & names:
        columns.fault("reference", "is missing, or transaction is; there is one of them or both")


def _named(told: Told, columns: Told, given: Map[str, Any], form: str) -> Places:
    header = tuple(map(spelled, told.words("header"))) if told.raw("header") is not False else None
    if header is not None and not header:
        told.fault("header", "must be the first row's own words, or false")
    words = header if header is not None else tuple(map(spelled, told.words("names")))
    numbers = [place for place in given.values() if isinstance(place, int)]
    width = told.whole("width", len(words) or max(numbers, default=1)) if header is None else len(header)
    if words and len(words) != width:
        told.fault("names", f"must be as many as width, {width}")
    names = words or tuple(str(place) for place in range(1, width + 1))
    filled = [word for word in names if word]
    if len({*filled}) != len(filled):
        told.fault("header" if header else "names", "has a word twice")
    places = {what: _place(columns, what, place, names) for what, place in given.items()}
    # What a workbook's row has on its right is often a note.
    return Places(header, names, None if form == "xlsx" else width, (), places)


def _place(told: Told, name: str, place: Any, names: tuple[str, ...]) -> int:
    if isinstance(place, str) and spelled(place) in names and place:
        return names.index(spelled(place))
    if isinstance(place, int) and not isinstance(place, bool) and 1 <= place <= len(names):
        return place - 1
    told.fault(name, "must be a word of the header, or the number of a column from 1")
    return 0


def _fixed(told: Told, columns: Told, given: Map[str, Any]) -> Places:
    header = told.raw("header")
    if header not in (None, False) and not isinstance(header, str):
        told.fault("header", "must be the first line's own words, or false")
        header = None
    ranges = {what: _range(columns, what, place) for what, place in given.items()}
    names = tuple(f"{start + 1}-{stop}" for start, stop in ranges.values())
    reach = max((stop for _, stop in ranges.values()), default=1)
    width = told.whole("width", reach) if "width" in told else None
    if width is not None and width < reach:
        told.fault("width", f"must be at least {reach}")
    return Places(
        (header,) if header else None, names or ("1",), width, tuple(ranges.values()), {w: i for i, w in enumerate(ranges)}
    )


def _range(told: Told, name: str, place: Any) -> tuple[int, int]:
    if isinstance(place, list) and len(place) == 2 and all(isinstance(edge, int) for edge in place) and 1 <= place[0] <= place[1]:
        return place[0] - 1, place[1]
    told.fault(name, "must be the first and the last position, from 1")
    return 0, 1


def trailer_of(told: Told, kind: str, form: str, places: Places) -> Trailer | None:
    """Read `[trailer]`."""
    if "trailer" not in told:
        return None
    table = told.table("trailer")
    known = ("count", "sum", "closing") if kind == "statement" else ("count", "sum")
    ranges: list[tuple[int, int]] = []
    found: dict[str, int | None] = {what: _declared(table, what, form, places, ranges) for what in known}
    checksum = _checksum(table.table("checksum"), form, places, ranges) if "checksum" in table else None
    taken = [place for place in (*found.values(), checksum.place if checksum else None) if place is not None]
    marker = table.text("marker", "")
    if len({*taken}) != len(taken) or (marker and 0 in taken and form != "fixed"):
        table.fault("count", "and sum and checksum must be columns of their own after the marker")
    if not taken and not marker:
        table.fault("marker", "is missing: what declares nothing must at least be told apart")
    trailer = Trailer(
        marker, found["count"], found["sum"], table.text("sums", "net", among=tuple(SUMS)), found.get("closing"), checksum,
        table.yes("rest", default=False), tuple(ranges), table.whole("width", places.width or 0, 0) or None,
    )  # fmt: skip
    if trailer.rest and not marker:
        table.fault("rest", "needs a marker")
    if form == "xlsx" and checksum:
        table.fault("checksum", "is of lines, and a workbook has none")
    table.finish()
    return trailer


def _declared(table: Told, what: str, form: str, places: Places, ranges: list[tuple[int, int]]) -> int | None:
    if what not in table:
        return None
    if form != "fixed":
        return _place(table, what, table.raw(what), places.names)
    ranges.append(_range(table, what, table.raw(what)))
    return len(ranges) - 1


def _checksum(table: Told, form: str, places: Places, ranges: list[tuple[int, int]]) -> Checksum:
    place = _declared(table, "column", form, places, ranges)
    if place is None:
        table.fault("column", "is missing")
    algorithm = table.text("algorithm", among=ALGORITHMS)
    written = table.text("written", "hex", among=("hex", "decimal", "base64"))
    if written == "decimal" and algorithm != "crc32":
        table.fault("written", "may be decimal for crc32 only")
    found = Checksum(
        place or 0, algorithm, table.text("over", "rows", among=("rows", "all")), table.text("join", "\n"),
        table.yes("ends", default=False), written,
    )  # fmt: skip
    table.finish()
    return found
