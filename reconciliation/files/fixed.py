"""Rows of files in which everything has its position in the line."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

from reconciliation.files.chunks import BATCH, Chunk, Rows
from reconciliation.files.frames import Frame
from reconciliation.files.rows import composed
from reconciliation.files.sources import Blocks, Source


class Fixed:
    """The rows of one file between its header and its trailer."""

    def __init__(self, source: Source, frame: Frame) -> None:
        self._frame, self._mapping = frame, frame.mapping
        trailer = self._mapping.trailer
        self._blocks = Blocks(
            source, self._mapping.encoding, hold_last=trailer is not None and not trailer.marker,
            watch=frame.running.see if frame.running else None,
        )  # fmt: skip
        self._reach = max(stop for _, stop in self._mapping.ranges)
        self._number = 0

    def __iter__(self) -> Iterator[Chunk]:
        numbers: list[int] = []
        rows: list[list[str]] = []
        for block in self._blocks:
            for line in io.StringIO(block, newline=""):
                self._number += 1
                row = None if self._frame.done else self._row(line.rstrip("\r\n"))
                if row is not None:
                    numbers.append(self._number)
                    rows.append(row)
                if len(rows) == BATCH:
                    yield Rows(numbers, rows, len(self._mapping.ranges))
                    numbers, rows = [], []
        if rows:
            yield Rows(numbers, rows, len(self._mapping.ranges))
        if self._blocks.held:
            self._take_trailer(self._number + 1, self._blocks.held.rstrip("\r\n"))

    def _row(self, line: str) -> list[str] | None:
        if self._number < self._mapping.data_row:
            self._frame.above(self._number, [line])
            return None
        if not line:
            return None
        if self._frame.marker and composed(line).startswith(self._frame.marker) and self._frame.trailer is None:
            self._take_trailer(self._number, line)
            return None
        right = len(line) == self._mapping.width if self._mapping.width is not None else len(line) >= self._reach
        cells = _cells(line, self._mapping.ranges)
        # A line of another length has its cells elsewhere: one cell less says so.
        row = cells if right else cells[:-1]
        return row if self._frame.is_data(self._number, [line, *row[1:]]) else None

    def _take_trailer(self, number: int, line: str) -> None:
        assert self._mapping.trailer  # noqa: S101 - only a file that has one comes here
        self._frame.take_trailer(number, _cells(line, self._mapping.trailer.ranges))


def _cells(line: str, ranges: Sequence[tuple[int, int]]) -> list[str]:
    return [line[start:stop].strip() for start, stop in ranges]
