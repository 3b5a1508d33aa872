"""The jobs of files that come by themselves. Losing one costs time: what came is a row."""

from __future__ import annotations

import uuid

from redis.exceptions import RedisError

from payhub import jobs, log
from payhub.hub import Hub
from reconciliation.jobs import send
from reconciliation.receiving import folder, looking, working

_QUIET_S = 30
_LONGEST_S = 6 * 3600
_log = log.get(__name__)


def look() -> None:
    """Look into the folder, and have those servers and gateways asked whose time has come."""
    hub = jobs.hub()
    folder.look(hub)
    with hub.db.session() as session:
        sources = looking.due(hub, session)
    for source_id in sources:
        _once(hub, "reconciliation.receiving.jobs.poll", source_id)
    start_waiting()


def poll(source_id: str) -> None:
    """Ask one server or gateway what it has."""
    hub = jobs.hub()
    _forget(hub, source_id)
    looking.poll(hub, uuid.UUID(source_id))
    start_waiting()


def start_waiting() -> None:
    """Put into the queue the files that may be taken now."""
    _send_waiting(jobs.hub())


def receive(file_id: str) -> None:
    """Take one file, and let the run over it and the account's next file follow."""
    hub = jobs.hub()
    # Whoever begins it may die: it is to be put into the queue again as soon as that is seen.
    _forget(hub, file_id)
    run_id = working.execute(hub, uuid.UUID(file_id))
    if run_id is not None:
        send(hub, run_id)
    _send_waiting(hub, but=uuid.UUID(file_id))


def _send_waiting(hub: Hub, but: uuid.UUID | None = None) -> None:
    with hub.db.session() as session:
        waiting = working.due(session, hub.clock.now())
    for file_id in waiting:
        if file_id != but:
            _once(hub, "reconciliation.receiving.jobs.receive", file_id)


def _once(hub: Hub, path: str, row_id: uuid.UUID) -> None:
    """Put a job into the queue unless it is there; without the queue the scheduler does it later."""
    try:
        if hub.redis.set(_key(row_id), 1, nx=True, ex=_QUIET_S):
            jobs.enqueue(hub, path, str(row_id), timeout_s=_LONGEST_S)
    except RedisError as error:
        _log.warning("file.not_queued", id=str(row_id), kind=type(error).__name__)


def _forget(hub: Hub, row_id: str) -> None:
    try:
        hub.redis.delete(_key(row_id))
    except RedisError as error:
        _log.warning("file.not_forgotten", id=row_id, kind=type(error).__name__)


def _key(row_id: uuid.UUID | str) -> str:
    return f"payhub:file:{row_id}"
