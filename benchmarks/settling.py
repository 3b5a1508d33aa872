"""Reconciling a day: its file taken in and run, beside nothing but the join of the same rows."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from benchmarks.history import Day
from benchmarks.stage import ACCOUNT, Stage
from reconciliation import runs
from reconciliation.models import Run
from reconciliation.settlements import Imported, import_settlement

_PATIENCE_S = 60.0
_BARE = text(
    """
    SELECT count(*) FILTER (WHERE theirs.reference IS NULL) AS missing_there,
           count(*) FILTER (WHERE ours.reference IS NULL) AS missing_here,
           count(*) FILTER (WHERE ours.amount <> theirs.amount) AS differing
    FROM (
      SELECT reference, confirmed AS amount FROM attempt WHERE gateway_account_id = :account_id AND gateway_on = :day
    ) AS ours
    FULL JOIN (
      SELECT reference, sum(amount) AS amount FROM settlement_line WHERE settlement_id = :settlement_id GROUP BY reference
    ) AS theirs USING (reference)
    """
)


class NotReconciled(Exception):
    """A run did not find what the file was made with."""


@dataclass(frozen=True, slots=True)
class Settled:
    """One day: how long taking in, running and the bare join took."""

    lines: int
    import_s: float
    run_s: float
    bare_s: float

    @property
    def rate(self) -> float:
        """Lines per second, from the file's bytes to the committed run."""
        return self.lines / (self.import_s + self.run_s)

    @property
    def bare_rate(self) -> float:
        """Lines per second of the join alone."""
        return self.lines / self.bare_s


def settle(stage: Stage, day: Day) -> Settled:
    """Reconcile a day and measure it."""
    hub, began = stage.hub, time.perf_counter()
    imported = import_settlement(hub, ACCOUNT, day.on, f"{ACCOUNT}-{day.on}.csv", day.file)
    taken = time.perf_counter()
    runs.execute(hub, imported.run_id)
    classes = _finished(stage, imported)
    done = time.perf_counter()
    expected = dict.fromkeys(("missing_at_gateway", "missing_at_hub", "amount_differs"), day.differing)
    found = {name: classes.get(name, {}).get("count", 0) for name in expected}
    if found != expected:
        raise NotReconciled(f"{day.on}: {classes} where {expected} was made")
    account = hub.registers.gateway_accounts[ACCOUNT]
    binds = {"account_id": account.id, "day": day.on, "settlement_id": imported.settlement.id}
    with stage.engine.connect() as connection:
        asked = time.perf_counter()
        bare = connection.execute(_BARE, binds).one()
        answered = time.perf_counter()
    if set(bare) != {day.differing}:
        raise NotReconciled(f"{day.on}: the bare join found {tuple(bare)} where {day.differing} of each was made")
    return Settled(day.lines, taken - began, done - taken, answered - asked)


def _finished(stage: Stage, imported: Imported) -> Mapping[str, Any]:
    """Return the counts of a run; the scheduler may have been quicker and given it to the worker."""
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        with stage.hub.db.session() as session:
            run = session.get(Run, imported.run_id)
        if run is not None and run.state in {"done", "failed"}:
            return run.counts
        time.sleep(0.02)
    raise NotReconciled("a run did not end")
