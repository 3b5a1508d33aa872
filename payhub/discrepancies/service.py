"""Opening, updating and resolving discrepancies: one open per (kind, key), whoever finds it and however often."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from payhub import ids
from payhub.discrepancies.models import Discrepancy, DiscrepancyAct

SYSTEM = "system"


def open_(
    session: Session,
    *,
    kind: str,
    key: str,
    on: date,
    amount: int,
    currency: str,
    evidence: dict[str, Any],
    now: datetime,
    gateway_account_id: uuid.UUID | None = None,
    payment_id: uuid.UUID | None = None,
    actor: str = SYSTEM,
) -> uuid.UUID:
    """Open a discrepancy, or add new evidence to the one already open; return its id. `amount` is minor units."""
    found = session.scalar(
        select(Discrepancy).where(Discrepancy.kind == kind, Discrepancy.key == key, Discrepancy.state != "resolved").with_for_update()
    )
    if found is None:
        found = Discrepancy(
            id=ids.new_id(), kind=kind, key=key, state="open", on=on, amount=amount, currency=currency, evidence=evidence,
            opened_at=now, gateway_account_id=gateway_account_id, payment_id=payment_id,
        )  # fmt: skip
        session.add(found)
        act = "opened"
    elif found.evidence == evidence and found.amount == amount:
        return found.id
    else:
        found.evidence, found.amount, act = evidence, amount, "new evidence"
    session.flush()
    session.add(DiscrepancyAct(id=ids.new_id(), discrepancy_id=found.id, act=act, actor=actor, at=now, data=evidence))
    return found.id
