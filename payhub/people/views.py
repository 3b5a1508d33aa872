"""The REST API of what is known of people, for people of the staff. Values are in bodies, never in addresses.

Looking changes nothing, so no answer to it is kept: the same Idempotency-Key looks again, and the audit has it twice.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import orjson
from flask import Response, g
from sqlalchemy.orm import Session

from payhub import idempotency, ids
from payhub.errors import NotFound
from payhub.http import accepts, api_blueprint, raises, returns, the_hub
from payhub.idempotency import idempotent
from payhub.people import erasure, service
from payhub.people.errors import PayerErased, PayerUnknown
from payhub.people.schemas import ErasureView, FoundPage, NewErasure, NewErasures, PayerSearch, PayerView, Reveal, RevealedView
from payhub.staff.errors import AlreadyProposed, RoleMissing
from payhub.staff.http import requires_person

bp = api_blueprint("people", __name__)
_VIEW = ErasureView()


@bp.get("/staff/payments/<payment_id>/payer")
@requires_person("clerk", "auditor", "approver")
@returns(PayerView)
@raises(RoleMissing)
def look(payment_id: str) -> dict[str, Any]:
    """Look at who pays, masked."""
    with the_hub().db.session() as session:
        return service.look(the_hub(), session, service.find_payment(the_hub(), session, payment_id))


@bp.post("/staff/payments/<payment_id>/payer/reveal")
@requires_person("clerk", "auditor")
@idempotent
@accepts(Reveal)
@returns(RevealedView)
@raises(RoleMissing, PayerErased, PayerUnknown, *idempotency.ERRORS)
def reveal(data: dict[str, Any], payment_id: str) -> dict[str, Any]:
    """Look at who pays, unmasked; the audit has who looked and why."""
    with the_hub().db.session() as session:
        payment = service.find_payment(the_hub(), session, payment_id)
        return service.reveal(the_hub(), session, payment, g.person, data["reason"])


@bp.post("/staff/payers/search")
@requires_person("clerk", "auditor")
@idempotent
@accepts(PayerSearch)
@returns(FoundPage)
@raises(RoleMissing, *idempotency.ERRORS)
def search(data: dict[str, Any]) -> dict[str, Any]:
    """Find the payments of a person by exactly their name, number of identity, telephone number or e-mail."""
    with the_hub().db.session() as session:
        return service.search(the_hub(), session, g.person.id, **data)


@bp.post("/staff/payments/<payment_id>/payer/erase")
@requires_person("clerk")
@idempotent
@accepts(NewErasure)
@returns(ErasureView, 201)
@raises(RoleMissing, PayerErased, AlreadyProposed, *idempotency.ERRORS)
def erase(data: dict[str, Any], payment_id: str) -> Response:
    """Propose that nobody sees any more who pays; another person approves it."""
    return _propose([payment_id], data["reason"])


@bp.post("/staff/payers/erase")
@requires_person("clerk")
@idempotent
@accepts(NewErasures)
@returns(ErasureView, 201)
@raises(RoleMissing, PayerErased, AlreadyProposed, *idempotency.ERRORS)
def erase_many(data: dict[str, Any]) -> Response:
    """Propose the same for all payments of one person, as a search found them."""
    return _propose(data["payments"], data["reason"])


def _propose(payments: Sequence[str], reason: str) -> Response:
    hub = the_hub()
    wanted = [_read(each) for each in payments]

    def act(session: Session) -> tuple[int, bytes]:
        proposal = erasure.propose(hub, session, wanted, reason, g.person.principal)
        mode, listed = hub.settings.mode, proposal.content["payments"]
        shown = [ids.public_id("pay", uuid.UUID(each), mode) for each in listed]
        view = {"proposal": ids.public_id("prp", proposal.id, mode), "payments": shown, "reason": reason}
        return 201, orjson.dumps(_VIEW.dump(view))

    answer: Response = g.once.carry_out(hub.db, hub.clock.now(), act)
    return answer


def _read(public: str) -> uuid.UUID:
    payment_id = ids.read_public_id("pay", public, the_hub().settings.mode)
    if payment_id is None:
        raise NotFound
    return payment_id
