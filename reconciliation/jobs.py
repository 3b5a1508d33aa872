"""The reconciliation's jobs. Losing one costs time: what must run is a row."""

from __future__ import annotations

import uuid

from payhub import jobs
from payhub.hub import Hub
from reconciliation import runs

_RUN = "reconciliation.jobs.run"


def run(run_id: str) -> None:
    """Carry out one run, and put into the queue those it asked for and the next of its account."""
    hub = jobs.hub()
    jobs.begun(hub, _RUN, run_id)
    for asked in runs.execute(hub, uuid.UUID(run_id)):
        send(hub, asked)
    _send_waiting(hub, but=uuid.UUID(run_id))


def start_waiting() -> None:
    """Put into the queue what can be begun: what waits, and what was left unfinished, one run of each account."""
    _send_waiting(jobs.hub())


def _send_waiting(hub: Hub, but: uuid.UUID | None = None) -> None:
    with hub.db.session() as session:
        waiting = runs.to_start(session, hub.clock.now())
    for run_id in waiting:
        if run_id != but:
            send(hub, run_id)


def ask_learned() -> None:
    """Ask for new runs of the days of which the hub has learned more."""
    hub = jobs.hub()
    with hub.db.session() as session:
        asked = runs.ask_learned(session, hub.clock.now())
    for run_id in asked:
        send(hub, run_id)


def send(hub: Hub, run_id: uuid.UUID) -> None:
    """Put a run, already committed, into the queue, unless it is there; without the queue the scheduler does it later."""
    jobs.send(hub, _RUN, run_id)
