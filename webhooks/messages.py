"""What a portal is told: an event as JSON, the same bytes however often it is sent, and never a person's data."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from payhub import ids

_NAMED = {"attempt": "att", "refund": "ref", "dispute": "dsp", "unapplied": "uap", "allocated_to": "pay", "name": "nam"}
"""What an event names by our own id, and the kind of its outside id."""


@dataclass(frozen=True, slots=True)
class Message:
    """One delivery with the event it tells and what never changes about its payment."""

    id: uuid.UUID
    position: int
    tries: int
    event_type: str
    event_seq: int
    event_data: dict[str, Any]
    occurred_at: datetime
    payment_id: uuid.UUID
    reference: str
    portal_reference: str
    currency: str
    total: int
    name_id: uuid.UUID | None = None
    """The name of the payment that it is told under, where the endpoint's protocol has such."""

    def public_id(self, mode: str) -> str:
        """Return the `webhook-id`: one for each event and endpoint."""
        return ids.public_id("msg", self.id, mode)

    def body(self, mode: str) -> bytes:
        """Return the body. `sequence` counts a payment's events, for a portal that gets one twice or late."""
        data = {**self.event_data}
        for name, kind in _NAMED.items():
            if known := data.get(name):
                data[name] = ids.public_id(kind, uuid.UUID(known), mode)
        data |= {
            "payment": ids.public_id("pay", self.payment_id, mode),
            "reference": self.reference,
            "portal_reference": self.portal_reference,
            "sequence": self.event_seq,
            "currency": self.currency,
            "total": self.total,
        }
        message = {"type": self.event_type, "timestamp": self.occurred_at.astimezone(UTC), "data": data}
        return orjson.dumps(message, option=orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z)
