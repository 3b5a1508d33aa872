"""What portals send and get about the messages they are told things in."""

from __future__ import annotations

import re
from typing import Any

from marshmallow import Schema, ValidationError, fields

from payhub.fields import Few, Flag, one_of, page_limit, text
from payhub.http import bilingual
from webhooks.presenting import STATES
from webhooks.signing import SCHEMES

_POSITION = re.compile(r"[0-9]{1,18}")
_LARGEST = 10**18 - 1


class Position(fields.Integer):
    """A place in the order of events, as JSON or a query string writes it."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        if isinstance(value, str) and _POSITION.fullmatch(value):
            return int(value)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST:
            return value
        raise ValidationError(bilingual("Phải là số nguyên từ 0 đến 18 chữ số", "Must be a whole number of up to 18 digits"))


def _position(description: str, **options: Any) -> Position:
    return Position(metadata={"description": description, "minimum": 0, "maximum": _LARGEST}, **options)


class NewEndpoint(Schema):
    """An address to be told of events."""

    url = text(2000, required=True, metadata={"format": "uri", "description": "https, complete, without credentials"})
    event_types = Few(fields.String(), 100, required=True)
    scheme = one_of(SCHEMES, load_default="hmac", metadata={"description": "How messages are signed: HMAC-SHA256 or Ed25519"})
    version = fields.Integer(strict=True, metadata={"description": "Version of the bodies; the newest where it is left out"})


class NewSecretOfEndpoint(Schema):
    """Which secret to make next."""

    scheme = one_of(SCHEMES, metadata={"description": "Another scheme than before"})


class EndpointSecretView(Schema):
    """A live secret of an endpoint, without what it is; of an Ed25519 pair the public key."""

    id = fields.String()
    scheme = one_of(SCHEMES)
    public_key = fields.String(allow_none=True)
    live_at = fields.AwareDateTime()


class EndpointView(Schema):
    """An endpoint. `secret` is there once, in the answer to what made it; of a pair it is the public key."""

    id = fields.String()
    url = fields.String()
    event_types = fields.List(fields.String())
    scheme = one_of(SCHEMES)
    version = fields.Integer()
    after_position = fields.Integer(metadata={"description": "The last event that was considered for it"})
    created_at = fields.AwareDateTime()
    disabled_at = fields.AwareDateTime(allow_none=True)
    resting_until = fields.AwareDateTime(allow_none=True, metadata={"description": "It failed again and again, and is left alone"})
    secrets = fields.List(fields.Nested(EndpointSecretView), metadata={"description": "The newest first"})
    secret = fields.String(allow_none=True)


class EndpointList(Schema):
    """All endpoints of a portal, the oldest first."""

    data = fields.List(fields.Nested(EndpointView))


class PingView(Schema):
    """What came of a ping."""

    id = fields.String(metadata={"description": "Its `webhook-id`"})
    at = fields.AwareDateTime()
    status = fields.Integer(allow_none=True)
    error = fields.String(allow_none=True, metadata={"description": "Null where it was taken"})
    took_ms = fields.Integer()
    reply = fields.String(allow_none=True, metadata={"description": "How the reply began"})


class DeliveryQuery(Schema):
    """Which deliveries of an endpoint."""

    limit = page_limit()
    cursor = text(80)
    state = one_of(STATES)
    since = fields.AwareDateTime(format="iso", metadata={"description": "Of events that happened then or later"})


class DeliveryView(Schema):
    """One event for one endpoint."""

    id = fields.String(metadata={"description": "Its `webhook-id`"})
    endpoint = fields.String()
    payment = fields.String()
    type = fields.String()
    sequence = fields.Integer()
    position = fields.Integer()
    occurred_at = fields.AwareDateTime()
    state = one_of(STATES)
    tries = fields.Integer(metadata={"description": "Since it was last put back"})
    next_try_at = fields.AwareDateTime(allow_none=True)
    last_status = fields.Integer(allow_none=True)
    last_error = fields.String(allow_none=True)
    delivered_at = fields.AwareDateTime(allow_none=True, metadata={"description": "When it was taken the first time"})
    resent_at = fields.AwareDateTime(allow_none=True, metadata={"description": "When it was last put back to be told again"})


class DeliveryPage(Schema):
    """A page of deliveries, the latest event first; `next` is the cursor of the following page."""

    data = fields.List(fields.Nested(DeliveryView))
    next = fields.String(allow_none=True)


class DeliveryTryView(Schema):
    """One try. `reply` is how it began where it was no acceptance."""

    at = fields.AwareDateTime()
    status = fields.Integer(allow_none=True)
    error = fields.String(allow_none=True)
    took_ms = fields.Integer()
    reply = fields.String(allow_none=True)


class DeliveryDetails(DeliveryView):
    """A delivery with its tries, the latest first."""

    log = fields.List(fields.Nested(DeliveryTryView))


class NewResend(Schema):
    """What to tell again: all since an instant, or positions from and to; without any, everything."""

    since = fields.AwareDateTime(format="iso")
    first = _position("The first position", data_key="from")
    last = _position("The last position, included", data_key="to")
    dead = Flag(load_default=False, metadata={"description": "True: only what was given up"})


class ResentView(Schema):
    """What was put back; `next` is the `from` of a further request, null where nothing is left."""

    count = fields.Integer()
    next = fields.Integer(allow_none=True)


class EventQuery(Schema):
    """Which events."""

    after = _position("`next` of the page before; 0 for all", load_default=0)
    limit = page_limit()
    types = text(1000, metadata={"description": "Event types, separated by commas; all without it"})
    version = _position("Version of `data`", load_default=1)


class EventView(Schema):
    """One event, as a webhook tells it."""

    id = fields.String()
    position = fields.Integer()
    type = fields.String()
    timestamp = fields.AwareDateTime()
    version = fields.Integer()
    data = fields.Dict()


class EventPage(Schema):
    """Events in the order of their positions. `next` is the `after` of the next request; `more`: there may be some already."""

    data = fields.List(fields.Nested(EventView))
    next = fields.Integer()
    more = fields.Boolean()
