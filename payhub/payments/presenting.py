"""How rows look from outside."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from payhub import ids
from payhub.hub import Hub
from payhub.payments.links import checkout_url
from payhub.payments.schemas import PaymentView
from payhub.payments.states import PaymentState
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


def _state(payment: Mapping[str, Any], undecided: Collection[uuid.UUID]) -> str:
    if payment["state"] != PaymentState.OPEN:
        return str(payment["state"])
    if payment["closing_reason"] in {"cancelled", "replaced"}:
        return "cancelling"
    return "processing" if payment["id"] in undecided else "open"
