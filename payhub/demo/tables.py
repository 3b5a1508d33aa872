"""Reading the sample registers: the same files, read the same way, as those that are handed in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from payhub.errors import Text
from payhub.imports.kinds import NAME, text
from payhub.imports.reading import read
from payhub.imports.specs import Column, Register
from payhub.imports.tables import REGISTERS
from payhub.portals.models import ApiKey

Row = Mapping[str, Any]

_OWN = {
    "keys": Register(
        name="keys",
        says=Text("khóa API", "API keys"),
        holds="a portal's API key",
        model=ApiKey,
        columns=(Column("portal", NAME, "the portal"), Column("scopes", text(300), "separated by spaces")),
        key=("portal",),
        ends=None,
    ),
}


class SampleUnreadable(Exception):
    """A sample file is not what its register asks for."""


def read_rows(folder: Path, name: str) -> tuple[Register, Sequence[Any]]:
    """Return a register and the rows of its file."""
    register = REGISTERS.get(name) or _OWN[name]
    path = folder / register.file_name
    found = read(register, path.read_bytes())
    if found.problems:
        listed = "; ".join(f"row {each.row} {each.column}: {each.text.en}" for each in found.problems[:5])
        raise SampleUnreadable(f"{path}: {listed}")
    return register, [row for _, row in found.rows]


def rows(folder: Path, name: str) -> list[Row]:
    """Return the rows of one register's file, by column."""
    return [row._asdict() for row in read_rows(folder, name)[1]]
