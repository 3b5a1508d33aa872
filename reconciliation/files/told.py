"""Reading a TOML table that people wrote: every fault is noted by the name of its setting, none stops the reading."""

from __future__ import annotations

import re
from typing import Any

_CELL = re.compile(r"([A-Z]{1,3})([1-9]\d{0,6})")


class Told:
    """A table, and what was asked of it; a setting nobody asks for is a fault."""

    def __init__(self, table: dict[str, Any], faults: list[str], path: str = "") -> None:
        self._table, self.faults, self._path = table, faults, path
        self._asked: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._table

    def fault(self, name: str, why: str) -> None:
        """Note that a setting is wrong."""
        self.faults.append(f"{self._path}{name} {why}")

    def raw(self, name: str) -> Any:
        """Return whatever stands there, None where nothing does."""
        self._asked.add(name)
        return self._table.get(name)

    def text(self, name: str, default: str | None = None, *, among: tuple[str, ...] = ()) -> str:
        """Return a text; without a default it must be there."""
        value = self.raw(name)
        if value is None and default is not None:
            return default
        if value is None:
            self.fault(name, "is missing")
        elif not isinstance(value, str):
            self.fault(name, "must be a text")
        elif among and value not in among:
            self.fault(name, f"must be one of {', '.join(among)}")
        else:
            return value
        return default or (among[0] if among else "")

    def whole(self, name: str, default: int, least: int = 1) -> int:
        """Return a whole number."""
        value = self.raw(name)
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            self.fault(name, f"must be a whole number of at least {least}")
            return default
        return value

    def yes(self, name: str, *, default: bool) -> bool:
        """Return true or false."""
        value = self.raw(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.fault(name, "must be true or false")
            return default
        return value

    def words(self, name: str) -> tuple[str, ...]:
        """Return a list of texts."""
        value = self.raw(name)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
            self.fault(name, "must be a list of texts")
            return ()
        return tuple(value)

    def table(self, name: str) -> Told:
        """Return a table inside; an empty one where there is none."""
        value = self.raw(name)
        if value is not None and not isinstance(value, dict):
            self.fault(name, "must be a table")
            value = None
        return Told(value or {}, self.faults, f"{self._path}{name}.")

    def names(self) -> list[str]:
        """Return what is set here."""
        return list(self._table)

    def cell(self, name: str) -> tuple[int, int] | None:
        """Return where a cell such as C4 stands: its row from 1 and its column from 0."""
        value = self.raw(name)
        if value is None:
            return None
        match = _CELL.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            self.fault(name, "must be a cell such as C4")
            return None
        column = 0
        for letter in match[1]:
            column = column * 26 + ord(letter) - ord("A") + 1
        return int(match[2]), column - 1

    def finish(self) -> None:
        """Note every setting nobody knows."""
        for name in self._table.keys() - self._asked:
            self.fault(name, "is not a setting")
