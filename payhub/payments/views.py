"""The REST API of payments."""

from __future__ import annotations

from typing import Any

import orjson
from flask import Response, g
from sqlalchemy.orm import Session

from payhub import idempotency
from payhub.http import accepts, also_returns, api_blueprint, raises, requires, returns, the_hub
from payhub.idempotency import idempotent
from payhub.payments import quotes, service
from payhub.payments.errors import AgencyNotGranted, DossierAlreadyAsked, NotCancellable, NotReplaceable, PortalReferenceTaken
from payhub.payments.schemas import ListQuery, NewPayment, NewQuote, PaymentPage, PaymentView, QuoteView

bp = api_blueprint("payments", __name__)
_QUOTE = QuoteView()


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


@bp.post("/quotes")
@requires("payments:write")
@idempotent
@accepts(NewQuote)
@returns(QuoteView)
@raises(AgencyNotGranted, *idempotency.ERRORS)
def quote(data: dict[str, Any]) -> Response:
    """Price lines as a payment's are priced, and store no payment."""
    hub, portal = the_hub(), g.caller.portal

    def act(_: Session) -> tuple[int, bytes]:
        return 200, orjson.dumps(_QUOTE.dump(quotes.quote(hub, portal, data)))

    answer: Response = g.once.carry_out(hub.db, hub.clock.now(), act)
    return answer


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
