"""Rows of delimited files. Plain pieces are cut at the delimiter at once; what is quoted, ragged or odd goes through `csv`."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from reconciliation.errors import FileCutOff
from reconciliation.files.chunks import BATCH, Cells, Chunk, Rows
from reconciliation.files.frames import Frame
from reconciliation.files.rows import composed
from reconciliation.files.sources import Blocks, Source

_LINES_OF_A_ROW = 1_000
"""A quoted cell may have line ends; one with more was opened by a mistake and swallows the file."""


class _Lines:
    """Feeds `csv` with the lines of one block, and of the next only where a row goes on there."""

    def __init__(self, blocks: Iterator[str]) -> None:
        self._blocks, self._text, self._left, self.of_row = blocks, io.StringIO(), 0, 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        self.of_row += 1
        if self.of_row > _LINES_OF_A_ROW:
            raise csv.Error
        if not self._left:
            self.put(next(self._blocks))
        line = self._text.readline()
        self._left -= len(line)
        return line

    def put(self, text: str) -> None:
        """Feed this text next."""
        self._text, self._left = io.StringIO(text, newline=""), len(text)

    def take(self) -> str:
        """Return what is left of the block, else the next; nothing at the end of the file."""
        text = self._text.read() if self._left else next(self._blocks, "")
        self._left = 0
        return text

    @property
    def pending(self) -> bool:
        """Whether something of the block is left."""
        return bool(self._left)


class Delimited:
    """The rows of one file between its header and its trailer."""

    def __init__(self, source: Source, frame: Frame, *, at_once: bool = True) -> None:
        self._frame, self._mapping = frame, frame.mapping
        self._width, delimiter = self._mapping.width or 0, self._mapping.delimiter
        self._at_once = at_once and self._width > 1 and delimiter.isascii()
        self._unmarked = bytes(range(256)).translate(None, f"{delimiter}\r\n".encode())
        trailer = self._mapping.trailer
        self._blocks = Blocks(
            source, self._mapping.encoding, hold_last=trailer is not None and not trailer.marker,
            watch=frame.running.see if frame.running else None,
        )  # fmt: skip
        self._lines = _Lines(iter(self._blocks))
        self._reader = self._reading(self._lines)
        self._number = 0

    def __iter__(self) -> Iterator[Chunk]:
        for _ in range(self._mapping.data_row - 1):
            row = self._next()
            if row is None:
                return
            self._frame.above(self._number, row)
        while not self._frame.done and (text := self._lines.take()):
            cells = self._cut(text) if self._at_once else None
            if cells is not None:
                yield from self._pieces(cells)
            else:
                self._lines.put(text)
                yield from self._parsed()
        self._held()

    def _reading(self, lines: Iterator[str]) -> Iterator[list[str]]:
        delimiter = self._mapping.delimiter
        if self._mapping.quoted:
            return csv.reader(lines, delimiter=delimiter, strict=True)
        return csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE, strict=True)

    def _next(self) -> list[str] | None:
        self._lines.of_row = 0
        try:
            row = next(self._reader, None)
        except csv.Error:
            self._number += 1
            name = self._mapping.names[0]
            raise FileCutOff("dấu ngoặc kép sai chỗ", "a quotation mark out of place", row=self._number, field=name) from None
        self._number += row is not None
        return [cell.strip() for cell in row] if row and self._mapping.trim else row

    def _cut(self, text: str) -> list[str] | None:
        """Return the cells of a piece in which every row is plain and has all its columns; None for any other."""
        delimiter, marker = self._mapping.delimiter, self._frame.marker
        if (self._mapping.quoted and '"' in text) or self._frame.trailer is not None:
            return None
        if marker and (text.startswith(marker) or f"\n{marker}" in text):
            return None
        end = "\r\n" if "\r" in text else "\n"
        text, row = text.removesuffix(end), (delimiter * (self._width - 1) + end).encode()
        # Without all that stands in the cells, a piece is the same few characters for every row; UTF-7 can tell half a pair.
        marks = f"{text}{end}".encode(errors="surrogatepass").translate(None, self._unmarked)
        if marks != row * (len(marks) // len(row)):
            return None
        cells = text.replace(end, delimiter).split(delimiter)
        return None if marker and self._may_hide(marker, cells[:: self._width]) else cells

    def _may_hide(self, marker: str, firsts: list[str]) -> bool:
        """Tell whether the trailer stands here in another spelling: with spaces around it, or its letters and marks apart."""
        if not self._mapping.trim and marker.isascii():
            return False
        return any(composed(cell.strip()) == marker for cell in firsts)

    def _pieces(self, cells: list[str]) -> Iterator[Chunk]:
        width, first = self._width, self._number + 1
        rows = len(cells) // width
        self._number += rows
        for start in range(0, rows, BATCH):
            stop = min(start + BATCH, rows)
            numbers = range(first + start, first + stop)
            yield Cells(numbers, cells, start * width, stop * width, width, self._mapping.trim)
        self._frame.number, self._frame.width = self._number, width

    def _parsed(self) -> Iterator[Chunk]:
        frame = self._frame
        while self._lines.pending and not frame.done:
            numbers: list[int] = []
            rows: list[list[str]] = []
            while self._lines.pending and len(rows) < BATCH and not frame.done:
                row = self._next()
                if row and frame.is_data(self._number, row):
                    numbers.append(self._number)
                    rows.append(row)
            if rows:
                yield Rows(numbers, rows, self._mapping.width)

    def _held(self) -> None:
        if self._blocks.held:
            try:
                row = next(self._reading(iter([self._blocks.held])), None)
            except csv.Error:
                row = None
            if row:
                self._frame.take_trailer(self._number + 1, [cell.strip() for cell in row] if self._mapping.trim else row)
