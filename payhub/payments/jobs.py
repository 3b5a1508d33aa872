"""The payments' periodic work."""

from __future__ import annotations

import uuid

from payhub import idempotency, jobs
from payhub.payments import checks, expiry


def check_due() -> None:
    """Ask about every attempt whose next question is due."""
    hub = jobs.hub()
    with hub.db.session() as session:
        due = checks.due(session, hub.clock.now())
    for attempt_id in due:
        checks.check(hub, attempt_id)


def expire_due() -> None:
    """Close and expire payments whose time is over."""
    hub = jobs.hub()
    with hub.db.session() as session:
        due = expiry.due(session, hub.clock.now())
    for payment_id in due:
        expiry.expire(hub, payment_id)


def check(attempt_id: str) -> None:
    """Ask about one attempt now."""
    checks.check(jobs.hub(), uuid.UUID(attempt_id))


def sweep() -> None:
    """Forget idempotency answers past their retention."""
    hub = jobs.hub()
    with hub.db.session() as session:
        idempotency.sweep(session, hub.clock.now(), hub.settings.api.idempotency_s)
