"""The REST API of payments."""

from __future__ import annotations

from typing import Any

from flask import Response, g

from payhub import idempotency
from payhub.http import accepts, also_returns, api_blueprint, raises, requires, returns, the_hub
from payhub.idempotency import idempotent
from payhub.payments import service
from payhub.payments.errors import AgencyNotGranted, DossierAlreadyAsked, NotCancellable, NotReplaceable, PortalReferenceTaken
from payhub.payments.schemas import ListQuery, NewPayment, PaymentPage, PaymentView

bp = api_blueprint("payments", __name__)


@bp.post("/payments")
@requires("payments:write")
@idempotent
@accepts(NewPayment)
@returns(PaymentView, 201)
@raises(AgencyNotGranted, DossierAlreadyAsked, NotReplaceable, PortalReferenceTaken, *idempotency.ERRORS)
def create(data: dict[str, Any]) -> Response:
    """Ask for the fees of one dossier to be paid."""
    return service.create(the_hub(), g.caller, g.once, data)


@bp.post("/payments/<payment_id>/cancel")
@requires("payments:write")
@idempotent
@returns(PaymentView, 200)
@also_returns(PaymentView, 202)
@raises(NotCancellable, *idempotency.ERRORS)
def cancel(payment_id: str) -> Response:
    """Cancel a payment; 202 and `cancelling` while an attempt may still bring money."""
    return service.cancel(the_hub(), g.caller.portal, g.once, payment_id)


@bp.get("/payments/<payment_id>")
@requires("payments:read")
@returns(PaymentView)
def get(payment_id: str) -> dict[str, Any]:
    """Look at one payment."""
    return service.get(the_hub(), g.caller.portal, payment_id)


@bp.get("/payments")
@requires("payments:read")
@accepts(ListQuery, place="query")
@returns(PaymentPage)
def page(data: dict[str, Any]) -> dict[str, Any]:
    """List the portal's payments, newest first."""
    return service.page(the_hub(), g.caller.portal, **data)
