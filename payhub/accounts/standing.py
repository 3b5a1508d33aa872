"""How the gateway accounts stand, for people and for machines that watch."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from payhub.hub import Hub
from payhub.staff.models import Principal


def standings(hub: Hub, session: Session) -> Sequence[dict[str, Any]]:
    """Return every gateway account with its condition, what that is concluded from, and who holds it back."""
    registers, now = hub.registers, hub.clock.now()
    holders = [held.held_by for held in registers.held.values()]
    names = dict(session.execute(select(Principal.id, Principal.name).where(Principal.id.in_(holders))).all())
    found = []
    for account in registers.gateway_accounts.values():
        standing, held = hub.health.standing(account.id), registers.held.get(account.id)
        found.append({
            "account": account.code,
            "gateway": account.gateway,
            "condition": "held" if held else standing.condition.value if account.in_use(now) else "closed",
            "calls": standing.calls,
            "bad": standing.bad,
            "rate": standing.rate,
            "probe_at": datetime.fromtimestamp(standing.probe_at, UTC) if standing.probe_at else None,
            "held_by": names.get(held.held_by) if held else None,
            "held_at": held.held_at if held else None,
            "reason": held.reason if held else None,
        })  # fmt: skip
    return found
