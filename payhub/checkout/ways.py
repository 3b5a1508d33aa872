"""The ways to pay that a bill's page shows, and how the form says in which order and why they were shown.

What was shown is signed with the form's own token: whoever presses the button says truly what they chose among.
"""

from __future__ import annotations

import hmac
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from gateways.base import Bank
from payhub.checkout.bills import Bill
from payhub.hub import Hub
from payhub.payments.choosing import Offer, offers
from payhub.payments.ways import banks_of

_PURPOSE = "offer"
_MAC_CHARACTERS = 32


def ways(hub: Hub, bill: Bill) -> Sequence[Offer]:
    """Return the ways to pay a bill, those that can be chosen first."""
    agencies = {line.agency_id for line in bill.lines}
    return offers(hub, hub.registers, bill.payment.total, bill.payment.currency, agencies, bill.now)


def banks(hub: Hub, offered: Sequence[Offer]) -> Mapping[str, Sequence[Bank]]:
    """Return the banks that can be chosen with each way, by its code; the gateways are not asked for them now."""
    return {offer.way.code: banks_of(hub, offer.way) for offer in offered if offer.usable}


def shown(hub: Hub, form_token: uuid.UUID, offered: Sequence[Offer]) -> str:
    """Write which ways could be chosen, in order, each with the reason of its place."""
    told = ",".join(f"{offer.way.code}:{offer.because}" for offer in offered if offer.usable)
    return f"{told}|{_mac(hub, form_token, told)}"


def chosen(hub: Hub, form_token: uuid.UUID, given: str, way_code: str) -> Mapping[str, Any] | None:
    """Return the place of the way that was chosen, of how many, and why it stood there; None where the form does not say truly."""
    told, _, mac = given.rpartition("|")
    if not hmac.compare_digest(mac.encode(), _mac(hub, form_token, told).encode()):
        return None
    listed = [each.rpartition(":") for each in told.split(",")]
    for place, (code, _, because) in enumerate(listed, start=1):
        if code == way_code:
            return {"place": place, "of": len(listed), "because": because}
    return None


def _mac(hub: Hub, form_token: uuid.UUID, told: str) -> str:
    return hub.keyring.mac(_PURPOSE, f"{form_token} {told}".encode()).hex()[:_MAC_CHARACTERS]
