"""Rows of one sheet of a workbook, in flat memory but for the texts its cells share."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from reconciliation.files.archives import Part, opened
from reconciliation.files.books import read_book
from reconciliation.files.chunks import BATCH, Chunk, Rows
from reconciliation.files.frames import Frame
from reconciliation.files.markup import passing
from reconciliation.files.pictures import Picture
from reconciliation.files.rows import composed
from reconciliation.files.sheets import Sheet
from reconciliation.files.sources import Source


class Workbook:
    """The rows of one file between its header and its trailer."""

    def __init__(self, source: Source, frame: Frame) -> None:
        self._source, self._frame, self._mapping = source, frame, frame.mapping
        places = self._mapping.places
        self._pictures = dict.fromkeys(range(len(self._mapping.names)), self._mapping.happened)
        if "value" in places:
            self._pictures[places["value"]] = self._mapping.value
        if "date" in places:
            halves = self._mapping.happened.written.split(" ")
            for what, half in zip(("date", "time"), halves, strict=True):
                self._pictures[places[what]] = self._mapping.happened.part(half)

    def __iter__(self) -> Iterator[Chunk]:
        with opened(self._source) as archive:
            book = read_book(archive, self._mapping.sheet)
            reach = max(len(self._mapping.names), *(place + 1 for _, place in self._mapping.head.cells.values()), 1)
            sheet = Sheet(book, reach, self._mapping.amounts.decimal, self._moment)
            yield from self._chunks(self._rows(sheet, passing(Part(archive, book.sheet), sheet)))

    def _moment(self, place: int, moment: datetime) -> str | None:
        picture: Picture = self._pictures.get(place, self._mapping.happened)
        return None if picture.serial else picture.shown(moment)

    def _rows(self, sheet: Sheet, passing_by: Iterator[None]) -> Iterator[tuple[int, list[str]]]:
        """Yield the rows that hold anything, and the header in any case."""
        mapping, headed = self._mapping, False
        for _ in passing_by:
            for number, row in sheet.rows:
                if number < mapping.data_row:
                    headed = headed or number == mapping.first_row
                    self._frame.above(number, row)
                elif any(row):
                    if mapping.header is not None and not headed:
                        self._frame.above(mapping.first_row, [])
                    yield number, row[: len(mapping.names)]
            sheet.rows.clear()

    def _chunks(self, rows: Iterator[tuple[int, list[str]]]) -> Iterator[Chunk]:
        numbers: list[int] = []
        parsed: list[list[str]] = []
        for number, row in self._data(rows):
            numbers.append(number)
            parsed.append(row)
            if len(parsed) == BATCH:
                yield Rows(numbers, parsed, len(self._mapping.names))
                numbers, parsed = [], []
        if parsed:
            yield Rows(numbers, parsed, len(self._mapping.names))

    def _data(self, rows: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
        frame, trailer, held = self._frame, self._mapping.trailer, None
        for number, row in rows:
            if frame.marker and frame.trailer is None and composed(next(filter(None, row))) == frame.marker:
                # A sheet's words may stand in any column, where cells were joined.
                frame.take_trailer(number, row)
            elif trailer is not None and not frame.marker:
                if held is not None:
                    yield held
                held = number, row
            elif frame.is_data(number, row):
                yield number, row
        if held is not None:
            frame.take_trailer(*held)
