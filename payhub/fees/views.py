"""The REST API of the fee schedule."""

from __future__ import annotations

from typing import Any

from flask import g

from payhub.clock import local_date
from payhub.fees import presenting
from payhub.fees.schemas import FeePage, FeeQuery
from payhub.http import accepts, api_blueprint, requires, returns, the_hub

bp = api_blueprint("fees", __name__)


@bp.get("/fees")
@requires("payments:read")
@accepts(FeeQuery, place="query")
@returns(FeePage)
def page(data: dict[str, Any]) -> dict[str, Any]:
    """List the fees in force on a day, by code."""
    hub = the_hub()
    on, only = data.pop("on", None) or local_date(hub.clock.now()), data.pop("granted", None)
    return presenting.page(hub.registers, g.caller.portal, on, only=only, **data)
