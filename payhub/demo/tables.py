"""Reading the sample registers: CSV files with a header, an empty cell meaning that there is no value."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date
from pathlib import Path

Row = dict[str, str]
ANY = "*"


def rows(folder: Path, name: str) -> Iterator[Row]:
    """Give the rows of one register's file."""
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file, strict=True)


def a_date(text: str) -> date:
    """Read a date that must be there."""
    return date.fromisoformat(text)


def date_or_none(text: str) -> date | None:
    """Read a date, or nothing."""
    return date.fromisoformat(text) if text else None


def number_or_none(text: str) -> int | None:
    """Read a whole number, or nothing."""
    return int(text) if text else None
