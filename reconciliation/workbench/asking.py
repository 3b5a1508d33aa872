"""Asking the gateway again about what a discrepancy names. No transaction is open while it is waited for."""

from __future__ import annotations

import uuid
from typing import Any

from gateways.base import Queryable, Refundable
from payhub.discrepancies.acting import unresolved
from payhub.discrepancies.errors import ActImpossible
from payhub.hub import Hub
from payhub.payments import checks
from payhub.payments.refunds import sending
from reconciliation.workbench.about import About, about


def ask(hub: Hub, discrepancy_id: uuid.UUID) -> dict[str, Any]:
    """Ask, apply the gateway's verified word, and return what the history says of it: codes and amounts."""
    with hub.db.session() as session:
        what = about(hub, session, unresolved(session, discrepancy_id))
    if not askable(hub, what):
        raise ActImpossible("nothing_to_ask")
    if what.refund is not None:
        answer: Any = sending.ask_again(hub, what.refund.id)
        told = {"about": "refund", "refund": str(what.refund.id)}
    elif what.attempt is not None:
        answer = checks.ask_again(hub, what.attempt.id)
        told = {"about": "attempt", "attempt": str(what.attempt.id)}
    if answer is None:
        return {**told, "answer": None}
    return {**told, "answer": answer.outcome.value, "raw_code": answer.raw_code, "amount": answer.amount}


def askable(hub: Hub, what: About) -> bool:
    """Tell whether there is somebody to ask, and something."""
    thing = what.refund or what.attempt
    if thing is None:
        return False
    gateway = hub.gateways[hub.registers.gateway_accounts_by_id[thing.gateway_account_id].gateway]
    return isinstance(gateway, Refundable if what.refund else Queryable)
