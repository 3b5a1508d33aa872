"""What a portal is told: an event as JSON, the same bytes however often it is sent, and never a person's data.

How a body is built has versions. An endpoint is told in the one it was added with, for ever, and each message says which it is.
"""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from payhub import ids

_NAMED = {"attempt": "att", "refund": "ref", "dispute": "dsp", "unapplied": "uap", "allocated_to": "pay", "name": "nam"}
"""What an event names by our own id, and the kind of its outside id."""


class Sent(ABC):
    """Whatever is sent to an endpoint."""

    __slots__ = ()
    id: uuid.UUID

    def public_id(self, mode: str) -> str:
        """Return the `webhook-id`: one for each event and endpoint, however often it is told."""
        return ids.public_id("msg", self.id, mode)

    def body(self, mode: str, version: int = 1) -> bytes:
        """Return the body in a version."""
        said = {"version": version, **self.content(mode, version)}
        return orjson.dumps(said, option=orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z)

    @abstractmethod
    def content(self, mode: str, version: int) -> dict[str, Any]:
        """Return what it says beside its version."""


@dataclass(frozen=True, slots=True)
class Message(Sent):
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
    resent_at: datetime | None = None
    """When it was last put back: with `tries`, what a try is recognised by."""
    name_id: uuid.UUID | None = None
    """The name of the payment that it is told under, where the endpoint's protocol has such."""

    def content(self, mode: str, version: int) -> dict[str, Any]:
        """Return what it says, as the version has it."""
        return VERSIONS[version](self, mode)


@dataclass(frozen=True, slots=True)
class Ping(Sent):
    """A message about nothing: whether an endpoint is reached and verifies."""

    id: uuid.UUID
    endpoint_id: uuid.UUID
    sent_at: datetime
    tries: int = 0

    def content(self, mode: str, version: int) -> dict[str, Any]:  # noqa: ARG002 - the same in every version
        """Return whom it is for."""
        data = {"endpoint": ids.public_id("whe", self.endpoint_id, mode)}
        return {"type": "endpoint.ping", "timestamp": self.sent_at.astimezone(UTC), "data": data}


def _first(message: Message, mode: str) -> dict[str, Any]:
    """Build version 1. `sequence` counts a payment's events, for a portal that gets one twice or late."""
    data = {**message.event_data}
    for name, kind in _NAMED.items():
        if known := data.get(name):
            data[name] = ids.public_id(kind, uuid.UUID(known), mode)
    data |= {
        "payment": ids.public_id("pay", message.payment_id, mode),
        "reference": message.reference,
        "portal_reference": message.portal_reference,
        "sequence": message.event_seq,
        "currency": message.currency,
        "total": message.total,
    }
    return {"type": message.event_type, "timestamp": message.occurred_at.astimezone(UTC), "data": data}


VERSIONS: dict[int, Callable[[Message, str], dict[str, Any]]] = {1: _first}
"""How each version is built. One that an endpoint has is never changed and never taken away: what is told again is the same bytes.

What is only added to `data` needs no new version; what changes its meaning or goes does.
"""
CURRENT = max(VERSIONS)
"""What an endpoint is added with that names none."""
