"""How rows look from outside."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from payhub import ids
from payhub.hub import Hub
from payhub.payments.links import checkout_url
from payhub.payments.models import UnappliedReceipt
from payhub.payments.refunds.models import Refund
from payhub.payments.schemas import PaymentView
from payhub.payments.states import PaymentState, RefundState
from payhub.registers import Registers

PAYMENT_VIEW = PaymentView()


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
        "metadata": payment["details"],
        "refunded": 0,
        "unapplied": [],
        "checkout_url": checkout_url(hub, payment["id"]),
        "lines": [
            {
                "number": line["number"],
                "fee": registers.fees_by_id[line["fee_id"]].code,
                "kind": line["kind"],
                "agency": registers.agencies_by_id[line["agency_id"]].code,
                "asked_agency": registers.agencies_by_id[line["asked_agency_id"]].code,
                "description": line["description"],
                "quantity": line["quantity"],
                "amount": line["amount"],
            }
            for line in lines
        ],
    }


def money_beside(hub: Hub, session: Session, wanted: Sequence[uuid.UUID]) -> dict[uuid.UUID, dict[str, Any]]:
    """Return what of each payment was given back, and the money that came for it and could not pay it."""
    found: dict[uuid.UUID, dict[str, Any]] = {key: {"refunded": 0, "unapplied": []} for key in wanted}
    given = select(Refund.payment_id, func.sum(Refund.amount)).where(
        Refund.payment_id.in_(wanted), Refund.state == RefundState.SUCCEEDED
    )
    for payment_id, amount in session.execute(given.group_by(Refund.payment_id)):
        found[payment_id]["refunded"] = int(amount)
    receipts = select(UnappliedReceipt).where(UnappliedReceipt.payment_id.in_(wanted)).order_by(UnappliedReceipt.id)
    for receipt in session.scalars(receipts):
        if receipt.payment_id is not None:
            public = ids.public_id("uap", receipt.id, hub.settings.mode)
            shown = {name: getattr(receipt, name) for name in ("amount", "remaining", "reason", "received_at")}
            found[receipt.payment_id]["unapplied"].append({"id": public, **shown})
    return found


def _state(payment: Mapping[str, Any], undecided: Collection[uuid.UUID]) -> str:
    if payment["state"] != PaymentState.OPEN:
        return str(payment["state"])
    if payment["closing_reason"] in {"cancelled", "replaced"}:
        return "cancelling"
    return "processing" if payment["id"] in undecided else "open"
