"""The REST API of gateway accounts, for people: how they stand, and holding one back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from flask import Response, g
from sqlalchemy.orm import Session

from payhub import idempotency
from payhub.accounts import holds
from payhub.accounts.models import GatewayHold
from payhub.accounts.schemas import GatewayStandings, HoldReason, HoldView
from payhub.accounts.standing import standings
from payhub.errors import NotFound
from payhub.http import accepts, api_blueprint, raises, returns, the_hub
from payhub.idempotency import idempotent
from payhub.staff.errors import RoleMissing
from payhub.staff.http import requires_person
from payhub.staff.models import ROLES

bp = api_blueprint("gateways", __name__)
_VIEW = HoldView()


@bp.get("/staff/gateways")
@requires_person(*ROLES)
@returns(GatewayStandings)
@raises(RoleMissing)
def page() -> dict[str, Any]:
    """Show how every gateway account stands."""
    hub = the_hub()
    with hub.db.session() as session:
        return {"data": standings(hub, session)}


@bp.post("/staff/gateways/<account>/hold")
@requires_person(*holds.MAY)
@idempotent
@accepts(HoldReason)
@returns(HoldView)
@raises(RoleMissing, NotFound, holds.HeldAlready, *idempotency.ERRORS)
def hold(data: dict[str, Any], account: str) -> Response:
    """Offer an account no more; attempts that are under way go on."""
    return _done(holds.hold, account, data["reason"])


@bp.post("/staff/gateways/<account>/release")
@requires_person(*holds.MAY)
@idempotent
@accepts(HoldReason)
@returns(HoldView)
@raises(RoleMissing, NotFound, holds.HeldAlready, *idempotency.ERRORS)
def release(data: dict[str, Any], account: str) -> Response:
    """Offer a held account again."""
    return _done(holds.release, account, data["reason"])


def _done(act: Callable[..., GatewayHold], account: str, reason: str) -> Response:
    hub = the_hub()

    def carry_out(session: Session) -> tuple[int, bytes]:
        held = act(session, account, reason, g.person.principal, hub.clock.now())
        told = {"account": account, "reason": held.reason, "held_at": held.held_at, "released_at": held.released_at}
        return 200, orjson.dumps(_VIEW.dump(told))

    answer: Response = g.once.carry_out(hub.db, hub.clock.now(), carry_out)
    return answer
