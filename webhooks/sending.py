"""Sending one message to an endpoint, and what came of it. Nothing an endpoint does is an error here."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from time import perf_counter

from payhub import log
from payhub.hub import Hub
from payhub.telling import Webhooks
from webhooks import addresses, speaking
from webhooks.addresses import AddressRefused
from webhooks.connections import Connection, Reply
from webhooks.endpoints import Target
from webhooks.messages import Sent

GONE = 410
"""The status by which an endpoint says that it is no more."""
TOO_MANY = 429
"""The status by which it says that it is asked too often."""
UNAVAILABLE = 503
LONGEST_WAIT_S = 3600
"""However long an endpoint wants to be left alone, after so many seconds it is asked again."""
_REASONS = ((AddressRefused, "address_refused"), (ssl.SSLError, "tls"), (TimeoutError, "timeout"), (OSError, "unreachable"))
_log = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Try:
    """What one try came to: the endpoint's status, or in one word why there is none or why it is no acceptance."""

    status: int | None
    error: str | None
    at: datetime
    took_ms: int
    first: bytes = field(default=b"", repr=False)
    not_before: datetime | None = None
    """Until when the endpoint wants to be left alone."""


def connection_to(target: Target, told: Webhooks) -> Connection:
    """Return a way to an endpoint, by the rules of the settings about where it may be."""
    resolve = addresses.anywhere if told.private_addresses else addresses.public_only
    return Connection(target.url, resolve, told.ca_bundle)


def send(hub: Hub, connection: Connection, target: Target, message: Sent, limit_s: float | None = None) -> Try:
    """Send one message and say how it went, after `webhooks.timeout_s` or the limit given at the latest."""
    mode, began = hub.settings.mode, perf_counter()
    reply, error = None, None
    try:
        said = speaking.compose(hub, target, message)
        reply = connection.post(said.headers, said.body, limit_s or hub.settings.webhooks.timeout_s)
        error = speaking.judge(target, said, reply.status, reply.first)
    except speaking.NotSpoken as failure:
        error = failure.why
    except (AddressRefused, HTTPException, OSError, ValueError) as failure:
        error = next((reason for kind, reason in _REASONS if isinstance(failure, kind)), "unusable")
    at, took_ms = hub.clock.now(), round((perf_counter() - began) * 1000)
    status, first = (reply.status, reply.first) if reply else (None, b"")
    say = _log.info if error is None else _log.warning
    say("delivery.sent", endpoint=str(target.id), message=message.public_id(mode), status=status, error=error, took_ms=took_ms)
    return Try(status, error, at, took_ms, first, wanted(reply, at) if error and reply else None)


def wanted(reply: Reply, now: datetime) -> datetime | None:
    """Return until when a reply asks to be left alone (RFC 9110, 10.2.3), `LONGEST_WAIT_S` at most; None where it does not."""
    if reply.status not in {TOO_MANY, UNAVAILABLE} or not reply.retry_after:
        return None
    longest = now + timedelta(seconds=LONGEST_WAIT_S)
    said = reply.retry_after.strip()
    if said.isascii() and said.isdigit():
        return now + timedelta(seconds=min(int(said[:9]), LONGEST_WAIT_S))
    try:
        until = parsedate_to_datetime(said)
    except ValueError:
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return min(until, longest) if until > now else None
