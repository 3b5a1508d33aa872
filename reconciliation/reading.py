"""Reading a settlement file: rows in, normalised lines out, one at a time, and a refusal where the file is not whole.

Nothing here knows the database. A row that cannot be read is set aside with its number, its field and why, and never quoted.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple

from payhub.errors import Text
from payhub.money import MAX_AMOUNT
from reconciliation.errors import CountDiffers, EncodingWrong, FileCutOff, FileEmpty, HeaderWrong, NoRowReadable, SumDiffers
from reconciliation.mappings import LINE_TYPES, Mapping

REASONS = {
    "columns": Text("số cột khác với tiêu đề", "another number of columns than the header"),
    "not_an_amount": Text("không phải số tiền nguyên lớn hơn 0", "not a whole amount above zero"),
    "not_a_fee": Text("không phải số tiền phí nguyên", "not a whole fee"),
    "not_a_time": Text("không phải thời điểm theo mẫu đã khai báo", "not a time as the mapping writes it"),
    "not_known": Text("giá trị không có trong cấu hình", "a value the mapping does not know"),
    "not_plain": Text("quá dài hoặc có ký tự không hợp lệ", "too long, or with characters that have no place there"),
    "no_identity": Text("thiếu cả mã tham chiếu và mã giao dịch", "neither a reference nor a transaction"),
}
"""Why a row is set aside."""

_PLAIN = re.compile(r"[!-~](?:[ -~]{0,98}[!-~])?")
_SUM = re.compile(r"-?\d{1,18}", re.ASCII)
_CHUNK = 1 << 16


class Line(NamedTuple):
    """One row that was read."""

    number: int
    line_type: str
    reference: str | None
    transaction: str | None
    amount: int
    fee: int
    currency: str
    happened_at: datetime
    happened_on: date
    bank: str | None


@dataclass(frozen=True, slots=True)
class Reject:
    """One row that could not be: `field` is the file's own heading, `reason` one of `REASONS`."""

    number: int
    field: str
    reason: str


@dataclass(slots=True)
class Tally:
    """What a file declares and what was read of it. Sums are payments minus what was given back."""

    declared_count: int = 0
    declared_sum: int = 0
    lines: int = 0
    sum: int = 0
    first_on: date = date.max
    last_on: date = date.min
    rejects: list[Reject] = field(default_factory=list)
    rejected_sum: int | None = 0
    """The rejected rows' part of the sum; None where one of their amounts cannot be told."""


class _Bad(Exception):  # noqa: N818 - never leaves this module
    def __init__(self, what: str, reason: str) -> None:
        self.what, self.reason = what, reason


def lines(body: bytes, mapping: Mapping, tally: Tally) -> Iterator[Line]:
    """Yield the lines of a file and fill in `tally`; raise a `SettlementRefused` where the file is not whole."""
    if not body.strip():
        raise FileEmpty("tệp rỗng", "the file is empty")
    body = body.removeprefix(codecs.BOM_UTF8) if mapping.encoding == "utf-8" else body
    _decodes(body, mapping.encoding)
    with io.TextIOWrapper(io.BytesIO(body), mapping.encoding, newline="") as text:
        rows = csv.reader(text, delimiter=mapping.delimiter, strict=True)
        number = 0
        try:
            _header(next(rows), mapping)
            number = 1
            yield from _data(rows, mapping, tally)
        except csv.Error:
            number = 1 + tally.lines + len(tally.rejects) if number else 0
            raise FileCutOff("dấu ngoặc kép không khép", "a quotation mark that is not closed", row=number + 1, field=mapping.header[0]) from None


def _data(rows: Iterator[list[str]], mapping: Mapping, tally: Tally) -> Iterator[Line]:
    read, width, marker = _reader(mapping), len(mapping.header), mapping.trailer.marker
    number, last, short = 1, None, False
    for number, row in enumerate(rows, 2):  # noqa: B007 - named after the loop too
        if last is not None:
            raise FileCutOff("còn dữ liệu sau dòng tổng", "there are rows after the trailer", row=number, field=mapping.header[0])
        if row and row[0] == marker:
            last = row
            continue
        short = len(row) < width
        try:
            line = read(number, row)
        except _Bad as bad:
            _set_aside(tally, mapping, number, row, bad)
            continue
        tally.lines += 1
        tally.sum += LINE_TYPES[line.line_type] * line.amount
        tally.first_on, tally.last_on = min(tally.first_on, line.happened_on), max(tally.last_on, line.happened_on)
        yield line
    if last is None:
        why = ("dòng cuối bị cắt", "the last row is cut short") if short else ("thiếu dòng tổng", "the trailer is missing")
        raise FileCutOff(f"tệp bị cắt: {why[0]}", f"the file is cut off: {why[1]}", row=number, field=mapping.header[0])
    _trailer(last, number, mapping, tally)


def _decodes(body: bytes, encoding: str) -> None:
    """Refuse bytes of another encoding before anything is read, naming the row they stand in."""
    decoder, row = codecs.getincrementaldecoder(encoding)(), 1
    for start in range(0, len(body), _CHUNK):
        try:
            row += decoder.decode(body[start : start + _CHUNK], final=start + _CHUNK >= len(body)).count("\n")
        except UnicodeDecodeError as error:
            row += error.object[: error.start].count(b"\n")
            raise EncodingWrong(f"không phải {encoding}", f"this is not {encoding}", row=row, field=None) from None


def _header(found: list[str], mapping: Mapping) -> None:
    expected = mapping.header
    for place, heading in enumerate(expected):
        if place >= len(found) or found[place].strip() != heading:
            raise HeaderWrong(f"cột thứ {place + 1} phải là {heading}", f"column {place + 1} must be {heading}", row=1, field=heading)
    if len(found) > len(expected):
        more = len(found) - len(expected)
        raise HeaderWrong(f"thừa {more} cột", f"{more} columns too many", row=1, field=expected[-1])


def _trailer(row: list[str], number: int, mapping: Mapping, tally: Tally) -> None:
    """Hold what the file declares against what was read."""
    count_at, sum_at = mapping.trailer.count, mapping.trailer.sum
    if len(row) != len(mapping.header):
        raise FileCutOff("dòng tổng bị cắt", "the trailer is cut short", row=number, field=mapping.header[min(len(row), len(mapping.header) - 1)])
    for place in (count_at, sum_at):
        if not _SUM.fullmatch(_digits(row[place], mapping)):
            raise FileCutOff("dòng tổng không phải là số", "the trailer has no number here", row=number, field=mapping.header[place])
    tally.declared_count, tally.declared_sum = (int(_digits(row[place], mapping)) for place in (count_at, sum_at))
    count = tally.lines + len(tally.rejects)
    if tally.declared_count != count:
        raise CountDiffers(
            f"khai báo {tally.declared_count} dòng, đọc được {count}", f"{tally.declared_count} rows declared, {count} read",
            row=number, field=mapping.header[count_at], declared=tally.declared_count, read=count,
        )  # fmt: skip
    if tally.rejected_sum is not None and tally.declared_sum != tally.sum + tally.rejected_sum:
        total = tally.sum + tally.rejected_sum
        raise SumDiffers(
            f"khai báo tổng {tally.declared_sum}, đọc được {total}", f"a sum of {tally.declared_sum} declared, {total} read",
            row=number, field=mapping.header[sum_at], declared=tally.declared_sum, read=total,
        )  # fmt: skip
    if tally.rejects and not tally.lines:
        first = tally.rejects[0]
        why = REASONS[first.reason]
        raise NoRowReadable(f"không đọc được dòng nào: {why.vi}", f"not one row can be read: {why.en}", row=first.number, field=first.field)


def _set_aside(tally: Tally, mapping: Mapping, number: int, row: list[str], bad: _Bad) -> None:
    place = mapping.columns.get(bad.what, 0)
    tally.rejects.append(Reject(number, mapping.header[place], bad.reason))
    line_type, amount = None, None
    if len(row) == len(mapping.header):
        line_type = mapping.types.get(row[mapping.columns["type"]])
        amount = _amount(row[mapping.columns["amount"]], mapping)
    known = tally.rejected_sum is not None and line_type is not None and amount is not None
    tally.rejected_sum = tally.rejected_sum + LINE_TYPES[line_type] * amount if known else None  # type: ignore[operator,index]


def _digits(written: str, mapping: Mapping) -> str:
    return written.replace(mapping.thousands, "") if mapping.thousands else written


def _amount(written: str, mapping: Mapping) -> int | None:
    digits = _digits(written, mapping)
    amount = int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 16 else 0
    return amount if 0 < amount <= MAX_AMOUNT else None


def _reader(mapping: Mapping) -> Callable[[int, list[str]], Line]:
    """Return what reads one row; it runs once per row, so all that can be looked up is looked up here."""
    places, width, types, instant, statuses = mapping.columns, len(mapping.header), mapping.types, mapping.instant, mapping.statuses
    type_at, amount_at, happened_at_ = places["type"], places["amount"], places["happened"]
    status_at, fee_at, currency_at = places.get("status"), places.get("fee"), places.get("currency")
    plain = {what: places[what] for what in ("reference", "transaction", "bank") if what in places}

    def read(number: int, row: list[str]) -> Line:
        if len(row) != width:
            raise _Bad("", "columns")
        line_type = types.get(row[type_at])
        if line_type is None:
            raise _Bad("type", "not_known")
        if status_at is not None and statuses and row[status_at] not in statuses:
            raise _Bad("status", "not_known")
        amount = _amount(row[amount_at], mapping)
        if amount is None:
            raise _Bad("amount", "not_an_amount")
        fee = 0
        if fee_at is not None and (written := _digits(row[fee_at], mapping)) not in {"", "0"}:
            fee = _amount(written, mapping) or 0
            if not fee:
                raise _Bad("fee", "not_a_fee")
        happened = instant(row[happened_at_])
        if happened is None:
            raise _Bad("happened", "not_a_time")
        texts: dict[str, str | None] = {"reference": None, "transaction": None, "bank": None}
        for what, place in plain.items():
            if value := row[place]:
                if not _PLAIN.fullmatch(value):
                    raise _Bad(what, "not_plain")
                texts[what] = value
        if texts["reference"] is None and texts["transaction"] is None:
            raise _Bad("reference" if "reference" in places else "transaction", "no_identity")
        currency = mapping.currency if currency_at is None else row[currency_at]
        if len(currency) != 3 or not (currency.isascii() and currency.isalpha() and currency.isupper()):
            raise _Bad("currency", "not_known")
        return Line(number, line_type, texts["reference"], texts["transaction"], amount, fee, currency, happened, happened.date(), texts["bank"])

    return read
