"""Recomputing everything from rows: each law counts what it speaks of and selects what breaks it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine

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
    # Laws are whole statements without parameters: they go to the server as they are written.
    as_written = engine.connect().execution_options(isolation_level="REPEATABLE READ", no_parameters=True)
    with as_written as connection, connection.begin():
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        for law in laws:
            checked = connection.exec_driver_sql(law.checked).scalar_one() if counted else 0
            broken = connection.exec_driver_sql(law.broken).fetchmany(shown)
            yield Proven(law.name, checked, [tuple(row) for row in broken])
