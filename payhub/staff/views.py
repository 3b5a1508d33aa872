"""The REST API of proposals, for people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import orjson
from flask import Response, g
from sqlalchemy.orm import Session

from payhub import idempotency
from payhub.http import accepts, api_blueprint, raises, returns, the_hub
from payhub.idempotency import Once, idempotent
from payhub.staff import presenting, service
from payhub.staff.errors import (
    ApprovalsLocked,
    NotTheProposer,
    NotTwoPeople,
    ProposalDecided,
    ProposalVoid,
    RoleMissing,
    TotpUsed,
    TotpWrong,
)
from payhub.staff.http import requires_person
from payhub.staff.models import ROLES, Proposal
from payhub.staff.schemas import Approval, ProposalPage, ProposalQuery, ProposalView, Refusal
from payhub.staff.states import ProposalState

bp = api_blueprint("proposals", __name__)
_VIEW = ProposalView()


@bp.get("/proposals")
@requires_person(*ROLES)
@accepts(ProposalQuery, place="query")
@returns(ProposalPage)
@raises(RoleMissing)
def page(data: dict[str, Any]) -> dict[str, Any]:
    """List proposals, newest first."""
    with the_hub().db.session() as session:
        return presenting.page(the_hub(), session, **data)


@bp.get("/proposals/<proposal_id>")
@requires_person(*ROLES)
@returns(ProposalView)
@raises(RoleMissing)
def get(proposal_id: str) -> dict[str, Any]:
    """Look at one proposal."""
    with the_hub().db.session() as session:
        return presenting.look(the_hub(), session, proposal_id)


@bp.post("/proposals/<proposal_id>/approve")
@requires_person("approver")
@idempotent
@accepts(Approval)
@returns(ProposalView)
@raises(
    RoleMissing, NotTwoPeople, TotpWrong, TotpUsed, ApprovalsLocked, ProposalDecided, ProposalVoid, *idempotency.ERRORS
)  # fmt: skip
def approve(data: dict[str, Any], proposal_id: str) -> Response:
    """Say yes to what somebody else proposed; it is done at once where the hub can do it."""
    hub = the_hub()
    now = hub.clock.now()
    answer: Response | None = g.once.first_answer(hub.db)
    if answer is None:
        # The code is taken before a transaction is open, so that what was tried stays counted.
        confirmed = service.confirm(hub, presenting.read_id(hub, proposal_id), g.person, data["totp"], now)
        answer = _once(lambda session: service.approve_confirmed(hub, session, confirmed, now))
    if orjson.loads(answer.get_data())["state"] == ProposalState.VOID:
        raise ProposalVoid
    return answer


@bp.post("/proposals/<proposal_id>/decline")
@requires_person("approver")
@idempotent
@accepts(Refusal)
@returns(ProposalView)
@raises(RoleMissing, NotTwoPeople, ProposalDecided, ProposalVoid, *idempotency.ERRORS)
def decline(data: dict[str, Any], proposal_id: str) -> Response:
    """Say no to what somebody else proposed, and why."""
    hub = the_hub()
    known, now = presenting.read_id(hub, proposal_id), hub.clock.now()
    return _once(lambda session: service.decline(hub, session, known, g.person, data["reason"], now))


@bp.post("/proposals/<proposal_id>/withdraw")
@requires_person(*ROLES)
@idempotent
@returns(ProposalView)
@raises(RoleMissing, NotTheProposer, ProposalDecided, ProposalVoid, *idempotency.ERRORS)
def withdraw(proposal_id: str) -> Response:
    """Take one's own proposal back."""
    hub = the_hub()
    known, now = presenting.read_id(hub, proposal_id), hub.clock.now()
    return _once(lambda session: service.withdraw(hub, session, known, g.person.principal, now))


def _once(act: Callable[[Session], Proposal]) -> Response:
    """Do something to a proposal, once per Idempotency-Key, and answer with the proposal."""
    hub, once = the_hub(), cast("Once", g.once)

    def done(session: Session) -> tuple[int, bytes]:
        shown = presenting.describe(hub, session, [act(session)])[0]
        return 200, orjson.dumps(_VIEW.dump(shown))

    return once.carry_out(hub.db, hub.clock.now(), done)
