"""What was written, table by table, as PostgreSQL counted it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from sqlalchemy import Engine, text

Written = Mapping[str, tuple[int, int, int]]
"""By table: rows inserted, updated, deleted."""

_PATIENCE_S = 20.0
# What a process notes of its ring when it starts is no part of a life-cycle, and may be counted only after it has begun one.
# Rollups are folded every few seconds from the journals of either side, a key's use is written once a minute, and yesterday stated.
_COUNTERS = text(
    "SELECT relname, n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_user_tables "
    "WHERE relname NOT IN ('key_version', 'rollup', 'fold', 'api_key_use', 'day_file', 'day_file_ask', 'file_part')"
)
_UNNUMBERED = text("SELECT count(*) FROM event WHERE position IS NULL")


class RowsDiffer(Exception):
    """The floor does not write what the hub writes: the two rates cannot be held against each other."""


def written(engine: Engine) -> Written:
    """Return the counters as they stand."""
    with engine.connect() as connection:
        return {row[0]: (row[1], row[2], row[3]) for row in connection.execute(_COUNTERS)}


def between(before: Written, after: Written) -> Written:
    """Return what was written between two looks, tables without a change left out."""
    changes = {
        table: tuple(now - then for now, then in zip(counts, before.get(table, (0, 0, 0)), strict=True))
        for table, counts in after.items()
    }
    return {table: (change[0], change[1], change[2]) for table, change in sorted(changes.items()) if any(change)}


def quiet(engine: Engine, nudge: Callable[[], None]) -> Written:
    """Wait until nothing is left to be counted, and return the counters."""
    deadline, before = time.monotonic() + _PATIENCE_S, written(engine)
    while True:
        # Longer than the second that a server process may keep its counters to itself.
        time.sleep(1.1)
        nudge()
        after = written(engine)
        if not between(before, after) or time.monotonic() > deadline:
            return after
        before = after


def counted(engine: Engine, before: Written, *, payments: int, nudge: Callable[[], None]) -> Written:
    """Wait until so many whole life-cycles are counted, and return the counters.

    A server process reports its counters when it commits, at most once a second: `nudge` makes all of them commit.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        after = written(engine)
        found = between(before, after)
        whole = all(found.get(table, (0,))[0] == payments for table in ("payment", "attempt", "journal", "callback"))
        if (whole and _numbered(engine, found)) or time.monotonic() > deadline:
            return after
        time.sleep(0.3)
        nudge()


def compare(hub: Written, floor: Written) -> None:
    """Raise unless both wrote the same number of rows into the same tables."""
    if hub != floor:
        tables = sorted({*hub, *floor})
        lines = [
            f"{table}: hub {hub.get(table)}, floor {floor.get(table)}" for table in tables if hub.get(table) != floor.get(table)
        ]
        raise RowsDiffer("rows inserted, updated, deleted by as many life-cycles differ:\n  " + "\n  ".join(lines))


def _numbered(engine: Engine, found: Written) -> bool:
    """Tell whether the relay has numbered every event, and is counted."""
    with engine.connect() as connection:
        inserted, updated, _ = found.get("event", (0, 0, 0))
        return connection.scalar(_UNNUMBERED) == 0 and inserted == updated
