"""Reading a file that a gateway or a bank gave: batches of normalised rows, and a refusal where the file is not whole.

A source is a binary file that is read forward only, once, and never held in memory; a workbook alone is sought in, or held if it
cannot be. A reading is iterated once. What it says of a file is final only when it ends without a refusal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from reconciliation.errors import SettlementRefused, StatementRefused
from reconciliation.files.batches import Batch, of_lines
from reconciliation.files.camt import Camt
from reconciliation.files.chunks import Chunk
from reconciliation.files.columns import ColumnReader
from reconciliation.files.entries import Entries
from reconciliation.files.frames import Frame
from reconciliation.files.layouts import chunks
from reconciliation.files.lines import BadRow, Ignored, Line, Reject, Tally
from reconciliation.files.mapping import Mapping
from reconciliation.files.mappings import unusable
from reconciliation.files.mt940 import Mt940
from reconciliation.files.rows import RowReader
from reconciliation.files.sources import Source
from reconciliation.files.statements import Gathering, StatementBatch
from reconciliation.files.times import Known

_FEW = 12
"""So many rows are read one by one rather than cut in halves."""


class SettlementReading:
    """The batches of one settlement file; `tally` fills while they pass. Raises `SettlementRefused` where it is not whole."""

    def __init__(self, source: Source, mapping: Mapping, *, by_columns: bool = True) -> None:
        _check_kind(mapping, "settlement")
        self._frame, self.mapping, self.tally = Frame(mapping), mapping, Tally()
        self._chunks = chunks(source, self._frame, at_once=by_columns)
        self._rows, self._columns = RowReader(mapping), ColumnReader(mapping) if by_columns else None
        self._sums = mapping.trailer.sums if mapping.trailer else "net"
        self._declared: int | None = 0

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of a line that such a file can tell of: in all its lines the others are none."""
        never = {"bank", "payout"} - self.mapping.places.keys()
        return tuple(name for name in Line._fields if name not in never)

    def __iter__(self) -> Iterator[Batch]:
        for chunk in self._chunks:
            for batch in self._batches(chunk):
                net = batch.total("net")
                self.tally.take(batch.happened.spanned(), len(batch), net)
                self._add(batch, net)
                yield batch
        rejected = self.tally.rejected_sum
        self._frame.finish(self.tally, None if rejected is None or self._declared is None else self._declared + rejected)

    def _add(self, batch: Batch, net: int) -> None:
        """Add to what the trailer's sum is held against; one over two currencies proves nothing."""
        alike = "currency" not in self.mapping.places or {*batch.currency} == {self.mapping.currency}
        if self._declared is not None:
            self._declared = self._declared + (net if self._sums == "net" else batch.total(self._sums)) if alike else None

    def _batches(self, chunk: Chunk) -> Iterator[Batch]:
        """Take a chunk whole; halve it around a row that needs a closer look, so that one among thousands costs little."""
        rows = len(chunk.numbers)
        by_columns = self._columns and self._columns.possible
        batch = self._columns.read(chunk) if self._columns and by_columns else None
        if batch is None and by_columns and rows > _FEW:
            for start, stop in ((0, rows // 2), (rows // 2, rows)):
                yield from self._batches(chunk.part(start, stop))
            return
        batch = batch or self._one_by_one(chunk)
        if batch is not None:
            yield batch

    def _one_by_one(self, chunk: Chunk) -> Batch | None:
        lines: list[Line] = []
        moments = []
        for number, row in zip(chunk.numbers, chunk.rows(), strict=True):
            try:
                line, moment = self._rows.read(number, row)
            except Ignored:
                self.tally.ignored += 1
            except BadRow as bad:
                self.tally.set_aside(rejected(self.mapping, number, row, bad), self._rows.weight(row, self._sums))
            else:
                lines.append(line)
                moments.append(moment)
        return of_lines(lines, Known(moments, self.mapping.happened.has_time)) if lines else None


def settlement(source: Source, mapping: Mapping, *, by_columns: bool = True) -> SettlementReading:
    """Read a settlement file. Without `by_columns` every row is parsed and read by itself: slower, and the same."""
    return SettlementReading(source, mapping, by_columns=by_columns)


def rejected(mapping: Mapping, number: int, row: object, bad: BadRow) -> Reject:
    """Return what is kept of a row that cannot be read."""
    if bad.what:
        return Reject(number, mapping.heading(bad.what), bad.reason)
    width = len(row) if isinstance(row, list | tuple) else 0
    return Reject(number, mapping.names[min(width, len(mapping.names) - 1)], bad.reason)


class StatementReading:
    """The batches of a file's statements; `tally` fills while they pass. Raises `StatementRefused` where the file is not whole."""

    def __init__(self, source: Source, how: Mapping | str) -> None:
        self._gathering = Gathering()
        self.tally = self._gathering.tally
        self._statements = _statements(source, how, self._gathering)

    def __iter__(self) -> Iterator[StatementBatch]:
        try:
            yield from self._statements
        except SettlementRefused as refused:
            raise StatementRefused.of(refused) from None


def statements(source: Source, how: Mapping | str) -> StatementReading:
    """Read a file of bank statements: through a mapping, or as one of `mappings.STANDARDS`."""
    return StatementReading(source, how)


def _statements(source: Source, how: Mapping | str, gathering: Gathering) -> Iterable[StatementBatch]:
    match how:
        case "mt940":
            return Mt940(source, gathering)
        case str():
            return Camt(source, how, gathering)
        case _:
            _check_kind(how, "statement")
            return Entries(source, how, gathering)


def _check_kind(mapping: Mapping, kind: str) -> None:
    if mapping.kind != kind:
        raise unusable(mapping.name, [f"kind must be {kind}"])
