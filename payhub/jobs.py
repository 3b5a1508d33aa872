"""Jobs: RQ carries ids and may lose them; what must happen is a row, so a job reads it again and may run twice."""

from __future__ import annotations

import uuid

from redis.exceptions import RedisError
from rq import Queue

from payhub import log
from payhub.hub import Hub

QUEUE = "payhub"
_QUIET_S = 30
"""How long what was put into the queue and not begun is not put there again."""
_LONGEST_S = 6 * 3600
_log = log.get(__name__)


class _Process:
    """What a worker process works with: set once before the first job."""

    hub: Hub | None = None


def bind(hub: Hub | None) -> None:
    """Give this process's jobs their hub, or take it from them."""
    _Process.hub = hub


def hub() -> Hub:
    """Return the hub of this process; a job calls it first."""
    if _Process.hub is None:
        raise RuntimeError("this process runs no jobs: bind() was not called")
    return _Process.hub


def queue(hub: Hub) -> Queue:
    """Return the queue that the workers read."""
    return Queue(QUEUE, connection=hub.redis)


def enqueue(hub: Hub, path: str, *ids: str, timeout_s: int = 600) -> None:
    """Ask for a job by dotted path, only after the row that wants it is committed; losing it costs time, never the work."""
    queue(hub).enqueue(path, *ids, result_ttl=60, failure_ttl=24 * 3600, job_timeout=timeout_s)


def send(hub: Hub, path: str, row_id: uuid.UUID) -> None:
    """Ask for the job of a row, already committed, unless it was asked for just now; else the scheduler does it later."""
    try:
        if hub.redis.set(_key(path, row_id), 1, nx=True, ex=_QUIET_S):
            enqueue(hub, path, str(row_id), timeout_s=_LONGEST_S)
    except RedisError as error:
        _log.warning("job.not_queued", job=path, id=str(row_id), kind=type(error).__name__)


def begun(hub: Hub, path: str, row_id: str) -> None:
    """Say that a row's job has begun: should it die, it may be asked for again as soon as that is seen."""
    try:
        hub.redis.delete(_key(path, row_id))
    except RedisError as error:
        _log.warning("job.not_forgotten", job=path, id=row_id, kind=type(error).__name__)


def _key(path: str, row_id: uuid.UUID | str) -> str:
    return f"payhub:asked:{path}:{row_id}"
