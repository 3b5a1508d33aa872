"""The REST API of refunds: portals ask for those of their payments, people for any."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from flask import Response, g
from sqlalchemy import select
from sqlalchemy.orm import Session

from payhub import idempotency, ids
from payhub.errors import NotFound
from payhub.http import accepts, api_blueprint, raises, requires, returns, the_hub
from payhub.idempotency import idempotent
from payhub.payments.models import Payment
from payhub.payments.refunds import outcomes, presenting, service
from payhub.payments.refunds.errors import GatewayRefundsNothing, NotRefundable, RefundDecided, RefundNotRetriable
from payhub.payments.refunds.models import Refund
from payhub.payments.refunds.schemas import NewOutcome, NewRefund, RefundList, RefundView, StaffRefundView
from payhub.staff.errors import AlreadyProposed, NotTheProposer, ProposalDecided, ProposalVoid, RoleMissing
from payhub.staff.http import requires_person
from payhub.staff.models import ROLES
from payhub.staff.people import principal_of_portal

bp = api_blueprint("refunds", __name__)
_VIEW = RefundView()


@bp.post("/payments/<payment_id>/refunds")
@requires("refunds:write")
@idempotent
@accepts(NewRefund)
@returns(RefundView, 201)
@raises(GatewayRefundsNothing, NotRefundable, *idempotency.ERRORS)
def request(data: dict[str, Any], payment_id: str) -> Response:
    """Ask for money to be given back; a person of the treasury approves it before anything moves."""
    portal = g.caller.portal

    def act(session: Session) -> Refund:
        wanted = ids.read_public_id("pay", payment_id, the_hub().settings.mode)
        return service.request(the_hub(), session, wanted, data, principal_of_portal(session, portal), portal_id=portal.id)

    return _once(201, act)


@bp.get("/payments/<payment_id>/refunds")
@requires("payments:read")
@returns(RefundList)
def of_payment(payment_id: str) -> dict[str, Any]:
    """List the refunds of one payment."""
    hub = the_hub()
    wanted = ids.read_public_id("pay", payment_id, hub.settings.mode)
    with hub.db.session() as session:
        if wanted is None or session.scalar(select(Payment.portal_id).where(Payment.id == wanted)) != g.caller.portal.id:
            raise NotFound
        return {"data": presenting.of_payment(hub, session, wanted)}


@bp.get("/refunds/<refund_id>")
@requires("payments:read")
@returns(RefundView)
def get(refund_id: str) -> dict[str, Any]:
    """Look at one refund."""
    with the_hub().db.session() as session:
        found = presenting.find(the_hub(), session, refund_id, g.caller.portal.id)
        return presenting.describe(the_hub(), session, [found])[0]


@bp.post("/refunds/<refund_id>/withdraw")
@requires("refunds:write")
@idempotent
@returns(RefundView)
@raises(NotTheProposer, ProposalDecided, ProposalVoid, *idempotency.ERRORS)
def withdraw(refund_id: str) -> Response:
    """Take back a refund that nobody has decided yet."""
    portal = g.caller.portal

    def act(session: Session) -> Refund:
        refund = presenting.find(the_hub(), session, refund_id, portal.id)
        service.withdraw(the_hub(), session, refund, principal_of_portal(session, portal))
        return refund

    return _once(200, act)


@bp.post("/refunds/<refund_id>/retry")
@requires("refunds:write")
@idempotent
@returns(RefundView)
@raises(NotRefundable, RefundNotRetriable, *idempotency.ERRORS)
def retry(refund_id: str) -> Response:
    """Send a refund that failed again."""
    portal = g.caller.portal

    def act(session: Session) -> Refund:
        refund = presenting.find(the_hub(), session, refund_id, portal.id)
        service.retry(the_hub(), session, refund.id, principal_of_portal(session, portal))
        return refund

    return _once(200, act)


@bp.post("/staff/payments/<payment_id>/refunds")
@requires_person("clerk")
@idempotent
@accepts(NewRefund)
@returns(RefundView, 201)
@raises(RoleMissing, GatewayRefundsNothing, NotRefundable, *idempotency.ERRORS)
def request_by_person(data: dict[str, Any], payment_id: str) -> Response:
    """Ask, as a person, for money of any payment to be given back; another person approves it."""

    def act(session: Session) -> Refund:
        wanted = ids.read_public_id("pay", payment_id, the_hub().settings.mode)
        return service.request(the_hub(), session, wanted, data, g.person.principal, portal_id=None)

    return _once(201, act)


@bp.get("/staff/refunds/<refund_id>")
@requires_person(*ROLES)
@returns(StaffRefundView)
@raises(RoleMissing)
def look(refund_id: str) -> dict[str, Any]:
    """Look at one refund with its tries and the requester's words."""
    with the_hub().db.session() as session:
        return presenting.for_staff(the_hub(), session, presenting.find(the_hub(), session, refund_id))


@bp.post("/staff/refunds/<refund_id>/retry")
@requires_person("clerk")
@idempotent
@returns(RefundView)
@raises(RoleMissing, NotRefundable, RefundNotRetriable, *idempotency.ERRORS)
def retry_by_person(refund_id: str) -> Response:
    """Send a refund that failed again."""

    def act(session: Session) -> Refund:
        refund = presenting.find(the_hub(), session, refund_id)
        service.retry(the_hub(), session, refund.id, g.person.principal)
        return refund

    return _once(200, act)


@bp.post("/staff/refunds/<refund_id>/outcome")
@requires_person("clerk")
@idempotent
@accepts(NewOutcome)
@returns(RefundView)
@raises(RoleMissing, RefundDecided, AlreadyProposed, *idempotency.ERRORS)
def say_outcome(data: dict[str, Any], refund_id: str) -> Response:
    """Propose what became of a refund of which the gateway does not say; another person confirms it."""

    def act(session: Session) -> Refund:
        refund = presenting.find(the_hub(), session, refund_id)
        outcomes.propose(the_hub(), session, refund.id, data, g.person.principal)
        return refund

    return _once(200, act)


def _once(status: int, act: Callable[[Session], Refund]) -> Response:
    """Do something to a refund, once per Idempotency-Key, and answer with the refund."""
    hub = the_hub()

    def done(session: Session) -> tuple[int, bytes]:
        refund = act(session)
        session.flush()
        return status, orjson.dumps(_VIEW.dump(presenting.describe(hub, session, [refund])[0]))

    answer: Response = g.once.carry_out(hub.db, hub.clock.now(), done)
    return answer
