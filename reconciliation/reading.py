"""Reading a settlement file: rows in, normalised lines out, one at a time, and a refusal where the file is not whole.

Nothing here knows the database. A row that cannot be read is set aside with its number, its field and why.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

from reconciliation.errors import CountDiffers, EncodingWrong, FileCutOff, FileEmpty, HeaderWrong, NoRowReadable, SumDiffers
from reconciliation.mappings import LINE_TYPES, Mapping
from reconciliation.rows import REASONS, BadRow, Line, Reject, RowReader

_NUMBER = re.compile(r"-?\d{1,18}", re.ASCII)
_CHUNK = 1 << 16


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

    def take(self, line: Line) -> None:
        """Count a line."""
        self.lines += 1
        self.sum += LINE_TYPES[line.line_type] * line.amount
        self.first_on, self.last_on = min(self.first_on, line.happened_on), max(self.last_on, line.happened_on)

    def set_aside(self, reject: Reject, signed: int | None) -> None:
        """Count a row that could not be read."""
        self.rejects.append(reject)
        self.rejected_sum = None if self.rejected_sum is None or signed is None else self.rejected_sum + signed


def lines(body: bytes, mapping: Mapping, tally: Tally) -> Iterator[Line]:
    """Yield the lines of a file and fill in `tally`; raise a `SettlementRefused` where the file is not whole."""
    if not body.strip():
        raise FileEmpty("tệp rỗng", "the file is empty")
    body = body.removeprefix(codecs.BOM_UTF8) if mapping.encoding == "utf-8" else body
    _check_encoding(body, mapping.encoding)
    with io.TextIOWrapper(io.BytesIO(body), mapping.encoding, newline="") as text:
        rows = csv.reader(text, delimiter=mapping.delimiter, strict=True)
        try:
            _check_header(next(rows), mapping)
            yield from _data(rows, mapping, tally)
        except csv.Error:
            row = 2 + tally.lines + len(tally.rejects)
            raise FileCutOff("dấu ngoặc kép sai chỗ", "a quotation mark out of place", row=row, field=mapping.header[0]) from None


def _data(rows: Iterator[list[str]], mapping: Mapping, tally: Tally) -> Iterator[Line]:
    reader, marker = RowReader(mapping), mapping.trailer.marker
    number, row, trailer = 1, list(mapping.header), None
    for number, row in ((number, row) for number, row in enumerate(rows, 2) if row):
        if trailer is not None:
            raise FileCutOff("còn dữ liệu sau dòng tổng", "there are rows after the trailer", row=number, field=mapping.header[0])
        if row[0] == marker:
            trailer = row
            continue
        try:
            line = reader.read(number, row)
        except BadRow as bad:
            place = mapping.columns[bad.what] if bad.what else min(len(row), len(mapping.header) - 1)
            tally.set_aside(Reject(number, mapping.header[place], bad.reason), reader.signed(row))
            continue
        tally.take(line)
        yield line
    if trailer is None:
        short = len(row) < len(mapping.header)
        why = ("dòng cuối bị cắt", "the last row is cut short") if short else ("thiếu dòng tổng", "the trailer is missing")
        raise FileCutOff(f"tệp bị cắt: {why[0]}", f"the file is cut off: {why[1]}", row=number, field=mapping.header[0])
    _check_trailer(reader, number, trailer, mapping, tally)


def _check_encoding(body: bytes, encoding: str) -> None:
    """Refuse bytes of another encoding before anything is read, naming the row they stand in."""
    decoder, row = codecs.getincrementaldecoder(encoding)(), 1
    for start in range(0, len(body), _CHUNK):
        try:
            row += decoder.decode(body[start : start + _CHUNK], final=start + _CHUNK >= len(body)).count("\n")
        except UnicodeDecodeError as error:
            row += error.object[: error.start].count(b"\n")
            raise EncodingWrong(f"không phải {encoding}", f"this is not {encoding}", row=row) from None


def _check_header(found: Sequence[str], mapping: Mapping) -> None:
    expected = mapping.header
    for place, heading in enumerate(expected):
        if place >= len(found) or found[place].strip() != heading:
            raise HeaderWrong(
                f"cột thứ {place + 1} phải là {heading}", f"column {place + 1} must be {heading}", row=1, field=heading
            )
    if len(found) > len(expected):
        more = len(found) - len(expected)
        raise HeaderWrong(f"thừa {more} cột", f"{more} columns too many", row=1, field=expected[-1])


def _check_trailer(reader: RowReader, number: int, row: Sequence[str], mapping: Mapping, tally: Tally) -> None:
    """Hold what the file declares against what was read."""
    header, places = mapping.header, (mapping.trailer.count, mapping.trailer.sum)
    if len(row) != len(header):
        cut = header[min(len(row), len(header) - 1)]
        raise FileCutOff("dòng tổng bị cắt", "the trailer is cut short", row=number, field=cut)
    for place in places:
        if not _NUMBER.fullmatch(reader.digits(row[place])):
            raise FileCutOff("dòng tổng không phải là số", "the trailer has no number here", row=number, field=header[place])
    tally.declared_count, tally.declared_sum = (int(reader.digits(row[place])) for place in places)
    declared, read = tally.declared_count, tally.lines + len(tally.rejects)
    if declared != read:
        vi, en = f"khai báo {declared} dòng, đọc được {read}", f"{declared} rows declared, {read} read"
        raise CountDiffers(vi, en, row=number, field=header[places[0]], declared=declared, read=read)
    if tally.rejected_sum is not None and tally.declared_sum != tally.sum + tally.rejected_sum:
        declared, read = tally.declared_sum, tally.sum + tally.rejected_sum
        vi, en = f"khai báo tổng {declared}, đọc được {read}", f"a sum of {declared} declared, {read} read"
        raise SumDiffers(vi, en, row=number, field=header[places[1]], declared=declared, read=read)
    if tally.rejects and not tally.lines:
        first = tally.rejects[0]
        why = REASONS[first.reason]
        vi, en = f"không đọc được dòng nào: {why.vi}", f"not one row can be read: {why.en}"
        raise NoRowReadable(vi, en, row=first.number, field=first.field)
