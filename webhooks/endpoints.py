"""Endpoints: the addresses where a portal wants to be told, and the secrets their messages are signed with.

What an endpoint is subscribed to, and the version of what it is told, never change: a portal that wants other things adds another
endpoint. So what it should have been told can be proven for all time.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_address
from typing import Any, ClassVar
from urllib.parse import urlsplit

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from payhub import ids
from payhub.errors import FieldProblem, InvalidInput, NotFound, PayHubError, Text
from payhub.events import Event
from payhub.hub import Hub
from payhub.secrets import sealing
from payhub.secrets import service as secrets
from payhub.secrets.kinds import Kind, register
from payhub.secrets.models import SharedSecret
from payhub.secrets.states import SecretState
from payhub.staff import audit
from payhub.staff.models import Principal
from payhub.staff.people import system
from webhooks import messages, signing
from webhooks.addresses import is_public
from webhooks.models import WebhookEndpoint, WebhookSecret
from webhooks.signing import Signer

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
PROTOCOLS = ("standard", "payment_platform")
"""How an endpoint is spoken to (`webhooks.speaking`)."""
MOST = 20
"""Endpoints of one portal."""
_LONGEST_URL = 2000
SECRETS = register(
    Kind(
        name="webhook", model=WebhookSecret, owner="endpoint_id", use="direction", owners=WebhookEndpoint, code="id",
        since="created_at",
        uses=lambda _hub, _endpoint: ("outbound",), two_people=False, given=False,
        make=lambda endpoint: signing.new_secret(endpoint.scheme), shown=signing.shown,
    )
)  # fmt: skip
"""An endpoint's secrets prove messages that move nothing: one person changes them, as one person adds an endpoint."""


class TooManyEndpoints(PayHubError):
    """A portal has as many endpoints as it may have."""

    code, status = "too_many_endpoints", 409
    title: ClassVar[Text] = Text(f"Mỗi cổng có tối đa {MOST} địa chỉ nhận thông báo", f"A portal has {MOST} endpoints at most")


@dataclass(frozen=True, slots=True)
class Target:
    """An endpoint as it is needed to send: its address, how it is told, and the secrets in force, the newest first."""

    id: uuid.UUID
    url: str
    version: int
    secrets: tuple[str, ...] = field(repr=False)
    signers: tuple[Signer, ...] = field(repr=False)
    protocol: str = "standard"


def add(
    hub: Hub,
    session: Session,
    portal_id: uuid.UUID,
    url: str,
    event_types: Sequence[str],
    *,
    protocol: str = "standard",
    scheme: str = "hmac",
    version: int | None = None,
    by: Principal | None = None,
) -> tuple[WebhookEndpoint, str]:
    """Add an endpoint that is told of what is numbered from now on; return it and its secret (of a pair, the public key)."""
    version = messages.CURRENT if version is None else version
    problems = [*_url_problems(hub, url), *_type_problems(event_types, protocol), *_way_problems(scheme, version)]
    if problems:
        raise InvalidInput(problems)
    if len(of_portal(session, portal_id)) >= MOST:
        raise TooManyEndpoints
    endpoint = WebhookEndpoint(
        id=ids.new_id(),
        portal_id=portal_id,
        url=url,
        event_types=list(dict.fromkeys(event_types)),
        protocol=protocol,
        scheme=scheme,
        version=version,
        after_position=session.scalar(select(func.coalesce(func.max(Event.position), 0))) or 0,
        created_at=hub.clock.now(),
        disabled_at=None,
    )
    session.add(endpoint)
    session.flush()
    # CONFIRM is proven with the portal's own secret.
    shown = rotate(hub, session, endpoint.id, by=by) if protocol == "standard" else ""
    record(session, "added", endpoint.id, endpoint.created_at, by, types=endpoint.event_types, scheme=scheme, version=version)
    return endpoint, shown


def rotate(hub: Hub, session: Session, endpoint_id: uuid.UUID, *, scheme: str | None = None, by: Principal | None = None) -> str:
    """Return a new secret, of another scheme where one is named (of a pair, the public key).

    Messages are signed with it and the one before, until the portal says that it has changed.
    """
    endpoint = locked(session, endpoint_id)
    if scheme is not None:
        if problems := _way_problems(scheme, endpoint.version):
            raise InvalidInput(problems)
        endpoint.scheme = scheme
        session.flush()
    return secrets.add(hub, session, SECRETS, endpoint_id, by or system(session)).shown or ""


def retire_secrets(hub: Hub, session: Session, endpoint_id: uuid.UUID, by: Principal | None = None) -> None:
    """Sign with the newest secret alone."""
    locked(session, endpoint_id)
    for row in live(session, endpoint_id)[1:]:
        secrets.retire(hub, session, SECRETS, row, by or system(session))


def disable(session: Session, endpoint_id: uuid.UUID, now: datetime, by: Principal | None = None, reason: str = "asked") -> None:
    """Stop telling an endpoint; what it was to be told waits where it is."""
    endpoint = locked(session, endpoint_id)
    if endpoint.disabled_at is None:
        endpoint.disabled_at = now
        record(session, "disabled", endpoint_id, now, by, reason=reason)


def enable(session: Session, endpoint_id: uuid.UUID, now: datetime, by: Principal | None = None) -> None:
    """Tell an endpoint again, beginning with everything it missed."""
    endpoint = locked(session, endpoint_id)
    if endpoint.disabled_at is not None:
        endpoint.disabled_at = None
        record(session, "enabled", endpoint_id, now, by)


def target(hub: Hub, session: Session, endpoint_id: uuid.UUID, *, disabled: bool = False) -> Target | None:
    """Return what is needed to send, or None where the endpoint is disabled and that matters."""
    endpoint = session.get(WebhookEndpoint, endpoint_id)
    if endpoint is None or (endpoint.disabled_at is not None and not disabled):
        return None
    opened = tuple(sealing.open_(hub.keyring, row) for row in live(session, endpoint.id))
    return Target(endpoint.id, endpoint.url, endpoint.version, opened, tuple(map(signing.signer, opened)), endpoint.protocol)


def of_portal(session: Session, portal_id: uuid.UUID) -> Sequence[WebhookEndpoint]:
    """Return a portal's endpoints, the oldest first."""
    return session.scalars(select(WebhookEndpoint).where(WebhookEndpoint.portal_id == portal_id).order_by(WebhookEndpoint.id)).all()


def locked(session: Session, endpoint_id: uuid.UUID) -> WebhookEndpoint:
    """Return an endpoint that nobody else changes until this transaction ends."""
    # Not a key lock: deliveries that name the endpoint are written meanwhile.
    endpoint = session.get(WebhookEndpoint, endpoint_id, with_for_update={"key_share": True}, populate_existing=True)
    if endpoint is None:
        raise NotFound
    return endpoint


def live(session: Session, endpoint_id: uuid.UUID) -> list[SharedSecret]:
    """Return the secrets in force, the newest first."""
    of = (WebhookSecret.endpoint_id == endpoint_id, WebhookSecret.state == SecretState.LIVE)
    return sealing.newest_first(session.scalars(select(WebhookSecret).where(*of)))


def record(session: Session, act: str, endpoint_id: uuid.UUID, at: datetime, by: Principal | None, **facts: Any) -> None:
    """Write an act on an endpoint into the audit."""
    actor = (by or system(session)).id
    audit.append(session, actor=actor, act=f"webhook.{act}", target=f"webhook_endpoint/{endpoint_id}", at=at, data=facts)


def _way_problems(scheme: str, version: int) -> list[FieldProblem]:
    offered = {"scheme": (scheme, signing.SCHEMES), "version": (version, tuple(messages.VERSIONS))}
    found = []
    for name, (asked, known) in offered.items():
        if asked not in known:
            words = ", ".join(map(str, known))
            found.append(FieldProblem(f"/{name}", "invalid", Text(f"Phải là một trong: {words}", f"Must be one of: {words}")))
    return found


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
