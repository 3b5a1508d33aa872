"""The jobs of day files. Losing one costs time: what is to be made is a row."""

from __future__ import annotations

import uuid

from payhub import jobs, log
from payhub.hub import Hub
from reconciliation.dayfiles import asking

_MAKE = "reconciliation.dayfiles.jobs.make"
_log = log.get(__name__)


def ask_due() -> None:
    """Ask for the files of the day before, and put into the queue whatever is to be made."""
    hub = jobs.hub()
    with hub.db.session() as session:
        asking.ask_for_yesterday(hub, session, hub.clock.now())
    _send_waiting(hub)
    with hub.db.session() as session:
        if late := asking.late(session, hub.clock.now()):
            _log.error("day_files.late", portals=late)


def make(portal_id: str) -> None:
    """Make the files that one portal is to have."""
    hub = jobs.hub()
    jobs.begun(hub, _MAKE, portal_id)
    asking.work(hub, uuid.UUID(portal_id))


def send(hub: Hub, portal_id: uuid.UUID) -> None:
    """Put into the queue a portal for whom files are to be made; without the queue the scheduler does it later."""
    jobs.send(hub, _MAKE, portal_id)


def _send_waiting(hub: Hub) -> None:
    with hub.db.session() as session:
        waiting = asking.due(session)
    for portal_id in waiting:
        send(hub, portal_id)
