"""Finding out whether a gateway account that was failing works again, before a citizen has to."""

from __future__ import annotations

from sqlalchemy import select

from gateways.base import Queryable
from payhub.accounts.health import Condition
from payhub.hub import Hub
from payhub.payments.checks import ask
from payhub.payments.models import Attempt


def probe(hub: Hub) -> int:
    """Ask each account that is due for a probe about its newest order; return how many were asked.

    What it answers changes nothing but the account's standing. Without a question to ask, the next citizen finds out.
    """
    asked = 0
    for account in hub.registers.gateway_accounts.values():
        gateway = hub.gateways.get(account.gateway)
        if not isinstance(gateway, Queryable) or hub.health.standing(account.id).condition is not Condition.PROBING:
            continue
        newest = select(Attempt).where(Attempt.gateway_account_id == account.id).order_by(Attempt.id.desc()).limit(1)
        with hub.db.session() as session:
            attempt = session.scalar(newest)
        if attempt is not None:
            ask(hub, account, attempt, hub.clock.now())
            asked += 1
    return asked
