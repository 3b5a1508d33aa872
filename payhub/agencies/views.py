"""The REST API of agencies."""

from __future__ import annotations

from typing import Any

from flask import g

from payhub.agencies import presenting
from payhub.agencies.schemas import AgencyPage, AgencyQuery
from payhub.clock import local_date
from payhub.http import accepts, api_blueprint, requires, returns, the_hub

bp = api_blueprint("agencies", __name__)


@bp.get("/agencies")
@requires("payments:read")
@accepts(AgencyQuery, place="query")
@returns(AgencyPage)
def page(data: dict[str, Any]) -> dict[str, Any]:
    """List agencies by code, abolished ones with their successors."""
    hub = the_hub()
    on = data.pop("on", None) or local_date(hub.clock.now())
    return presenting.page(hub.registers, g.caller.portal, on, **data)
