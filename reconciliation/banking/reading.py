"""The one place that knows how a bank's file becomes heads and entries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from reconciliation.errors import NoRowReadable, StatementRefused
from reconciliation.files import mappings, reading
from reconciliation.files.lines import REASONS
from reconciliation.files.statements import Entry, StatementHead

__all__ = ("Entry", "StatementHead", "read_statements")


def read_statements(source: IO[bytes], how: str, folder: Path) -> Iterator[tuple[StatementHead, Sequence[Entry]]]:
    """Yield each statement of a file, whole, with its entries in the order of the file; mappings are in `folder`.

    A statement of which one booking cannot be read is none: nobody could say what the balance is made of.
    """
    found = reading.statements(source, how if how in mappings.STANDARDS else mappings.load(folder, how))
    entries: list[Entry] = []
    for batch in found:
        entries += batch.entries
        if batch.ends:
            yield batch.head, entries
            entries = []
    if found.tally.rejects:
        first = found.tally.rejects[0]
        why = REASONS[first.reason]
        vi, en = f"có dòng không đọc được: {why.vi}", f"a booking cannot be read: {why.en}"
        raise StatementRefused.of(NoRowReadable(vi, en, row=first.number, field=first.field))
