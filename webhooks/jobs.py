"""The webhooks' periodic work."""

from __future__ import annotations

from datetime import timedelta

from payhub import jobs
from webhooks import relay as relays
from webhooks import replies, unverified
from webhooks.callbacks import waiting
from webhooks.couriers import Couriers

_COURIERS = Couriers()
_SWEEPS = 200
"""Batches of tries that one job forgets at most."""


def relay() -> None:
    """Give committed events their positions and write a delivery for each endpoint that is told of them."""
    hub = jobs.hub()
    relays.run(hub.db, hub.clock.now())


def deliver_due() -> None:
    """See that everything due is sent, and wait for nobody: couriers outlive this job."""
    _COURIERS.begin(jobs.hub())


def retry_callbacks() -> None:
    """Try every message again that waits and whose time has come."""
    hub = jobs.hub()
    with hub.db.session() as session:
        due = waiting.due(session, hub.clock.now())
    for callback_id in due:
        waiting.retry(hub, callback_id)


def sweep() -> None:
    """Forget messages that nobody signed for, and tries of deliveries, that are old."""
    hub = jobs.hub()
    with hub.db.session() as session:
        unverified.sweep(session, hub.clock.now())
    before = hub.clock.now() - timedelta(days=hub.settings.webhooks.log_days)
    for _ in range(_SWEEPS):
        with hub.db.session() as session:
            if replies.sweep(session, before) < replies.SWEPT:
                break
