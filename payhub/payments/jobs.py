"""The payments' periodic work."""

from __future__ import annotations

import uuid

from payhub import idempotency, jobs
from payhub.payments import checks, closing, probing
from payhub.payments.refunds import sending


def check_due() -> None:
    """Ask about every attempt whose next question is due."""
    hub = jobs.hub()
    with hub.db.session() as session:
        due = checks.due(session, hub.clock.now())
    for attempt_id in due:
        checks.check(hub, attempt_id)
    with hub.db.session() as session:
        checks.close_known(session, hub.clock.now())


def refund_due() -> None:
    """Send every refund that may go, and ask about those that were not answered."""
    hub = jobs.hub()
    with hub.db.session() as session:
        due = sending.due(session, hub.clock.now())
    for refund_id in due:
        sending.step(hub, refund_id)


def close_due() -> None:
    """Expire payments whose time is up and end those that are closing."""
    hub = jobs.hub()
    with hub.db.session() as session:
        due = closing.due(session, hub.clock.now())
    for payment_id in due:
        closing.finish(hub, payment_id)


def check(attempt_id: str) -> None:
    """Ask about one attempt now."""
    checks.check(jobs.hub(), uuid.UUID(attempt_id))


def probe_due() -> None:
    """Ask gateway accounts that were failing whether they work again."""
    probing.probe(jobs.hub())


def sweep() -> None:
    """Forget idempotency answers past their retention."""
    hub = jobs.hub()
    with hub.db.session() as session:
        idempotency.sweep(session, hub.clock.now(), hub.settings.api.idempotency_s)
