"""How unapplied receipts look to the staff."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from payhub import ids
from payhub.errors import FieldProblem, InvalidInput, NotFound, Text
from payhub.hub import Hub
from payhub.payments.models import Allocation, Attempt, Payment, UnappliedReceipt
from payhub.payments.refunds.models import Refund
from payhub.payments.states import WAITING

_KEPT = ("reason", "amount", "remaining", "currency", "received_at")


def page(hub: Hub, session: Session, *, limit: int, cursor: str | None = None, state: str | None = None) -> dict[str, Any]:
    """Return a page of unapplied receipts, oldest first."""
    wanted = select(UnappliedReceipt).order_by(UnappliedReceipt.id).limit(limit + 1)
    if cursor is not None:
        after = ids.read_public_id("uap", cursor, hub.settings.mode)
        if after is None:
            wrong = Text("Con trỏ không hợp lệ", "The cursor is not one of ours")
            raise InvalidInput([FieldProblem("/cursor", "cursor_invalid", wrong)])
        wanted = wanted.where(UnappliedReceipt.id > after)
    if state is not None:
        wanted = wanted.where(UnappliedReceipt.remaining > 0 if state == "held" else UnappliedReceipt.remaining == 0)
    found = session.scalars(wanted).all()
    shown = describe(hub, session, found[:limit])
    return {"data": shown, "next": shown[-1]["id"] if len(found) > limit else None}


def look(hub: Hub, session: Session, public: str) -> dict[str, Any]:
    """Return one receipt with where parts of it went; raise `NotFound` where there is none."""
    receipt_id, mode = ids.read_public_id("uap", public, hub.settings.mode), hub.settings.mode
    receipt = session.get(UnappliedReceipt, receipt_id) if receipt_id else None
    if receipt is None:
        raise NotFound
    allocations = session.scalars(
        select(Allocation).where(Allocation.receipt_id == receipt.id).order_by(Allocation.allocated_at, Allocation.payment_id)
    )
    refunds = session.scalars(select(Refund).where(Refund.receipt_id == receipt.id).order_by(Refund.id))
    return {
        **describe(hub, session, [receipt])[0],
        "allocations": [
            {
                "payment": ids.public_id("pay", each.payment_id, mode),
                "amount": each.amount,
                "allocated_at": each.allocated_at,
                "proposal": ids.public_id("prp", each.proposal_id, mode),
            }
            for each in allocations
        ],
        "refunds": [{"id": ids.public_id("ref", each.id, mode), "amount": each.amount, "state": each.state} for each in refunds],
    }


def describe(hub: Hub, session: Session, receipts: Sequence[UnappliedReceipt]) -> list[dict[str, Any]]:
    """Return receipts in outside words."""
    wanted, mode, now = [receipt.id for receipt in receipts], hub.settings.mode, hub.clock.now()
    waiting = select(Refund.receipt_id, func.sum(Refund.amount)).where(Refund.state.in_(sorted(WAITING)))
    waiting = waiting.where(Refund.receipt_id.in_(wanted)).group_by(Refund.receipt_id)
    asked = {receipt_id: int(amount) for receipt_id, amount in session.execute(waiting)}
    came, registers = _came(session, wanted), hub.registers
    return [
        {
            **{name: getattr(receipt, name) for name in _KEPT},
            "id": ids.public_id("uap", receipt.id, mode),
            "payment": ids.public_id("pay", receipt.payment_id, mode) if receipt.payment_id else None,
            "portal": registers.portals[came[receipt.id].portal_id].code if receipt.payment_id else None,
            "gateway_account": registers.gateway_accounts_by_id[receipt.gateway_account_id].code,
            "reference": came[receipt.id].reference,
            "gateway_transaction": came[receipt.id].gateway_transaction,
            "available": receipt.remaining - asked.get(receipt.id, 0),
            "age_days": (now - receipt.received_at).days,
        }
        for receipt in receipts
    ]


def _came(session: Session, wanted: Sequence[uuid.UUID]) -> dict[uuid.UUID, Any]:
    """Return, for each receipt, the attempt that brought the money and whose portal's it was."""
    rows = session.execute(
        select(UnappliedReceipt.id, Payment.portal_id, Attempt.reference, Attempt.gateway_transaction)
        .outerjoin(Payment, Payment.id == UnappliedReceipt.payment_id)
        .outerjoin(Attempt, Attempt.id == UnappliedReceipt.attempt_id)
        .where(UnappliedReceipt.id.in_(wanted))
    )
    return {row.id: row for row in rows}
