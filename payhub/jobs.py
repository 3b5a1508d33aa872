"""Jobs: RQ carries ids and may lose them; what must happen is a row, so a job reads it again and may run twice."""

from __future__ import annotations

from rq import Queue

from payhub.hub import Hub

QUEUE = "payhub"


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
