"""The REST API of what portals are told. A portal sees and changes its own endpoints, deliveries and events, and no others."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, cast

import orjson
from flask import Response, g
from marshmallow import Schema
from sqlalchemy.orm import Session

from payhub import idempotency, ids
from payhub.errors import FieldProblem, InvalidInput, NotFound, Text
from payhub.http import accepts, api_blueprint, raises, requires, returns, the_hub
from payhub.idempotency import Once, idempotent
from payhub.secrets.errors import TwoSecretsLive
from payhub.staff.models import Principal
from payhub.staff.people import principal_of_portal
from webhooks import endpoints, messages, presenting, pulling, resending
from webhooks.endpoints import EVENT_TYPES, TooManyEndpoints
from webhooks.models import Delivery, WebhookEndpoint
from webhooks.pinging import PingBusy
from webhooks.pinging import ping as send_ping
from webhooks.resending import Range
from webhooks.schemas import (
    DeliveryDetails,
    DeliveryPage,
    DeliveryQuery,
    DeliveryView,
    EndpointList,
    EndpointView,
    EventPage,
    EventQuery,
    NewEndpoint,
    NewResend,
    NewSecretOfEndpoint,
    PingView,
    ResentView,
)

bp = api_blueprint("webhooks", __name__)
_ENDPOINT, _DELIVERY, _RESENT, _PING = EndpointView(), DeliveryView(), ResentView(), PingView()
Act = Callable[[Session, Principal], tuple[int, Schema, Any]]


@bp.get("/webhooks/endpoints")
@requires("webhooks:read")
@returns(EndpointList)
def list_() -> dict[str, Any]:
    """List the portal's endpoints, with their public keys."""
    hub = the_hub()
    with hub.db.session() as session:
        return {"data": presenting.describe(hub, session, endpoints.of_portal(session, g.owner_id))}


@bp.post("/webhooks/endpoints")
@requires("webhooks:write")
@idempotent
@accepts(NewEndpoint)
@returns(EndpointView, 201)
@raises(TooManyEndpoints, *idempotency.ERRORS)
def add(data: dict[str, Any]) -> Response:
    """Add an endpoint that is told of what happens from now on; its secret is shown this once."""
    made: list[str] = []

    def act(session: Session, by: Principal) -> tuple[int, Schema, Any]:
        endpoint, shown = endpoints.add(the_hub(), session, g.owner_id, **data, by=by)
        made.append(shown)
        return 201, _ENDPOINT, presenting.describe(the_hub(), session, [endpoint])[0]

    return _with_secret(_once(act), made)


@bp.get("/webhooks/endpoints/<endpoint_id>")
@requires("webhooks:read")
@returns(EndpointView)
def get(endpoint_id: str) -> dict[str, Any]:
    """Look at one endpoint."""
    hub = the_hub()
    with hub.db.session() as session:
        return presenting.describe(hub, session, [_own(session, endpoint_id)])[0]


@bp.post("/webhooks/endpoints/<endpoint_id>/rotate")
@requires("webhooks:write")
@idempotent
@accepts(NewSecretOfEndpoint)
@returns(EndpointView)
@raises(TwoSecretsLive, *idempotency.ERRORS)
def rotate(data: dict[str, Any], endpoint_id: str) -> Response:
    """Make a new secret, shown this once; messages carry both signatures until the old one is retired."""
    made: list[str] = []

    def act(session: Session, by: Principal) -> tuple[int, Schema, Any]:
        endpoint = _own(session, endpoint_id)
        made.append(endpoints.rotate(the_hub(), session, endpoint.id, scheme=data.get("scheme"), by=by))
        return 200, _ENDPOINT, presenting.describe(the_hub(), session, [endpoint])[0]

    return _with_secret(_once(act), made)


@bp.post("/webhooks/endpoints/<endpoint_id>/retire")
@requires("webhooks:write")
@idempotent
@returns(EndpointView)
@raises(*idempotency.ERRORS)
def retire(endpoint_id: str) -> Response:
    """Sign with the newest secret alone; the others are destroyed."""
    return _changed(endpoint_id, lambda session, own, by: endpoints.retire_secrets(the_hub(), session, own.id, by))


@bp.post("/webhooks/endpoints/<endpoint_id>/disable")
@requires("webhooks:write")
@idempotent
@returns(EndpointView)
@raises(*idempotency.ERRORS)
def disable(endpoint_id: str) -> Response:
    """Stop telling an endpoint; what it misses is kept."""
    return _changed(endpoint_id, lambda session, own, by: endpoints.disable(session, own.id, the_hub().clock.now(), by))


@bp.post("/webhooks/endpoints/<endpoint_id>/enable")
@requires("webhooks:write")
@idempotent
@returns(EndpointView)
@raises(*idempotency.ERRORS)
def enable(endpoint_id: str) -> Response:
    """Tell an endpoint again, everything it missed first."""
    return _changed(endpoint_id, lambda session, own, by: endpoints.enable(session, own.id, the_hub().clock.now(), by))


@bp.post("/webhooks/endpoints/<endpoint_id>/ping")
@requires("webhooks:write")
@idempotent
@returns(PingView)
@raises(PingBusy, *idempotency.ERRORS)
def ping(endpoint_id: str) -> Response:
    """Send a message of the type `endpoint.ping` now and tell how it went."""
    hub, once = the_hub(), cast("Once", g.once)
    if answered := once.first_answer(hub.db):
        return answered
    with hub.db.session() as session:
        own = _own(session, endpoint_id).id
    # No transaction is open while it is sent.
    told = orjson.dumps(_PING.dump(send_ping(hub, own)))
    return once.carry_out(hub.db, hub.clock.now(), lambda _: (200, told))


@bp.post("/webhooks/endpoints/<endpoint_id>/resend")
@requires("webhooks:write")
@idempotent
@accepts(NewResend)
@returns(ResentView)
@raises(*idempotency.ERRORS)
def resend_many(data: dict[str, Any], endpoint_id: str) -> Response:
    """Tell again what was given up or taken, of a range or since an instant, under the same `webhook-id`s; 10,000 at once."""
    hub, wanted = the_hub(), Range(**data)

    def act(session: Session, by: Principal) -> tuple[int, Schema, Any]:
        own, now = _own(session, endpoint_id).id, hub.clock.now()
        done = resending.many(session, own, wanted, hub.settings.webhooks, now)
        endpoints.record(session, "resent", own, now, by, count=done.count, dead=wanted.dead)
        return 200, _RESENT, done

    return _once(act)


@bp.get("/webhooks/endpoints/<endpoint_id>/deliveries")
@requires("webhooks:read")
@accepts(DeliveryQuery, place="query")
@returns(DeliveryPage)
def deliveries(data: dict[str, Any], endpoint_id: str) -> dict[str, Any]:
    """List an endpoint's deliveries, the latest event first."""
    hub = the_hub()
    with hub.db.session() as session:
        return presenting.page(hub, session, _own(session, endpoint_id).id, **data)


@bp.get("/webhooks/deliveries/<delivery_id>")
@requires("webhooks:read")
@returns(DeliveryDetails)
def delivery(delivery_id: str) -> dict[str, Any]:
    """Look at one delivery and its tries."""
    hub = the_hub()
    with hub.db.session() as session:
        return presenting.look(hub, session, _own_delivery(session, delivery_id))


@bp.post("/webhooks/deliveries/<delivery_id>/resend")
@requires("webhooks:write")
@idempotent
@returns(DeliveryView)
@raises(*idempotency.ERRORS)
def resend(delivery_id: str) -> Response:
    """Tell one event again, under the same `webhook-id`, with all its tries."""
    hub = the_hub()

    def act(session: Session, by: Principal) -> tuple[int, Schema, Any]:
        now = hub.clock.now()
        row = resending.one(session, _own_delivery(session, delivery_id), hub.settings.webhooks, now)
        session.flush()
        endpoints.record(session, "resent", row.endpoint_id, now, by, count=1, delivery=str(row.id))
        return 200, _DELIVERY, presenting.look(hub, session, row.id)

    return _once(act)


@bp.get("/events")
@requires("events:read")
@accepts(EventQuery, place="query")
@returns(EventPage)
def events(data: dict[str, Any]) -> dict[str, Any]:
    """Read the portal's own events in order, for a portal that would rather ask than be told."""
    hub, types = the_hub(), tuple(filter(None, data.pop("types", "").split(",")))
    problems = []
    if not set(types) <= set(EVENT_TYPES):
        names = ", ".join(EVENT_TYPES)
        problems.append(FieldProblem("/types", "invalid", Text(f"Phải thuộc: {names}", f"Must be among: {names}")))
    if data["version"] not in messages.VERSIONS:
        known = ", ".join(map(str, messages.VERSIONS))
        problems.append(FieldProblem("/version", "invalid", Text(f"Phải là một trong: {known}", f"Must be one of: {known}")))
    if problems:
        raise InvalidInput(problems)
    with hub.db.session() as session:
        return pulling.page(hub, session, g.owner_id, types=types, **data)


def _own(session: Session, public: str) -> WebhookEndpoint:
    endpoint_id = ids.read_public_id("whe", public, the_hub().settings.mode)
    endpoint = session.get(WebhookEndpoint, endpoint_id) if endpoint_id else None
    if endpoint is None or endpoint.portal_id != g.owner_id:
        raise NotFound
    return endpoint


def _own_delivery(session: Session, public: str) -> uuid.UUID:
    delivery_id = ids.read_public_id("msg", public, the_hub().settings.mode)
    found = session.get(Delivery, delivery_id) if delivery_id else None
    endpoint = session.get(WebhookEndpoint, found.endpoint_id) if found else None
    if found is None or endpoint is None or endpoint.portal_id != g.owner_id:
        raise NotFound
    return found.id


def _once(act: Act) -> Response:
    """Do something once per Idempotency-Key, as the portal."""
    hub, once = the_hub(), cast("Once", g.once)

    def done(session: Session) -> tuple[int, bytes]:
        status, schema, shown = act(session, principal_of_portal(session, g.caller.portal))
        return status, orjson.dumps(schema.dump(shown))

    return once.carry_out(hub.db, hub.clock.now(), done)


def _changed(public: str, change: Callable[[Session, WebhookEndpoint, Principal], None]) -> Response:
    """Change an endpoint of the portal's and show it."""

    def act(session: Session, by: Principal) -> tuple[int, Schema, Any]:
        endpoint = _own(session, public)
        change(session, endpoint, by)
        session.flush()
        return 200, _ENDPOINT, presenting.describe(the_hub(), session, [endpoint])[0]

    return _once(act)


def _with_secret(answer: Response, made: list[str]) -> Response:
    """Put what was made into the first answer; what is kept of it, to be given again, does not have it."""
    if made:
        answer.set_data(orjson.dumps({**orjson.loads(answer.get_data()), "secret": made[0]}))
    answer.headers["Cache-Control"] = "no-store"
    return answer
