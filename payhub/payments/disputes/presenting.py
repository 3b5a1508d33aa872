"""How disputes look from outside."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from payhub import ids
from payhub.errors import NotFound
from payhub.hub import Hub
from payhub.payments.disputes.models import Dispute, DisputeLine
from payhub.payments.models import Payment, PaymentLine
from payhub.staff.models import Principal

_KEPT = ("number", "state", "gateway_case", "amount", "currency", "opened_at", "ended_at")


def read_id(hub: Hub, public: str) -> uuid.UUID:
    """Read a dispute's outside id; raise `NotFound` where it is none."""
    found = ids.read_public_id("dsp", public, hub.settings.mode)
    if found is None:
        raise NotFound
    return found


def look(hub: Hub, session: Session, dispute_id: uuid.UUID) -> dict[str, Any]:
    """Return one dispute in outside words; raise `NotFound` where there is none."""
    found = session.get(Dispute, dispute_id)
    if found is None:
        raise NotFound
    return describe(hub, session, [found])[0]


def of_payment(hub: Hub, session: Session, public: str, portal_id: uuid.UUID | None = None) -> list[dict[str, Any]]:
    """Return every dispute of a payment, of this portal if one is given; raise `NotFound` where there is no such payment."""
    payment_id = ids.read_public_id("pay", public, hub.settings.mode)
    owner = session.scalar(select(Payment.portal_id).where(Payment.id == payment_id))
    if owner is None or portal_id not in {None, owner}:
        raise NotFound
    disputes = session.scalars(select(Dispute).where(Dispute.payment_id == payment_id).order_by(Dispute.number)).all()
    return describe(hub, session, disputes)


def describe(hub: Hub, session: Session, disputes: Sequence[Dispute]) -> list[dict[str, Any]]:
    """Return disputes in outside words."""
    opened_by = {dispute.opened_by for dispute in disputes}
    who = {principal.id: principal for principal in session.scalars(select(Principal).where(Principal.id.in_(opened_by)))}
    lines: dict[uuid.UUID, list[dict[str, int]]] = {dispute.id: [] for dispute in disputes}
    for dispute_id, number, amount, charged_back in session.execute(
        select(DisputeLine.dispute_id, PaymentLine.number, DisputeLine.amount, DisputeLine.charged_back)
        .join(PaymentLine, PaymentLine.id == DisputeLine.payment_line_id)
        .where(DisputeLine.dispute_id.in_(lines))
        .order_by(PaymentLine.number)
    ):
        lines[dispute_id].append({"number": number, "amount": amount, "charged_back": charged_back})
    accounts, mode = hub.registers.gateway_accounts_by_id, hub.settings.mode
    return [
        {
            **{name: getattr(dispute, name) for name in _KEPT},
            "id": ids.public_id("dsp", dispute.id, mode),
            "payment": ids.public_id("pay", dispute.payment_id, mode),
            "gateway_account": accounts[dispute.gateway_account_id].code,
            "lines": lines[dispute.id],
            "opened_by": who[dispute.opened_by],
            "proposal": ids.public_id("prp", dispute.proposal_id, mode) if dispute.proposal_id else None,
        }
        for dispute in disputes
    ]
