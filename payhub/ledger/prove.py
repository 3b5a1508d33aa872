"""Recomputing everything from rows: each law counts what it speaks of and selects what breaks it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, text

from payhub.registry import Law


@dataclass(frozen=True, slots=True)
class Proven:
    """One law, held against the rows: how many it was held against, and the first of those that break it."""

    law: str
    checked: int
    broken: Sequence[Sequence[Any]]

    @property
    def holds(self) -> bool:
        """Tell whether nothing breaks it."""
        return not self.broken


def prove(engine: Engine, laws: Sequence[Law], shown: int = 20, *, counted: bool = True) -> Iterator[Proven]:
    """Hold every law against one snapshot of the database; count what each is held against, or leave it at 0."""
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection, connection.begin():
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        for law in laws:
            checked = connection.scalar(text(law.checked)) or 0 if counted else 0
            broken = connection.execute(text(law.broken)).fetchmany(shown)
            yield Proven(law.name, checked, [tuple(row) for row in broken])
