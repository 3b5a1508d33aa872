"""What stands around the rows: the header before them, the trailer after them, and what it declares held against what was read."""

from __future__ import annotations

import re
from collections.abc import Sequence

from reconciliation.errors import ChecksumDiffers, CountDiffers, FileCutOff, HeaderWrong, NoRowReadable, SumDiffers
from reconciliation.files.checksums import Running
from reconciliation.files.declared_places import spelled
from reconciliation.files.lines import REASONS, Tally
from reconciliation.files.mapping import Mapping, Trailer
from reconciliation.files.rows import composed

_COUNT = re.compile(r"\d{1,12}", re.ASCII)


class Frame:
    """Header and trailer of one file. Rows are shown to it in order; `done` says that what follows is none of ours."""

    def __init__(self, mapping: Mapping) -> None:
        self.mapping = mapping
        self.marker = composed(mapping.trailer.marker) if mapping.trailer else ""
        checksum = mapping.trailer.checksum if mapping.trailer else None
        self.running = Running(mapping, checksum) if checksum else None
        self.head: dict[str, str] = {}
        self.trailer: list[str] | None = None
        self.number, self.width, self.done = 0, 0, False
        """The last row that was seen."""

    def above(self, number: int, row: Sequence[str]) -> None:
        """Look at a row before the first that may hold data."""
        self.number, self.width = number, len(row)
        for what, (at, place) in self.mapping.head.cells.items():
            if at == number and place < len(row):
                self.head[what] = row[place]
        if number == self.mapping.first_row and self.mapping.header is not None:
            self._check_header(number, row)

    def is_data(self, number: int, row: Sequence[str]) -> bool:
        """Tell whether a row that is not blank is one of the rows; the trailer is kept."""
        self.number, self.width = number, len(row)
        if self.done:
            return False
        if self.trailer is not None:
            raise self._cut_off("còn dữ liệu sau dòng tổng", "there are rows after the trailer")
        if self.marker and composed(row[0]) == self.marker:
            self.take_trailer(number, row)
            return False
        return True

    def take_trailer(self, number: int, row: Sequence[str]) -> None:
        """Keep the trailer."""
        assert self.mapping.trailer  # noqa: S101 - only a file that has one is asked for it
        self.number, self.width, self.trailer = number, len(row), list(row)
        self.done = self.mapping.trailer.rest

    def finish(self, tally: Tally, declared_sum: int | None) -> None:
        """Hold what the file declares against what was read; `declared_sum` is what its rows add up to as the trailer adds them."""
        mapping = self.mapping
        if self.number < mapping.data_row - 1:
            raise self._cut_off("tệp bị cắt: thiếu tiêu đề", "the file is cut off: the header is missing")
        if mapping.trailer is not None:
            if self.trailer is None:
                raise self._without_trailer(mapping)
            self._check_trailer(mapping.trailer, self.trailer, tally, declared_sum)
        if tally.rejected and not tally.lines:
            first = tally.rejects[0]
            why = REASONS[first.reason]
            vi, en = f"không đọc được dòng nào: {why.vi}", f"not one row can be read: {why.en}"
            raise NoRowReadable(vi, en, row=first.number, field=first.field)

    def _check_header(self, number: int, found: Sequence[str]) -> None:
        expected = self.mapping.header or ()
        for place, heading in enumerate(expected):
            if place >= len(found) or spelled(found[place]) != spelled(heading):
                raise HeaderWrong(
                    f"cột thứ {place + 1} phải là {heading}", f"column {place + 1} must be {heading}", row=number, field=heading
                )
        more = len(found) - len(expected)
        if more > 0 and self.mapping.width is not None and self.mapping.format == "delimited":
            raise HeaderWrong(f"thừa {more} cột", f"{more} columns too many", row=number, field=expected[-1])

    def _without_trailer(self, mapping: Mapping) -> FileCutOff:
        short = self.number >= mapping.data_row and mapping.width is not None and self.width < mapping.width
        why = ("dòng cuối bị cắt", "the last row is cut short") if short else ("thiếu dòng tổng", "the trailer is missing")
        return self._cut_off(f"tệp bị cắt: {why[0]}", f"the file is cut off: {why[1]}")

    def _cut_off(self, vi: str, en: str, place: int = 0) -> FileCutOff:
        return FileCutOff(vi, en, row=self.number or None, field=self.mapping.names[place])

    def _check_trailer(self, trailer: Trailer, row: Sequence[str], tally: Tally, declared_sum: int | None) -> None:
        fixed = self.mapping.format == "fixed"
        width = None if fixed or self.mapping.format == "xlsx" else trailer.width
        if width is not None and len(row) != width:
            raise self._cut_off("dòng tổng bị cắt", "the trailer is cut short", min(len(row), width - 1))
        names = [f"{start + 1}-{stop}" for start, stop in trailer.ranges] if fixed else self.mapping.names
        if trailer.count is not None:
            tally.declared_count = self._count(row, trailer.count, names)
        if trailer.sum is not None:
            tally.declared_sum = self._sum(row, trailer.sum, names)
        if tally.declared_count is not None and trailer.count is not None and tally.declared_count != tally.rows:
            declared, read = tally.declared_count, tally.rows
            vi, en = f"khai báo {declared} dòng, đọc được {read}", f"{declared} rows declared, {read} read"
            raise CountDiffers(vi, en, row=self.number, field=names[trailer.count], declared=declared, read=read)
        if tally.declared_sum is not None and trailer.sum is not None and declared_sum not in (None, tally.declared_sum):
            declared, read = tally.declared_sum, declared_sum
            vi, en = f"khai báo tổng {declared}, đọc được {read}", f"a sum of {declared} declared, {read} read"
            raise SumDiffers(vi, en, row=self.number, field=names[trailer.sum], declared=declared, read=read)
        if self.running and trailer.checksum and not self.running.agrees(_cell(row, trailer.checksum.place)):
            vi, en = "mã kiểm tra khác với các dòng", "the checksum is not that of the rows"
            raise ChecksumDiffers(vi, en, row=self.number, field=names[trailer.checksum.place])

    def _count(self, row: Sequence[str], place: int, names: Sequence[str]) -> int:
        written = _cell(row, place).replace(self.mapping.amounts.thousands or " ", "")
        if not _COUNT.fullmatch(written):
            raise self._no_number(names[place])
        return int(written)

    def _sum(self, row: Sequence[str], place: int, names: Sequence[str]) -> int:
        found = self.mapping.amounts.signed(_cell(row, place), self.mapping.currency, total=True)
        if found is None:
            raise self._no_number(names[place])
        return found

    def _no_number(self, name: str) -> FileCutOff:
        return FileCutOff("dòng tổng không phải là số", "the trailer has no number here", row=self.number, field=name)


def _cell(row: Sequence[str], place: int) -> str:
    return row[place] if place < len(row) else ""
