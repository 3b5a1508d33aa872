"""Endpoints: the addresses where a portal wants to be told, and the secrets their messages are signed with.

What an endpoint is subscribed to never changes: a portal that wants more adds another endpoint. So what it should have been told
can be proven for all time.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_address
from urllib.parse import urlsplit

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from payhub import ids
from payhub.errors import FieldProblem, InvalidInput, NotFound, Text
from payhub.events import Event
from payhub.hub import Hub
from payhub.secrets import sealing
from payhub.secrets import service as secrets
from payhub.secrets.kinds import Kind, register
from payhub.secrets.models import SharedSecret
from payhub.secrets.states import SecretState
from payhub.staff.people import system
from webhooks import signing
from webhooks.addresses import is_public
from webhooks.models import WebhookEndpoint, WebhookSecret

EVENT_TYPES = (
    "payment.created", "payment.closing", "payment.paid", "payment.cancelled", "payment.expired", "payment.reversed",
    "payment.named", "payment.reported", "payment.unreported", "payment.banked", "payment.unbanked",
    "attempt.created", "attempt.started", "attempt.failed", "attempt.cancelled", "attempt.unknown", "attempt.unapplied",
    "attempt.reversed", "refund.requested", "refund.approved", "refund.declined", "refund.withdrawn", "refund.submitted",
    "refund.unknown", "refund.succeeded", "refund.failed", "refund.retried", "receipt.allocated", "dispute.opened", "dispute.won",
    "dispute.lost", "payer.erased",
)  # fmt: skip
"""What a portal may be told of."""
CONFIRMED = ("payment.paid", "payment.named", "payment.cancelled", "payment.expired")
"""What CONFIRM has words for; without the first two a portal would not hear that it is paid, under each of its names."""
_LONGEST_URL = 2000
SECRETS = register(
    Kind(
        name="webhook", model=WebhookSecret, owner="endpoint_id", use="direction", owners=WebhookEndpoint, code="id",
        since="created_at",
        uses=lambda _hub, _endpoint: ("outbound",), two_people=False, given=False, make=signing.new_secret,
    )
)  # fmt: skip
"""An endpoint's secrets prove messages that move nothing: one person changes them, as one person adds an endpoint."""


@dataclass(frozen=True, slots=True)
class Target:
    """An endpoint as it is needed to send: its address and the secrets in force, the newest first."""

    id: uuid.UUID
    url: str
    secrets: tuple[str, ...] = field(repr=False)
    protocol: str = "standard"


def add(
    hub: Hub, session: Session, portal_id: uuid.UUID, url: str, event_types: Sequence[str], protocol: str = "standard"
) -> tuple[WebhookEndpoint, str]:
    """Add an endpoint that is told of what is numbered from now on; return it and its secret, which is shown this once."""
    problems = [*_url_problems(hub, url), *_type_problems(event_types, protocol)]
    if problems:
        raise InvalidInput(problems)
    endpoint = WebhookEndpoint(
        id=ids.new_id(),
        portal_id=portal_id,
        url=url,
        event_types=list(dict.fromkeys(event_types)),
        protocol=protocol,
        after_position=session.scalar(select(func.coalesce(func.max(Event.position), 0))) or 0,
        created_at=hub.clock.now(),
        disabled_at=None,
    )
    session.add(endpoint)
    session.flush()
    return endpoint, rotate(hub, session, endpoint.id)


def rotate(hub: Hub, session: Session, endpoint_id: uuid.UUID) -> str:
    """Return a new secret; messages are signed with it and the one before, until the portal says that it has changed."""
    _locked(session, endpoint_id)
    return secrets.add(hub, session, SECRETS, endpoint_id, system(session)).shown or ""


def retire_secrets(hub: Hub, session: Session, endpoint_id: uuid.UUID) -> None:
    """Sign with the newest secret alone."""
    _locked(session, endpoint_id)
    for row in _live(session, endpoint_id)[1:]:
        secrets.retire(hub, session, SECRETS, row, system(session))


def disable(session: Session, endpoint_id: uuid.UUID, now: datetime) -> None:
    """Stop telling an endpoint; what it was to be told waits where it is."""
    endpoint = _locked(session, endpoint_id)
    endpoint.disabled_at = endpoint.disabled_at or now


def enable(session: Session, endpoint_id: uuid.UUID) -> None:
    """Tell an endpoint again, beginning with everything it missed."""
    _locked(session, endpoint_id).disabled_at = None


def target(hub: Hub, session: Session, endpoint_id: uuid.UUID) -> Target | None:
    """Return what is needed to send, or None where the endpoint is disabled."""
    endpoint = session.get(WebhookEndpoint, endpoint_id)
    if endpoint is None or endpoint.disabled_at is not None:
        return None
    opened = tuple(sealing.open_(hub.keyring, row) for row in _live(session, endpoint.id))
    return Target(endpoint.id, endpoint.url, opened, endpoint.protocol)


def _locked(session: Session, endpoint_id: uuid.UUID) -> WebhookEndpoint:
    endpoint = session.get(WebhookEndpoint, endpoint_id, with_for_update=True, populate_existing=True)
    if endpoint is None:
        raise NotFound
    return endpoint


def _live(session: Session, endpoint_id: uuid.UUID) -> list[SharedSecret]:
    of = (WebhookSecret.endpoint_id == endpoint_id, WebhookSecret.state == SecretState.LIVE)
    return sealing.newest_first(session.scalars(select(WebhookSecret).where(*of)))


def _type_problems(event_types: Sequence[str], protocol: str) -> list[FieldProblem]:
    known, needed = (EVENT_TYPES, ()) if protocol == "standard" else (CONFIRMED, CONFIRMED[:2])
    if event_types and set(needed) <= set(event_types) <= set(known):
        return []
    names = ", ".join(known)
    return [FieldProblem("/event_types", "invalid", Text(f"Phải thuộc: {names}", f"Must be one or more of: {names}"))]


def _url_problems(hub: Hub, url: str) -> list[FieldProblem]:
    schemes = {"https"} if hub.settings.live else {"https", "http"}
    try:
        parts = urlsplit(url)
        plain = url.isascii() and url.isprintable() and " " not in url and len(url) <= _LONGEST_URL and "#" not in url
        complete = parts.scheme in schemes and bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
    except ValueError:
        plain = complete = False
    if not (plain and complete):
        text = Text("Phải là địa chỉ https đầy đủ, không kèm mật khẩu", "Must be a complete https address without credentials")
        return [FieldProblem("/url", "invalid", text)]
    if not hub.settings.webhooks.private_addresses and _names_private_address(parts.hostname or ""):
        text = Text("Không được là địa chỉ mạng nội bộ", "Must not be an address of a private network")
        return [FieldProblem("/url", "invalid", text)]
    return []


def _names_private_address(host: str) -> bool:
    """Tell whether the host is written as an address that is not public; a name is judged when it is used."""
    try:
        ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    return not is_public(host)
