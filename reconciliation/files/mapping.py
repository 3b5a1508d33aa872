"""A mapping: how one layout of files is read."""

from __future__ import annotations

from collections.abc import Mapping as Map
from dataclasses import dataclass

from reconciliation.files.amounts import Amounts
from reconciliation.files.pictures import Picture

FORMATS = ("delimited", "fixed", "xlsx")
KINDS = ("settlement", "statement")
_INSTEAD = {"happened": ("date",), "amount": ("credit",)}


@dataclass(frozen=True, slots=True)
class Checksum:
    """What the trailer vouches for the rows with: which lines, how they are joined, how the figure is written."""

    place: int
    algorithm: str
    over: str
    join: str
    ends: bool
    written: str


@dataclass(frozen=True, slots=True)
class Trailer:
    """The last row: what its first column says, and where (from 0) it declares what. A place is None where it declares none."""

    marker: str
    """Empty where the last row is the trailer by its place alone."""
    count: int | None = None
    sum: int | None = None
    sums: str = "net"
    closing: int | None = None
    checksum: Checksum | None = None
    rest: bool = False
    """Whether what stands below is none of ours."""
    ranges: tuple[tuple[int, int], ...] = ()
    width: int | None = None
    """How many columns it has; None where that may differ."""


@dataclass(frozen=True, slots=True)
class Head:
    """Where a statement tells what it is about: cells above its rows, by row (from 1) and column (from 0)."""

    cells: Map[str, tuple[int, int]]

    @property
    def rows(self) -> int:
        """The last row a cell stands in."""
        return max((row for row, _ in self.cells.values()), default=0)


@dataclass(frozen=True, slots=True)
class Mapping:
    """One layout. `places` gives the place (from 0) of what is read among a row's cells."""

    name: str
    kind: str
    title: str
    format: str
    encoding: str
    envelope: str
    delimiter: str
    quoted: bool
    trim: bool
    sheet: str
    first_row: int
    header: tuple[str, ...] | None
    """The first row's own words; None where there is no such row."""
    names: tuple[str, ...]
    """What each column is called when something is said of it."""
    ranges: tuple[tuple[int, int], ...]
    width: int | None
    """How many columns a row has (characters, where positions are fixed); None where that may differ."""
    places: Map[str, int]
    types: Map[str, str]
    constant: tuple[str, str]
    """The type of rows without a column of types: of those that come in, and of those that go out."""
    accepted: frozenset[str]
    ignored: frozenset[str]
    signs: Map[str, int]
    signed: bool
    currency: str
    amounts: Amounts
    happened: Picture
    value: Picture
    newest_first: bool
    head: Head
    trailer: Trailer | None

    def heading(self, what: str) -> str:
        """Return the file's own name of the column that holds this."""
        place = next((self.places[name] for name in (what, *_INSTEAD.get(what, ())) if name in self.places), 0)
        return self.names[place]

    @property
    def data_row(self) -> int:
        """The first row that may hold data."""
        return self.first_row + (self.header is not None)
