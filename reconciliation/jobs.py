"""The reconciliation's jobs. Losing one costs time: what must run is a row."""

from __future__ import annotations

import uuid

from redis.exceptions import RedisError

from payhub import jobs, log
from payhub.hub import Hub
from reconciliation import runs

_log = log.get(__name__)
_QUIET_S = 60
"""How long a run that was put into the queue is not put there again."""


def run(run_id: str) -> None:
    """Carry out one run, and put into the queue those it asked for."""
    hub = jobs.hub()
    for asked in runs.execute(hub, uuid.UUID(run_id)):
        send(hub, asked)


def start_waiting() -> None:
    """Put into the queue whatever waits or was left unfinished."""
    hub = jobs.hub()
    with hub.db.session() as session:
        waiting = runs.to_start(session, hub.clock.now())
    for run_id in waiting:
        send(hub, run_id)


def ask_learned() -> None:
    """Ask for new runs of the days of which the hub has learned more."""
    hub = jobs.hub()
    with hub.db.session() as session:
        asked = runs.ask_learned(session, hub.clock.now())
    for run_id in asked:
        send(hub, run_id)


def send(hub: Hub, run_id: uuid.UUID) -> None:
    """Put a run, already committed, into the queue once a minute at most; without the queue the scheduler does it later."""
    try:
        if hub.redis.set(f"payhub:run:{run_id}", 1, nx=True, ex=_QUIET_S):
            jobs.enqueue(hub, "reconciliation.jobs.run", str(run_id))
    except RedisError as error:
        _log.warning("run.not_queued", run=str(run_id), kind=type(error).__name__)
