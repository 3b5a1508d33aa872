"""`payhub settlements try`: a file as it would be understood, before anything is stored. It opens no database."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import click
from rich.console import Console
from rich.table import Table

from payhub.money import format_amount
from payhub.settings import Paths
from reconciliation.files import mappings, reading
from reconciliation.files.lines import REASONS, Line, Tally
from reconciliation.files.statements import Entry, StatementHead

_WIDE = 1000
_ENTRY = [name for name in Entry._fields if name != "text"]
"""The bank's and the payer's words may tell of a person, and a terminal is read over shoulders: they are not shown."""


@click.group()
def settlements() -> None:
    """Files of gateways and banks."""


@settlements.command("try")
@click.argument("file", type=click.File("rb"))
@click.option("--mapping", "how", required=True, help="A mapping's name, or one of camt053, camt054, mt940.")
@click.option("--rows", "limit", type=click.IntRange(0), default=10, show_default=True, help="How many rows to show.")
@click.option("--mappings", "folder", envvar="PAYHUB_PATHS__MAPPINGS", type=click.Path(path_type=Path), help="Where mappings are.")
def try_file(file: IO[bytes], how: str, limit: int, folder: Path | None) -> None:
    """Show how FILE would be understood: its rows, those that would be set aside, its totals. Nothing is stored."""
    console = Console()
    if how in mappings.STANDARDS:
        _show_statements(console, reading.statements(file, how), limit)
        return
    mapping = mappings.load(folder or _folder(), how)
    if mapping.kind == "statement":
        _show_statements(console, reading.statements(file, mapping), limit)
    else:
        _show_settlement(console, reading.settlement(file, mapping), limit)


def _folder() -> Path:
    """Return the setting `paths.mappings`, and read no other: whoever only looks at a file has no database to name."""
    try:
        told = (
            tomllib.loads(Path(os.environ["PAYHUB_CONFIG"]).read_text(encoding="utf-8")) if os.environ.get("PAYHUB_CONFIG") else {}
        )
        return Path(told.get("paths", {}).get("mappings", Paths().mappings))
    except (OSError, ValueError, TypeError, AttributeError):
        raise click.ClickException("PAYHUB_CONFIG cannot be read") from None


def _show_settlement(console: Console, read: reading.SettlementReading, limit: int) -> None:
    shown: list[Sequence[object]] = []
    try:
        for batch in read:
            if len(shown) < limit:
                shown += batch.lines[: limit - len(shown)]
    finally:
        _table(console, Line._fields, shown)
        _tell(console, read.tally, limit)


def _show_statements(console: Console, read: reading.StatementReading, limit: int) -> None:
    shown: list[Sequence[object]] = []
    heads: list[StatementHead] = []
    try:
        for batch in read:
            shown += [_without_text(entry) for entry in batch.entries[: max(0, limit - len(shown))]]
            heads += [batch.head] * batch.ends
    finally:
        _table(console, _ENTRY, shown)
        _table(
            console, StatementHead.__slots__, [[getattr(head, name) for name in StatementHead.__slots__] for head in heads[:limit]]
        )
        _tell(console, read.tally, limit)


def _without_text(entry: Entry) -> list[object]:
    return [getattr(entry, name) for name in _ENTRY]


def _table(console: Console, names: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    if not rows:
        return
    table = Table(*(name.replace("_", " ") for name in names), box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*_cells(row))
    # A figure is never cut short: a terminal that is narrower breaks the lines itself.
    console.width = max(console.width, Console(width=_WIDE).measure(table).maximum)
    console.print(table)


def _cells(row: Sequence[object]) -> Iterator[str]:
    for value in row:
        yield "-" if value is None else ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _tell(console: Console, tally: Tally, limit: int) -> None:
    for reject in tally.rejects[:limit]:
        console.print(f"row {reject.number}, column {reject.field}: {REASONS[reject.reason].en}", highlight=False, markup=False)
    if tally.rejected > limit:
        reasons = ", ".join(f"{count} {name}" for name, count in sorted(tally.reasons.items()))
        console.print(f"… {tally.rejected} rows would be set aside: {reasons}", highlight=False, markup=False)
    days = f", {tally.first_on} to {tally.last_on}" if tally.lines else ""
    left = f"{tally.rejected} set aside, {tally.ignored} ignored"
    console.print(f"{format_amount(tally.lines)} rows, {left}; sum {format_amount(tally.sum)}{days}", highlight=False)
    if tally.declared_count is not None or tally.declared_sum is not None:
        declared = [("rows", tally.declared_count), ("sum", tally.declared_sum)]
        told = ", ".join(f"{name} {format_amount(value)}" for name, value in declared if value is not None)
        console.print(f"declared: {told}", highlight=False)
