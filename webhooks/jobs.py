"""The webhooks' periodic work."""

from __future__ import annotations

from payhub import jobs
from webhooks import relay as relays
from webhooks import unverified
from webhooks.callbacks import waiting
from webhooks.couriers import Couriers

_COURIERS = Couriers()
_PATIENCE_S = 2.0
"""How long the job waits for its couriers: a slow endpoint must not hold up the worker."""


def relay() -> None:
    """Give committed events their positions and write a delivery for each endpoint that is told of them."""
    hub = jobs.hub()
    relays.run(hub.db, hub.clock.now())


def deliver_due() -> None:
    """Send every delivery that is due."""
    _COURIERS.deliver_due(jobs.hub(), _PATIENCE_S)


def retry_callbacks() -> None:
    """Try every message again that waits and whose time has come."""
    hub = jobs.hub()
    with hub.db.session() as session:
        due = waiting.due(session, hub.clock.now())
    for callback_id in due:
        waiting.retry(hub, callback_id)


def sweep() -> None:
    """Forget messages that nobody signed for and that are old."""
    hub = jobs.hub()
    with hub.db.session() as session:
        unverified.sweep(session, hub.clock.now())
