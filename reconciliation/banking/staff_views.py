"""The REST API of payouts for people: say which entries at the bank they are, where those do not say so themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from flask import Response, g
from sqlalchemy.orm import Session

from payhub import idempotency, ids
from payhub.discrepancies.errors import DiscrepancyProposed
from payhub.http import accepts, api_blueprint, raises, returns, the_hub
from payhub.idempotency import idempotent
from payhub.staff.errors import AlreadyProposed, RoleMissing
from payhub.staff.http import requires_person
from payhub.staff.models import Proposal
from reconciliation.banking import agreeing
from reconciliation.banking.errors import NothingAgreed
from reconciliation.banking.schemas import PayoutMatch, ProposedView

bp = api_blueprint("payouts_work", __name__)
_PROPOSING = (RoleMissing, AlreadyProposed, DiscrepancyProposed, *idempotency.ERRORS)


@bp.post("/staff/payouts/<payout_id>/match")
@requires_person("clerk")
@idempotent
@accepts(PayoutMatch)
@returns(ProposedView, 201)
@raises(*_PROPOSING)
def match(data: dict[str, Any], payout_id: str) -> Response:
    """Propose that entries at the bank are this payout, alone or with others; another person approves it."""
    hub, by, payouts = the_hub(), g.person.principal, [payout_id, *data.get("payouts", ())]
    return _proposed(lambda session: agreeing.propose(hub, session, payouts, data["entries"], by))


@bp.post("/staff/payouts/<payout_id>/unmatch")
@requires_person("clerk")
@idempotent
@returns(ProposedView, 201)
@raises(*_PROPOSING, NothingAgreed)
def unmatch(payout_id: str) -> Response:
    """Propose to take back what people have said of this payout; another person approves it."""
    hub, by = the_hub(), g.person.principal
    return _proposed(lambda session: agreeing.propose_end(hub, session, payout_id, by))


def _proposed(act: Callable[[Session], Proposal]) -> Response:
    hub = the_hub()

    def done(session: Session) -> tuple[int, bytes]:
        return 201, orjson.dumps({"proposal": ids.public_id("prp", act(session).id, hub.settings.mode)})

    answer: Response = g.once.carry_out(hub.db, hub.clock.now(), done)
    return answer
