"""What a register is: its columns, what names a row, what it refers to, and what may still change in a row that has begun."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any, Protocol

from payhub.db import Base
from payhub.errors import Text
from payhub.imports.kinds import Kind
from payhub.imports.problems import Problem

Row = Any
"""A row as its file has it, a named tuple of its register's own: a value per column, and codes for the rows of other registers."""
Key = tuple[Any, ...]
Slip = tuple[Any, ...]
"""Column, code and values of something wrong within one row."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a file."""

    name: str
    kind: Kind
    means: str
    required: bool = True
    of: str = ""
    """The register whose row it names, by code."""
    attribute: str = ""
    """The table's column, where it has another name."""
    empty: Any = None
    """What an empty cell means."""
    any_word: str = ""
    """The word that stands for any row of the register it refers to."""
    later: bool = False
    """Whether files are older than it: one without it leaves what rows have there."""

    @property
    def stored(self) -> str:
        """The table's column."""
        return self.attribute or self.name

    def read(self, cell: str) -> Any:
        """Return the value of a cell; raise `Unreadable`."""
        return cell if self.any_word and cell == self.any_word else self.kind.read(cell)

    def write(self, value: Any) -> str:
        """Return the cell of a value."""
        if value == self.empty or value is None:
            return ""
        return str(value) if self.any_word and value == self.any_word else self.kind.write(value)


class Look(Protocol):
    """What a check across rows may see: the register as it would be, and the others as they are."""

    @property
    def touched(self) -> Sequence[tuple[int, Row]]:
        """Rows that would be added or changed, with their numbers in the file."""

    def line_of(self, row: Row) -> int:
        """Return the number of a row in the file, or of one that is about the same thing."""

    def of(self, subject: Key) -> Sequence[Row]:
        """Return the rows about one thing, as they would be, in order of time."""

    def known(self, subject: Key) -> bool:
        """Tell whether the register has rows about this thing already."""

    @property
    def codes(self) -> Collection[str]:
        """Every code that the register has or would have, that of a row which was taken back among them."""

    def all(self) -> Iterable[Row]:
        """Return every row as it would be."""

    def other(self, register: str) -> Mapping[Key, Sequence[Row]]:
        """Return another register's rows by what they are about."""

    @property
    def today(self) -> date:
        """The day of the check."""


def _nothing(_: Any) -> Iterable[Any]:
    return ()


@dataclass(frozen=True)
class Register:
    """One register, said once: reading, writing, checking, changing and describing it all follow from this."""

    name: str
    """As in commands, addresses and file names."""
    says: Text
    holds: str
    """What one row is, for the reference."""
    model: type[Base]
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    """The columns that name a row, when it begins among them."""
    called: str = ""
    """Its command, where that is not its name."""
    begins: str = "valid_from"
    ends: str | None = "valid_to"
    follows: tuple[str, ...] = ()
    """What a row that has begun may be given besides an end."""
    once: tuple[str, ...] = ()
    """What of that is given once, and then stays."""
    undated: bool = False
    """Whether a thing has one row for as long as it is there, which may change in what `follows`, from now on."""
    about: tuple[str, ...] | None = None
    """The columns that name the thing a row is about; the key without its beginning, where not said."""
    part_of: str = ""
    """The column that names, together with the beginning, the row of another register that it is a part of."""
    cooled: bool = False
    """Whether what is new takes effect only after the cooling time."""
    exclusive: bool = True
    """Whether one thing has at most one row at any time."""
    slips: Callable[[Row], Iterable[Slip]] = field(default=_nothing)
    """What is wrong within one row."""
    checks: Callable[[Look], Iterable[Problem]] = field(default=_nothing)
    """What is wrong across rows."""

    @cached_property
    def row(self) -> type[Any]:
        """The named tuple of a row."""
        return namedtuple(self.name, [column.name for column in self.columns])  # noqa: PYI024 - its fields are known only here

    @cached_property
    def table(self) -> str:
        """The table's name."""
        return str(self.model.__tablename__)

    @cached_property
    def file_name(self) -> str:
        """The name its file has."""
        return f"{self.name}.csv"

    @cached_property
    def command(self) -> str:
        """The command that keeps it."""
        return self.called or self.name.replace("_", "-")

    @cached_property
    def reads(self) -> tuple[str, ...]:
        """The other registers it refers to."""
        return tuple(dict.fromkeys(column.of for column in self.columns if column.of not in {"", self.name}))

    @cached_property
    def subject(self) -> tuple[str, ...]:
        """The columns that name the thing a row is about."""
        return self.about or tuple(name for name in self.key if name != self.begins)

    def key_of(self, row: Row) -> Key:
        """Return what names the row."""
        return tuple(getattr(row, name) for name in self.key)

    def subject_of(self, row: Row) -> Key:
        """Return what the row is about."""
        return tuple(getattr(row, name) for name in self.subject)

    def begin_of(self, row: Row) -> date:
        """Return the row's first day."""
        day: date = getattr(row, self.begins)
        return day

    def end_of(self, row: Row) -> date | None:
        """Return the day from which the row no longer holds, or None."""
        return getattr(row, self.ends) if self.ends else None

    def taken_back(self, row: Row) -> bool:
        """Tell whether the row was planned and never came into force."""
        end = self.end_of(row)
        return end is not None and end <= self.begin_of(row)

    def cells(self, row: Row) -> list[str]:
        """Return the row as its file has it."""
        return [column.write(value) for column, value in zip(self.columns, row, strict=True)]
