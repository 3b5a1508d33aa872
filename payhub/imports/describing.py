"""The reference of every register's file, written from what reads it: `python -m payhub.imports.describing`."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from payhub.imports.specs import Column, Register
from payhub.imports.tables import REGISTERS

_HEAD = """# Registers and their files

One file per register: UTF-8 with or without a byte order mark, commas, one heading, columns in any order. An empty cell means
that there is no value, or what its column says. A last day is exclusive: what has `valid_to` 2027-01-01 holds up to and with
31 December 2026. Amounts are whole VND. A text cell that begins with `=`, `+`, `-` or `@` is refused, so that no spreadsheet ever
runs what the hub exports. A column that may be left out is younger than its register: a file without it leaves what rows have.
[How to keep registers](../how-to/keep-registers.md) says what becomes of a file. Written by `python -m payhub.imports.describing`.
"""


def reference() -> str:
    """Return the page."""
    return "\n".join([_HEAD, *(_section(register) for register in REGISTERS.values())])


def _section(register: Register) -> str:
    return "\n".join([f"## {register.name}", "", *_facts(register), "", *_columns(register), ""])


def _facts(register: Register) -> Iterator[str]:
    yield f"One row is {register.holds}. `payhub {register.command} export`, `payhub {register.command} import FILE`."
    yield ""
    yield f"- named by {_listed(register.key)}"
    if register.undated:
        yield f"- of a row {_listed(register.follows)} may change, from the approval on; {_listed(register.once)} are given once"
    elif register.ends is None:
        yield f"- a row that has begun (`{register.begins}` is today or before) never changes"
    else:
        given = _listed((register.ends, *register.follows))
        yield f"- a row that has begun only gets {given}; what is to be otherwise is another row from a later day"
    if register.cooled:
        yield "- a new row takes effect after the cooling time, is announced, and can be stopped until then"
    if register.exclusive:
        yield f"- at most one row per {_listed(register.subject)} holds on any day"


def _columns(register: Register) -> Iterator[str]:
    yield "| column | cell | |"
    yield "|---|---|---|"
    for column in register.columns:
        needed = "" if column.required else "; may be left out" if column.later else "; may be empty"
        yield f"| `{column.name}` | {_cell(column)}{needed} | {column.means}{_of(column)} |"


def _cell(column: Column) -> str:
    return f"{column.kind.means} or `{column.any_word}`" if column.any_word else column.kind.means


def _of(column: Column) -> str:
    return f" ([{column.of}](#{column.of}))" if column.of in REGISTERS else ""


def _listed(names: tuple[str, ...]) -> str:
    quoted = [f"`{name}`" for name in names]
    return quoted[0] if len(quoted) == 1 else ", ".join(quoted[:-1]) + f" and {quoted[-1]}"


if __name__ == "__main__":
    sys.stdout.write(reference())
