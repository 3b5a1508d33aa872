"""How refunds look from outside."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from payhub import ids
from payhub.crypto import Sealed
from payhub.errors import NotFound
from payhub.hub import Hub
from payhub.payments.models import Payment, PaymentLine
from payhub.payments.refunds.models import Refund, RefundLine, RefundTry
from payhub.staff.models import Principal

_KEPT = (
    "number", "state", "amount", "currency", "method", "reason", "requested_at", "decided_at", "submitted_at", "ended_at",
    "end_reason",
)  # fmt: skip


def find(hub: Hub, session: Session, public: str, portal_id: uuid.UUID | None = None) -> Refund:
    """Return a refund by its outside id, of this portal if one is given; raise `NotFound` where there is none."""
    refund_id = ids.read_public_id("ref", public, hub.settings.mode)
    refund = session.get(Refund, refund_id, populate_existing=True) if refund_id else None
    if refund is None:
        raise NotFound
    if portal_id is not None and session.scalar(select(Payment.portal_id).where(Payment.id == refund.payment_id)) != portal_id:
        raise NotFound
    return refund


def of_payment(hub: Hub, session: Session, payment_id: uuid.UUID) -> list[dict[str, Any]]:
    """Return every refund of a payment in outside words."""
    refunds = session.scalars(select(Refund).where(Refund.payment_id == payment_id).order_by(Refund.number)).all()
    return describe(hub, session, refunds)


def describe(hub: Hub, session: Session, refunds: Sequence[Refund]) -> list[dict[str, Any]]:
    """Return refunds in outside words."""
    wanted = [refund.id for refund in refunds]
    who = {
        principal.id: principal
        for principal in session.scalars(select(Principal).where(Principal.id.in_({refund.requested_by for refund in refunds})))
    }
    lines: dict[uuid.UUID, list[dict[str, int]]] = {key: [] for key in wanted}
    for refund_id, number, amount in session.execute(
        select(RefundLine.refund_id, PaymentLine.number, RefundLine.amount)
        .join(PaymentLine, PaymentLine.id == RefundLine.payment_line_id)
        .where(RefundLine.refund_id.in_(wanted))
        .order_by(PaymentLine.number)
    ):
        lines[refund_id].append({"number": number, "amount": amount})
    known = select(RefundTry.refund_id, RefundTry.gateway_transaction).where(RefundTry.refund_id.in_(wanted))
    known = known.where(RefundTry.gateway_transaction.is_not(None)).order_by(RefundTry.number)
    numbers = dict(session.execute(known).all())
    mode = hub.settings.mode
    return [
        {
            **{name: getattr(refund, name) for name in _KEPT},
            "id": ids.public_id("ref", refund.id, mode),
            "payment": ids.public_id("pay", refund.payment_id, mode),
            "lines": lines[refund.id],
            "unapplied": ids.public_id("uap", refund.receipt_id, mode) if refund.receipt_id else None,
            "proposal": ids.public_id("prp", refund.proposal_id, mode) if refund.proposal_id else None,
            "requested_by": who[refund.requested_by],
            "gateway_transaction": numbers.get(refund.id),
        }
        for refund in refunds
    ]


def for_staff(hub: Hub, session: Session, refund: Refund) -> dict[str, Any]:
    """Return a refund as a person sees it: with the requester's words and every try."""
    tries = session.scalars(select(RefundTry).where(RefundTry.refund_id == refund.id).order_by(RefundTry.number)).all()
    note = None
    if refund.note is not None and refund.note_key is not None:
        note = hub.keyring.open(Sealed(refund.note_key, refund.note), f"refund note {refund.id}").decode()
    return {**describe(hub, session, [refund])[0], "note": note, "tries": tries}
