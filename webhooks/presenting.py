"""Endpoints and deliveries in outside words."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from payhub import ids
from payhub.db import word
from payhub.errors import FieldProblem, InvalidInput, NotFound, Text
from payhub.events import Event
from payhub.hub import Hub
from payhub.secrets import sealing
from webhooks import endpoints, replies, signing
from webhooks.models import Delivery, DeliveryTry, WebhookEndpoint
from webhooks.resending import position_at
from webhooks.resting import troubles

STATES = ("due", "delivered", "dead")
_SHOWN_TRIES = 50
_TRIED = ("at", "status", "error", "took_ms")
_KEPT = ("position", "state", "tries", "last_status", "last_error", "delivered_at", "resent_at")


def describe(hub: Hub, session: Session, found: Sequence[WebhookEndpoint]) -> list[dict[str, Any]]:
    """Return endpoints as their portal sees them: everything but what is secret."""
    mode, troubled = hub.settings.mode, troubles(hub, [each.id for each in found])
    told = []
    for each in found:
        trouble = troubled.get(each.id)
        told.append(
            {
                "id": ids.public_id("whe", each.id, mode),
                "url": each.url,
                "event_types": each.event_types,
                "scheme": each.scheme,
                "version": each.version,
                "after_position": each.after_position,
                "created_at": each.created_at,
                "disabled_at": each.disabled_at,
                "resting_until": trouble.until if trouble and trouble.until > hub.clock.now() else None,
                "secrets": _secrets(hub, session, each.id),
                "secret": None,
            }
        )
    return told


def _secrets(hub: Hub, session: Session, endpoint_id: uuid.UUID) -> list[dict[str, Any]]:
    shown = []
    for row in endpoints.live(session, endpoint_id):
        secret = sealing.open_(hub.keyring, row)
        scheme = signing.scheme_of(secret)
        shown.append(
            {
                "id": ids.public_id("sec", row.id, hub.settings.mode),
                "scheme": scheme,
                "public_key": signing.public_key(secret) if scheme == "ed25519" else None,
                "live_at": row.live_at,
            }
        )
    return shown


def page(
    hub: Hub,
    session: Session,
    endpoint_id: uuid.UUID,
    *,
    limit: int,
    cursor: str | None = None,
    state: str | None = None,
    since: datetime | None = None,
) -> dict[str, Any]:
    """Return a page of an endpoint's deliveries, the latest event first."""
    wanted = select(Delivery, Event).join(Event, Event.id == Delivery.event_id).where(Delivery.endpoint_id == endpoint_id)
    if cursor is not None:
        last = session.get(Delivery, ids.read_public_id("msg", cursor, hub.settings.mode) or uuid.UUID(int=0))
        if last is None or last.endpoint_id != endpoint_id:
            wrong = Text("Con trỏ không hợp lệ", "The cursor is not one of ours")
            raise InvalidInput([FieldProblem("/cursor", "cursor_invalid", wrong)])
        wanted = wanted.where(tuple_(Delivery.position, Delivery.id) < (last.position, last.id))
    if state is not None:
        # Written into the statement, so that the planner sees the index of these.
        wanted = wanted.where(Delivery.state == word(state))
    if since is not None:
        wanted = wanted.where(Delivery.position >= position_at(session, since), Event.occurred_at >= since)
    found = session.execute(wanted.order_by(Delivery.position.desc(), Delivery.id.desc()).limit(limit + 1)).all()
    shown = [delivered(hub, delivery, event) for delivery, event in found[:limit]]
    return {"data": shown, "next": shown[-1]["id"] if len(found) > limit else None}


def look(hub: Hub, session: Session, delivery_id: uuid.UUID) -> dict[str, Any]:
    """Return all that is known of a delivery: its tries, the latest first, as far as they are kept."""
    found = session.execute(
        select(Delivery, Event).join(Event, Event.id == Delivery.event_id).where(Delivery.id == delivery_id)
    ).one_or_none()
    if found is None:
        raise NotFound
    tried = select(DeliveryTry).where(DeliveryTry.delivery_id == delivery_id).order_by(DeliveryTry.at.desc(), DeliveryTry.id.desc())
    log = [
        {**{name: getattr(each, name) for name in _TRIED}, "reply": replies.read(hub.keyring, each)}
        for each in session.scalars(tried.limit(_SHOWN_TRIES))
    ]
    return {**delivered(hub, *found), "log": log}


def delivered(hub: Hub, delivery: Delivery, event: Event) -> dict[str, Any]:
    """Return a delivery in outside words."""
    mode = hub.settings.mode
    return {
        **{name: getattr(delivery, name) for name in _KEPT},
        "id": ids.public_id("msg", delivery.id, mode),
        "endpoint": ids.public_id("whe", delivery.endpoint_id, mode),
        "payment": ids.public_id("pay", delivery.payment_id, mode),
        "type": event.type,
        "sequence": event.seq,
        "occurred_at": event.occurred_at,
        "next_try_at": delivery.next_try_at if delivery.state == "due" else None,
    }
