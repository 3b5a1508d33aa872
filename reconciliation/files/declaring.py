"""From a TOML table to a mapping: what each setting means, and every fault by its name."""

from __future__ import annotations

import codecs
import unicodedata
from typing import Any

from reconciliation.files.amounts import Amounts
from reconciliation.files.declared_places import Places, places_of, trailer_of
from reconciliation.files.lines import LINE_TYPES
from reconciliation.files.mapping import FORMATS, KINDS, Head, Mapping
from reconciliation.files.pictures import Picture
from reconciliation.files.told import Told

_TYPES = (*LINE_TYPES, "adjustment_in", "adjustment_out", "ignored")
_HEAD = ("account", "number", "from", "to", "opening", "closing", "currency")
_NO_DATE = "yyyy-MM-dd"


def declared(name: str, table: dict[str, Any], faults: list[str]) -> Mapping | None:
    """Build a mapping; whatever is wrong is added to `faults`."""
    told = Told(table, faults)
    kind, form = told.text("kind", "settlement", among=KINDS), told.text("format", "delimited", among=FORMATS)
    places = places_of(told, kind, form)
    head = _head(told.table("head"), kind)
    statuses, signs = told.table("statuses"), told.table("signs")
    types, constant = _types(told, kind)
    mapping = Mapping(
        name=name, kind=kind, title=told.text("title", ""), format=form, encoding=_encoding(told, form),
        envelope=told.text("envelope", "", among=("", "base64")), delimiter=_delimiter(told, form),
        quoted=told.yes("quoted", default=True), trim=told.yes("trim", default=form != "delimited"),
        sheet=told.text("sheet", ""), first_row=told.whole("first_row", 1),
        header=places.header, names=places.names, ranges=places.ranges, width=places.width, places=places.of,
        types=types, constant=constant,
        accepted=frozenset(map(_composed, statuses.words("accepted"))),
        ignored=frozenset(map(_composed, statuses.words("ignored"))),
        signs=dict.fromkeys(map(_composed, signs.words("in")), 1) | dict.fromkeys(map(_composed, signs.words("out")), -1),
        signed=told.yes("signed", default=False), currency=_currency(told), amounts=_amounts(told),
        happened=_picture(told, "happened" if kind == "settlement" else "booked"), value=_value(told, kind),
        newest_first=told.yes("newest_first", default=False) if kind == "statement" else False,
        head=head, trailer=trailer_of(told, kind, form, places),
    )  # fmt: skip
    for part in (statuses, signs, told):
        part.finish()
    _together(told, mapping, places)
    return mapping


def _together(told: Told, mapping: Mapping, places: Places) -> None:
    """Note what is right by itself and wrong beside something else."""
    given = places.of
    if mapping.kind == "settlement" and ("type" in given) == bool(mapping.constant[0]):
        told.fault("types", "need the column type, and there is one or the other: a column, or the setting type for every row")
    if "type" in given and not mapping.types:
        told.fault("types", f"must lead to one of {', '.join(_TYPES)}")
    if ("sign" in given) != bool(mapping.signs):
        told.fault("signs", "and the column sign need each other")
    if "status" not in given and (mapping.accepted or mapping.ignored):
        told.fault("statuses", "need the column status")
    if mapping.head.rows >= mapping.data_row:
        told.fault("head", "must name cells above first_row")
    if {"date", "time"} & given.keys() and len(mapping.happened.written.split(" ")) != 2:
        told.fault("happened", "must have one space between day and time where these are two columns")


def _types(told: Told, kind: str) -> tuple[dict[str, str], tuple[str, str]]:
    table, constant, words = told.table("types"), told.raw("type"), {}
    if kind == "statement":
        table.finish()
        return {}, ("", "")
    for word in table.names():
        words[_composed(word)] = table.text(word, among=_TYPES)
    if isinstance(constant, dict):
        both = told.table("type")
        pair = both.text("in", among=_TYPES), both.text("out", among=_TYPES)
        both.finish()
        return words, pair
    one = "" if constant is None else told.text("type", among=_TYPES)
    return words, (one, one)


def _head(told: Told, kind: str) -> Head:
    cells = {}
    if kind == "statement":
        found = {what: told.cell(what) for what in _HEAD}
        cells = {what: cell for what, cell in found.items() if cell is not None}
    told.finish()
    return Head(cells)


def _encoding(told: Told, form: str) -> str:
    if form == "xlsx":
        return "utf-8"
    name = told.text("encoding")
    if "encoding" not in told:
        return "utf-8"
    try:
        # Codecs that are none of text, such as those that unpack, and those that cannot be read in pieces are refused here.
        "".encode(name)
        codecs.getincrementaldecoder(name)
        return codecs.lookup(name).name
    except (LookupError, ValueError):
        told.fault("encoding", f"{name} is not one Python knows")
        return "utf-8"


def _delimiter(told: Told, form: str) -> str:
    if form != "delimited":
        return ""
    delimiter = told.text("delimiter")
    if "delimiter" not in told:
        return ","
    if len(delimiter) != 1 or delimiter in '"\r\n\0':
        told.fault("delimiter", "must be one character, and neither a quotation mark nor a line end")
        return ","
    return delimiter


def _currency(told: Told) -> str:
    currency = told.text("currency")
    if currency and not (len(currency) == 3 and currency.isascii() and currency.isalpha() and currency.isupper()):
        told.fault("currency", "must be a code such as VND")
    return currency


def _amounts(told: Told) -> Amounts:
    thousands, decimal = told.text("thousands", ""), told.text("decimal", "")
    if any(len(mark) > 1 or mark.isalnum() for mark in (thousands, decimal)) or (thousands and thousands == decimal):
        told.fault("thousands", "and decimal must be one character each, not the same, and no digit")
        thousands = decimal = ""
    return Amounts(thousands=thousands, decimal=decimal, scale=told.whole("scale", 1))


def _picture(told: Told, setting: str) -> Picture:
    zone, written = told.text("zone", "+07:00"), told.text(setting)
    try:
        return Picture(written if setting in told else _NO_DATE, zone)
    except ValueError as error:
        told.fault(setting, f"is no way to write a time: {error}")
        return Picture(_NO_DATE, "+07:00")


def _value(told: Told, kind: str) -> Picture:
    return _picture(told, "value" if kind == "statement" and "value" in told else "booked" if kind == "statement" else "happened")


def _composed(word: str) -> str:
    return unicodedata.normalize("NFC", word)
