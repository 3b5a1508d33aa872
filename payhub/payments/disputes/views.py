"""The REST API of disputes: people record and decide them, portals see those of their payments."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import orjson
from flask import Response, g
from sqlalchemy.orm import Session

from payhub import idempotency, ids
from payhub.http import accepts, api_blueprint, raises, requires, returns, the_hub
from payhub.idempotency import idempotent
from payhub.payments.disputes import presenting, service
from payhub.payments.disputes.errors import DisputeEnded, DisputeKnown, NotDisputable
from payhub.payments.disputes.schemas import DisputeList, NewDispute, StaffDisputeList, StaffDisputeView
from payhub.staff.errors import AlreadyProposed, RoleMissing
from payhub.staff.http import requires_person
from payhub.staff.models import ROLES

bp = api_blueprint("disputes", __name__)
_VIEW = StaffDisputeView()


@bp.get("/payments/<payment_id>/disputes")
@requires("payments:read")
@returns(DisputeList)
def of_payment(payment_id: str) -> dict[str, Any]:
    """List the disputes of one payment."""
    with the_hub().db.session() as session:
        return {"data": presenting.of_payment(the_hub(), session, payment_id, g.caller.portal.id)}


@bp.post("/staff/payments/<payment_id>/disputes")
@requires_person("clerk")
@idempotent
@accepts(NewDispute)
@returns(StaffDisputeView, 201)
@raises(RoleMissing, NotDisputable, DisputeKnown, *idempotency.ERRORS)
def record(data: dict[str, Any], payment_id: str) -> Response:
    """Record what a citizen's bank wants back; it is reserved until the bank has decided."""

    def act(session: Session) -> uuid.UUID:
        wanted = ids.read_public_id("pay", payment_id, the_hub().settings.mode)
        return service.open_(the_hub(), session, wanted, data, g.person.principal).id

    return _once(201, act)


@bp.get("/staff/payments/<payment_id>/disputes")
@requires_person(*ROLES)
@returns(StaffDisputeList)
@raises(RoleMissing)
def of_any_payment(payment_id: str) -> dict[str, Any]:
    """List the disputes of any payment."""
    with the_hub().db.session() as session:
        return {"data": presenting.of_payment(the_hub(), session, payment_id)}


@bp.get("/staff/disputes/<dispute_id>")
@requires_person(*ROLES)
@returns(StaffDisputeView)
@raises(RoleMissing)
def look(dispute_id: str) -> dict[str, Any]:
    """Look at one dispute."""
    with the_hub().db.session() as session:
        return presenting.look(the_hub(), session, presenting.read_id(the_hub(), dispute_id))


@bp.post("/staff/disputes/<dispute_id>/won")
@requires_person("clerk")
@idempotent
@returns(StaffDisputeView)
@raises(RoleMissing, DisputeEnded, *idempotency.ERRORS)
def win(dispute_id: str) -> Response:
    """Say that the bank takes nothing back; what was disputed is free again."""
    wanted = presenting.read_id(the_hub(), dispute_id)

    def act(session: Session) -> uuid.UUID:
        service.win(the_hub(), session, wanted, g.person.principal)
        return wanted

    return _once(200, act)


@bp.post("/staff/disputes/<dispute_id>/lost")
@requires_person("clerk")
@idempotent
@returns(StaffDisputeView)
@raises(RoleMissing, DisputeEnded, AlreadyProposed, *idempotency.ERRORS)
def lose(dispute_id: str) -> Response:
    """Propose that the bank takes back what is disputed; another person approves it before anything is booked."""
    wanted = presenting.read_id(the_hub(), dispute_id)

    def act(session: Session) -> uuid.UUID:
        service.propose_lost(the_hub(), session, wanted, g.person.principal)
        return wanted

    return _once(200, act)


def _once(status: int, act: Callable[[Session], uuid.UUID]) -> Response:
    """Do something to a dispute, once per Idempotency-Key, and answer with the dispute."""
    hub = the_hub()

    def done(session: Session) -> tuple[int, bytes]:
        dispute_id = act(session)
        session.flush()
        return status, orjson.dumps(_VIEW.dump(presenting.look(hub, session, dispute_id)))

    answer: Response = g.once.carry_out(hub.db, hub.clock.now(), done)
    return answer
