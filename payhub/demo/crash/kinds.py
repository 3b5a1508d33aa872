"""A check, and what it means where it fails."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

_SHOWN = 8


class Kind(StrEnum):
    """What it means where a check fails."""

    LOST = "lost"
    DOUBLED = "doubled"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Check:
    """One statement, what breaks it, and among how many that was looked for."""

    name: str
    kind: Kind
    found: Collection[object]
    among: int

    @property
    def holds(self) -> bool:
        """Tell whether nothing breaks it."""
        return not self.found

    def __str__(self) -> str:
        said = f"{self.kind}: {self.name}: {len(self.found)} of {self.among}: {', '.join(sorted(map(str, self.found))[:_SHOWN])}"
        return f"{self.name}: none of {self.among}" if self.holds else said
