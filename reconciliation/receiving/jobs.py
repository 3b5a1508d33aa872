"""The jobs of files that come by themselves. Losing one costs time: what came is a row."""

from __future__ import annotations

import uuid

from payhub import jobs
from payhub.hub import Hub
from reconciliation.jobs import send
from reconciliation.receiving import folder, looking, working

_POLL, _RECEIVE = "reconciliation.receiving.jobs.poll", "reconciliation.receiving.jobs.receive"


def look() -> None:
    """Look into the folder, and have those servers and gateways asked whose time has come."""
    hub = jobs.hub()
    folder.look(hub)
    with hub.db.session() as session:
        sources = looking.due(hub, session)
    for source_id in sources:
        jobs.send(hub, _POLL, source_id)
    start_waiting()


def poll(source_id: str) -> None:
    """Ask one server or gateway what it has."""
    hub = jobs.hub()
    jobs.begun(hub, _POLL, source_id)
    looking.poll(hub, uuid.UUID(source_id))
    start_waiting()


def start_waiting() -> None:
    """Put into the queue the files that may be taken now."""
    _send_waiting(jobs.hub())


def receive(file_id: str) -> None:
    """Take one file, and let the run over it and the account's next file follow."""
    hub = jobs.hub()
    jobs.begun(hub, _RECEIVE, file_id)
    run_id = working.execute(hub, uuid.UUID(file_id))
    if run_id is not None:
        send(hub, run_id)
    _send_waiting(hub, but=uuid.UUID(file_id))


def _send_waiting(hub: Hub, but: uuid.UUID | None = None) -> None:
    with hub.db.session() as session:
        waiting = working.due(session, hub.clock.now())
    for file_id in waiting:
        if file_id != but:
            jobs.send(hub, _RECEIVE, file_id)
