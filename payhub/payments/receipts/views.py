"""The REST API of unapplied money, for people: see what is held, and propose what it pays."""

from __future__ import annotations

from typing import Any

import orjson
from flask import Response, g
from sqlalchemy.orm import Session

from payhub import idempotency, ids
from payhub.http import accepts, api_blueprint, raises, returns, the_hub
from payhub.idempotency import idempotent
from payhub.payments import allocating
from payhub.payments.receipts import presenting
from payhub.payments.receipts.errors import NotAllocatable
from payhub.payments.receipts.schemas import NewAllocation, ReceiptQuery, UnappliedReceiptDetailsView, UnappliedReceiptPage
from payhub.staff import presenting as staff_presenting
from payhub.staff.errors import AlreadyProposed, RoleMissing
from payhub.staff.http import requires_person
from payhub.staff.models import ROLES
from payhub.staff.schemas import ProposalView

bp = api_blueprint("receipts", __name__)
_PROPOSAL = ProposalView()


@bp.get("/staff/unapplied")
@requires_person(*ROLES)
@accepts(ReceiptQuery, place="query")
@returns(UnappliedReceiptPage)
@raises(RoleMissing)
def page(data: dict[str, Any]) -> dict[str, Any]:
    """List money that came and could not pay, oldest first."""
    with the_hub().db.session() as session:
        return presenting.page(the_hub(), session, **data)


@bp.get("/staff/unapplied/<receipt_id>")
@requires_person(*ROLES)
@returns(UnappliedReceiptDetailsView)
@raises(RoleMissing)
def look(receipt_id: str) -> dict[str, Any]:
    """Look at one unapplied receipt and at where parts of it went."""
    with the_hub().db.session() as session:
        return presenting.look(the_hub(), session, receipt_id)


@bp.post("/staff/unapplied/<receipt_id>/allocate")
@requires_person("clerk")
@idempotent
@accepts(NewAllocation)
@returns(ProposalView, 201)
@raises(RoleMissing, NotAllocatable, AlreadyProposed, *idempotency.ERRORS)
def allocate(data: dict[str, Any], receipt_id: str) -> Response:
    """Propose that unapplied money pays a payment whole; another person approves it before anything moves."""
    hub = the_hub()
    wanted = ids.read_public_id("uap", receipt_id, hub.settings.mode)

    def act(session: Session) -> tuple[int, bytes]:
        proposal = allocating.propose(hub, session, wanted, data["payment"], g.person.principal)
        return 201, orjson.dumps(_PROPOSAL.dump(staff_presenting.describe(hub, session, [proposal])[0]))

    answer: Response = g.once.carry_out(hub.db, hub.clock.now(), act)
    return answer
