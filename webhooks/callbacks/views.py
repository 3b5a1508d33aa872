"""The REST API of the messages of gateways, for people of the staff."""

from __future__ import annotations

from typing import Any

import orjson
from flask import Response, g
from sqlalchemy.orm import Session

from payhub import idempotency
from payhub.http import accepts, api_blueprint, raises, returns, the_hub
from payhub.idempotency import idempotent
from payhub.staff.errors import RoleMissing
from payhub.staff.http import requires_person
from payhub.staff.models import ROLES
from webhooks.callbacks import presenting, replaying
from webhooks.callbacks.errors import CallbackDestroyed, CallbackUnreadable
from webhooks.callbacks.schemas import (
    CallbackPage,
    CallbackQuery,
    CallbackView,
    NewReplay,
    ReplayView,
    RevealCallback,
    RevealedCallbackView,
)

bp = api_blueprint("callbacks_kept", __name__)
_REPLAYED = ReplayView()


@bp.get("/staff/callbacks")
@requires_person(*ROLES)
@accepts(CallbackQuery, place="query")
@returns(CallbackPage)
@raises(RoleMissing)
def page(data: dict[str, Any]) -> dict[str, Any]:
    """List the messages of gateways, newest first."""
    with the_hub().db.session() as session:
        return presenting.page(the_hub(), session, **data)


@bp.get("/staff/callbacks/<callback_id>")
@requires_person(*ROLES)
@returns(CallbackView)
@raises(RoleMissing)
def look(callback_id: str) -> dict[str, Any]:
    """Look at one message, without its bytes."""
    with the_hub().db.session() as session:
        return presenting.look(the_hub(), session, presenting.read_id(the_hub(), callback_id))


@bp.post("/staff/callbacks/<callback_id>/replay")
@requires_person("clerk", "approver")
@idempotent
@accepts(NewReplay)
@returns(ReplayView)
@raises(RoleMissing, CallbackDestroyed, CallbackUnreadable, *idempotency.ERRORS)
def replay(data: dict[str, Any], callback_id: str) -> Response:
    """Let a message be heard again, as if it came now; what was applied before is a repeat."""
    hub, person = the_hub(), g.person
    wanted = presenting.read_id(hub, callback_id)

    def act(session: Session) -> tuple[int, bytes]:
        done = replaying.replay(hub, session, wanted, person.id, data["reason"])
        shown = presenting.describe(hub, session, [done.row])[0]
        return 200, orjson.dumps(_REPLAYED.dump({"callback": shown, "verifies": done.verifies, "verdict": done.said}))

    answer: Response = g.once.carry_out(hub.db, hub.clock.now(), act)
    return answer


@bp.post("/staff/callbacks/<callback_id>/reveal")
@requires_person("clerk", "auditor")
@idempotent
@accepts(RevealCallback)
@returns(RevealedCallbackView)
@raises(RoleMissing, CallbackDestroyed, CallbackUnreadable, *idempotency.ERRORS)
def reveal(data: dict[str, Any], callback_id: str) -> dict[str, Any]:
    """Look at the bytes of a message, which may speak of a person; the audit has who looked and why."""
    hub = the_hub()
    wanted = presenting.read_id(hub, callback_id)
    # Looking changes nothing, so no answer is kept: the same Idempotency-Key looks again, and the audit has it twice.
    with hub.db.session() as session:
        return presenting.bytes_of(replaying.reveal(hub, session, wanted, g.person.id, data["reason"]), callback_id)
