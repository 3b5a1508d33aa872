"""Within how many days each kind of discrepancy must be dealt with: the table's, and what a deployment says otherwise."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from payhub.discrepancies.kinds import TABLE

INFO = "discrepancy_days"
"""Under this name a database's sessions carry the terms of their deployment."""
_DAYS = re.compile(r"(?:[a-z_]+:[1-9]\d{0,2}(?:,|\Z))*")


@dataclass(frozen=True, slots=True)
class Discrepancies:
    """`days`: other terms than the table's, as `KIND:DAYS` pairs separated by commas, such as `paid_twice:1,late:7`."""

    days: str = ""

    @property
    def readable(self) -> bool:
        """Tell whether the terms are written as they must be, of kinds there are."""
        return bool(_DAYS.fullmatch(self.days)) and not self.days.endswith(",") and set(self._own()) <= set(TABLE)

    def by_kind(self) -> Mapping[str, int]:
        """Return the term of every kind."""
        return {name: kind.days for name, kind in TABLE.items()} | self._own()

    def _own(self) -> dict[str, int]:
        pairs = (pair.split(":") for pair in self.days.split(",") if pair)
        return {kind: int(days) for kind, days in pairs}
