"""The REST API of the workbench, for people: see what disagrees, and do something about it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import orjson
from flask import Response, g
from sqlalchemy.orm import Session

from payhub import idempotency, ids
from payhub.discrepancies import accepting, acting
from payhub.discrepancies.errors import ActImpossible, DiscrepancyProposed, DiscrepancyResolved, NotReopenable
from payhub.http import accepts, api_blueprint, language, raises, returns, the_hub
from payhub.idempotency import idempotent
from payhub.payments.receipts.errors import NotAllocatable
from payhub.payments.refunds.errors import GatewayRefundsNothing, NotRefundable
from payhub.staff.errors import AlreadyProposed, RoleMissing
from payhub.staff.http import requires_person
from payhub.staff.models import ROLES as ANYBODY
from reconciliation.banking.schemas import PayoutMatch
from reconciliation.workbench import asking, correcting, money, payouts, presenting
from reconciliation.workbench.possible import ROLES
from reconciliation.workbench.schemas import (
    Acceptance,
    Assignment,
    Comment,
    Corrections,
    DiscrepanciesQuery,
    DiscrepancySummaryView,
    HeldToGoBack,
    HeldToPay,
    NewLink,
    Reopening,
    WantedDiscrepancies,
    WorkDetailsView,
    WorkPage,
)

bp = api_blueprint("workbench", __name__)
_VIEW = WorkDetailsView()
_REFUSALS = (RoleMissing, DiscrepancyResolved, *idempotency.ERRORS)
_PROPOSING = (*_REFUSALS, DiscrepancyProposed, AlreadyProposed)


@bp.get("/staff/discrepancies")
@requires_person(*ANYBODY)
@accepts(DiscrepanciesQuery, place="query")
@returns(WorkPage)
@raises(RoleMissing)
def page(data: dict[str, Any]) -> dict[str, Any]:
    """List discrepancies, what is due first coming first."""
    with the_hub().db.session() as session:
        return presenting.page(the_hub(), session, language(), **data)


@bp.get("/staff/discrepancies/summary")
@requires_person(*ANYBODY)
@accepts(WantedDiscrepancies, place="query")
@returns(DiscrepancySummaryView)
@raises(RoleMissing)
def summary(data: dict[str, Any]) -> dict[str, Any]:
    """Count discrepancies and add up their money, per kind."""
    with the_hub().db.session() as session:
        return presenting.summary(the_hub(), session, language(), **data)


@bp.get("/staff/discrepancies/<discrepancy_id>")
@requires_person(*ANYBODY)
@returns(WorkDetailsView)
@raises(RoleMissing)
def look(discrepancy_id: str) -> dict[str, Any]:
    """Look at one discrepancy: what each side says and where, what was done, what could be."""
    with the_hub().db.session() as session:
        wanted = presenting.read_id(the_hub(), discrepancy_id)
        return presenting.look(the_hub(), session, wanted, g.person, language())


@bp.post("/staff/discrepancies/<discrepancy_id>/assign")
@requires_person(*ROLES["assign"])
@idempotent
@accepts(Assignment)
@returns(WorkDetailsView)
@raises(*_REFUSALS)
def assign(data: dict[str, Any], discrepancy_id: str) -> Response:
    """Make a discrepancy somebody's; without an owner, one's own."""
    person, now = g.person, the_hub().clock.now()
    return _once(discrepancy_id, lambda session, wanted: acting.assign(session, wanted, person, data.get("owner"), now))


@bp.post("/staff/discrepancies/<discrepancy_id>/unassign")
@requires_person(*ROLES["unassign"])
@idempotent
@returns(WorkDetailsView)
@raises(*_REFUSALS)
def unassign(discrepancy_id: str) -> Response:
    """Let a discrepancy be nobody's."""
    person, now = g.person, the_hub().clock.now()
    return _once(discrepancy_id, lambda session, wanted: acting.unassign(session, wanted, person, now))


@bp.post("/staff/discrepancies/<discrepancy_id>/comment")
@requires_person(*ROLES["comment"])
@idempotent
@accepts(Comment)
@returns(WorkDetailsView)
@raises(*_REFUSALS)
def comment(data: dict[str, Any], discrepancy_id: str) -> Response:
    """Write something down for whoever works on it next."""
    hub, person = the_hub(), g.person
    return _once(discrepancy_id, lambda session, wanted: acting.comment(hub, session, wanted, person, data["text"]))


@bp.post("/staff/discrepancies/<discrepancy_id>/link")
@requires_person(*ROLES["link"])
@idempotent
@accepts(NewLink)
@returns(WorkDetailsView)
@raises(*_REFUSALS)
def link(data: dict[str, Any], discrepancy_id: str) -> Response:
    """Say that two discrepancies are one matter; both show it."""
    person, now = g.person, the_hub().clock.now()
    other = ids.read_public_id("dsc", data["discrepancy"], the_hub().settings.mode)
    return _once(discrepancy_id, lambda session, wanted: acting.link(session, wanted, other, person, now))


@bp.post("/staff/discrepancies/<discrepancy_id>/ask")
@requires_person(*ROLES["ask"])
@idempotent
@returns(WorkDetailsView)
@raises(*_REFUSALS, ActImpossible)
def ask(discrepancy_id: str) -> Response:
    """Ask the gateway again about the attempt or the refund it names, and apply the answer."""
    hub, person = the_hub(), g.person
    answered: Response | None = g.once.first_answer(hub.db)
    if answered is not None:
        return answered
    # The gateway is waited for before a transaction is open. Its word may resolve this very discrepancy: the history has it anyway.
    told = asking.ask(hub, presenting.read_id(hub, discrepancy_id))

    def act(session: Session, wanted: uuid.UUID) -> None:
        acting.keep(session, acting.locked(session, wanted), "asked", person.id, hub.clock.now(), told)

    return _once(discrepancy_id, act)


@bp.post("/staff/discrepancies/<discrepancy_id>/allocate")
@requires_person(*ROLES["allocate"])
@idempotent
@accepts(HeldToPay)
@returns(WorkDetailsView, 201)
@raises(*_PROPOSING, ActImpossible, NotAllocatable)
def allocate(data: dict[str, Any], discrepancy_id: str) -> Response:
    """Propose that the money held because of a discrepancy pays a payment whole; another person approves it."""
    hub, by = the_hub(), g.person.principal
    return _once(discrepancy_id, lambda session, wanted: money.allocate(hub, session, wanted, data["payment"], by), 201)


@bp.post("/staff/discrepancies/<discrepancy_id>/refund")
@requires_person(*ROLES["refund"])
@idempotent
@accepts(HeldToGoBack)
@returns(WorkDetailsView, 201)
@raises(*_PROPOSING, ActImpossible, NotRefundable, GatewayRefundsNothing)
def refund(data: dict[str, Any], discrepancy_id: str) -> Response:
    """Propose that the money held because of a discrepancy goes back; another person approves it."""
    hub, by = the_hub(), g.person.principal
    return _once(discrepancy_id, lambda session, wanted: money.refund(hub, session, wanted, data, by), 201)


@bp.post("/staff/discrepancies/<discrepancy_id>/accept")
@requires_person(*ROLES["accept"])
@idempotent
@accepts(Acceptance)
@returns(WorkDetailsView, 201)
@raises(*_PROPOSING)
def accept(data: dict[str, Any], discrepancy_id: str) -> Response:
    """Propose that nothing more is done about a discrepancy, and why; another person approves it."""
    hub, by = the_hub(), g.person.principal

    def act(session: Session, wanted: uuid.UUID) -> None:
        accepting.propose(hub, session, wanted, data["reason"], data.get("note"), by)

    return _once(discrepancy_id, act, 201)


@bp.post("/staff/discrepancies/<discrepancy_id>/correct")
@requires_person(*ROLES["correct"])
@idempotent
@accepts(Corrections)
@returns(WorkDetailsView, 201)
@raises(*_PROPOSING, ActImpossible)
def correct(data: dict[str, Any], discrepancy_id: str) -> Response:
    """Propose what rows of a file say that were set aside; once another person agrees they are lines of it."""
    hub, by = the_hub(), g.person.principal
    return _once(discrepancy_id, lambda session, wanted: correcting.propose(hub, session, wanted, data["rows"], by), 201)


@bp.post("/staff/discrepancies/<discrepancy_id>/match")
@requires_person(*ROLES["match"])
@idempotent
@accepts(PayoutMatch)
@returns(WorkDetailsView, 201)
@raises(*_PROPOSING, ActImpossible)
def match(data: dict[str, Any], discrepancy_id: str) -> Response:
    """Propose that entries at the bank are the payout it is about, alone or with others; another person approves it."""
    hub, by = the_hub(), g.person.principal
    return _once(discrepancy_id, lambda session, wanted: payouts.match(hub, session, wanted, data, by), 201)


@bp.post("/staff/discrepancies/<discrepancy_id>/reopen")
@requires_person(*ROLES["reopen"])
@idempotent
@accepts(Reopening)
@returns(WorkDetailsView)
@raises(RoleMissing, NotReopenable, *idempotency.ERRORS)
def reopen(data: dict[str, Any], discrepancy_id: str) -> Response:
    """Open again what people had resolved, and say why."""
    hub, person = the_hub(), g.person
    return _once(discrepancy_id, lambda session, wanted: acting.reopen(hub, session, wanted, person, data["reason"]))


def _once(discrepancy_id: str, act: Callable[[Session, uuid.UUID], None], status: int = 200) -> Response:
    """Do something about a discrepancy, once per Idempotency-Key, and answer with the discrepancy."""
    hub, person, spoken = the_hub(), g.person, language()
    wanted = presenting.read_id(hub, discrepancy_id)

    def done(session: Session) -> tuple[int, bytes]:
        act(session, wanted)
        session.flush()
        # The answer is kept for repeated requests, longer than what others wrote may last.
        shown = presenting.look(hub, session, wanted, person, spoken, words=False)
        return status, orjson.dumps(_VIEW.dump(shown))

    answer: Response = g.once.carry_out(hub.db, hub.clock.now(), done)
    return answer
