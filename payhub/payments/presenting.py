"""How rows look from outside."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from payhub import ids
from payhub.hub import Hub
from payhub.payments.disputes.models import Dispute
from payhub.payments.links import checkout_url
from payhub.payments.models import UnappliedReceipt
from payhub.payments.refunds.models import Refund
from payhub.payments.schemas import PaymentView
from payhub.payments.states import DisputeState, PaymentState, RefundState
from payhub.registers import Registers

PAYMENT_VIEW = PaymentView()
_SHOWN_AS: Mapping[str, str] = {DisputeState.OPENED: "disputed", DisputeState.LOST: "charged_back"}


def describe(
    hub: Hub, registers: Registers, payment: Mapping[str, Any], lines: Iterable[Mapping[str, Any]], undecided: Collection[uuid.UUID]
) -> dict[str, Any]:
    """Return a payment in outside words. `undecided` holds the payments of which an attempt still is."""
    mode = hub.settings.mode
    kept = (
        "reference",
        "portal_reference",
        "dossier",
        "currency",
        "total",
        "language",
        "return_url",
        "created_at",
        "expires_at",
        "paid_at",
    )
    return {
        **{name: payment[name] for name in kept},
        "id": ids.public_id("pay", payment["id"], mode),
        "replaces": ids.public_id("pay", payment["replaces_id"], mode) if payment["replaces_id"] else None,
        "state": _state(payment, undecided),
        "metadata": payment["metadata"],
        **_nothing_beside(),
        "checkout_url": checkout_url(hub, payment["id"]),
        "lines": [describe_line(registers, line) for line in lines],
    }


def describe_line(registers: Registers, line: Mapping[str, Any]) -> dict[str, Any]:
    """Return one line in outside words."""
    kept = ("number", "kind", "description", "quantity", "declared_value", "full_amount", "ground", "reason", "amount")
    return {
        **{name: line[name] for name in kept},
        "fee": registers.fees_by_id[line["fee_id"]].code,
        "agency": registers.agencies_by_id[line["agency_id"]].code,
        "asked_agency": registers.agencies_by_id[line["asked_agency_id"]].code,
        "relief": registers.reliefs_by_id[line["relief_id"]].code if line["relief_id"] else None,
    }


def money_beside(hub: Hub, session: Session, wanted: Sequence[uuid.UUID]) -> dict[uuid.UUID, dict[str, Any]]:
    """Return what of each payment was given back or is disputed, and the money that came for it and could not pay it."""
    found = {key: _nothing_beside() for key in wanted}
    given = select(Refund.payment_id, func.sum(Refund.amount)).where(
        Refund.payment_id.in_(wanted), Refund.state == RefundState.SUCCEEDED
    )
    for payment_id, amount in session.execute(given.group_by(Refund.payment_id)):
        found[payment_id]["refunded"] = int(amount)
    disputes = select(Dispute.payment_id, Dispute.state, func.sum(Dispute.amount)).where(Dispute.payment_id.in_(wanted))
    for payment_id, state, amount in session.execute(disputes.group_by(Dispute.payment_id, Dispute.state)):
        if state in _SHOWN_AS:
            found[payment_id][_SHOWN_AS[state]] = int(amount)
    receipts = select(UnappliedReceipt).where(UnappliedReceipt.payment_id.in_(wanted)).order_by(UnappliedReceipt.id)
    for receipt in session.scalars(receipts):
        if receipt.payment_id is not None:
            public = ids.public_id("uap", receipt.id, hub.settings.mode)
            shown = {name: getattr(receipt, name) for name in ("amount", "remaining", "reason", "received_at")}
            found[receipt.payment_id]["unapplied"].append({"id": public, **shown})
    return found


def _nothing_beside() -> dict[str, Any]:
    return {"refunded": 0, "disputed": 0, "charged_back": 0, "unapplied": []}


def _state(payment: Mapping[str, Any], undecided: Collection[uuid.UUID]) -> str:
    if payment["state"] != PaymentState.OPEN:
        return str(payment["state"])
    if payment["closing_reason"] in {"cancelled", "replaced"}:
        return "cancelling"
    return "processing" if payment["id"] in undecided else "open"
