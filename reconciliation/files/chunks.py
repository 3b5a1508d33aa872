"""Some thousand rows of a file: as columns where every row has all of them, and always as rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

BATCH = 5_000
"""Rows taken at a time: what is held in memory of a file of any size."""


class Chunk(Protocol):
    """Rows and their numbers in the file."""

    @property
    def numbers(self) -> Sequence[int]:
        """The number of each row."""

    @property
    def even(self) -> bool:
        """Whether every row has the mapping's columns, so that `column` may be asked."""

    def column(self, place: int) -> Sequence[str]:
        """Return one column."""

    def rows(self) -> Sequence[Sequence[str]]:
        """Return the rows."""

    def part(self, start: int, stop: int) -> Chunk:
        """Return some of the rows."""


@dataclass(slots=True)
class Rows:
    """Rows that were parsed one by one."""

    numbers: Sequence[int]
    parsed: list[list[str]]
    width: int | None
    _columns: list[Sequence[str]] | None = field(default=None, init=False)

    @property
    def even(self) -> bool:
        """Whether every row has the mapping's columns."""
        return self.width is not None and {*map(len, self.parsed)} == {self.width}

    def column(self, place: int) -> Sequence[str]:
        """Return one column."""
        if self._columns is None:
            self._columns = list(zip(*self.parsed, strict=True))
        return self._columns[place]

    def rows(self) -> Sequence[Sequence[str]]:
        """Return the rows."""
        return self.parsed

    def part(self, start: int, stop: int) -> Rows:
        """Return some of the rows."""
        return Rows(self.numbers[start:stop], self.parsed[start:stop], self.width)


@dataclass(slots=True)
class Cells:
    """The cells of rows, one row after the other."""

    numbers: range
    cells: list[str]
    start: int
    stop: int
    width: int
    trim: bool

    even = True

    def column(self, place: int) -> Sequence[str]:
        """Return one column."""
        found = self.cells[self.start + place : self.stop : self.width]
        return list(map(str.strip, found)) if self.trim else found

    def rows(self) -> Sequence[Sequence[str]]:
        """Return the rows."""
        return list(zip(*map(self.column, range(self.width)), strict=True))

    def part(self, start: int, stop: int) -> Cells:
        """Return some of the rows."""
        begin, end = (self.start + place * self.width for place in (start, stop))
        return Cells(self.numbers[start:stop], self.cells, begin, end, self.width, self.trim)
