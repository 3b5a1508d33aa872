"""Recording what a citizen's bank wants back, and its decision: won by a clerk's word, lost when another person agrees."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from payhub import ids
from payhub.db import constraint_of
from payhub.errors import NotFound
from payhub.hub import Hub
from payhub.payments import closing
from payhub.payments.disputes.changing import Case, case
from payhub.payments.disputes.errors import DisputeEnded, DisputeKnown, NotDisputable
from payhub.payments.disputes.models import Dispute, DisputeLine
from payhub.payments.models import Payment
from payhub.payments.refunds.service import demand_lines, source_attempt
from payhub.payments.refunds.standing import lines_of
from payhub.payments.states import DisputeState
from payhub.staff import audit
from payhub.staff import service as staff
from payhub.staff.executors import executes
from payhub.staff.models import Principal, Proposal

KIND = "dispute_lost"
_CASE = "uq_dispute_gateway_account_id_gateway_case"


def open_(hub: Hub, session: Session, payment_id: uuid.UUID | None, data: Mapping[str, Any], by: Principal) -> Dispute:
    """Record a dispute; from now on what is disputed is reserved. Refunds before it do not stand in its way: a bank never asked."""
    payment = closing.locked(session, payment_id) if payment_id else None
    if payment is None:
        raise NotFound
    attempt = source_attempt(session, payment)
    if attempt is not None:
        _demand_unknown(hub, session, attempt.gateway_account_id, data["gateway_case"])
    wanted = _wanted(session, payment, data["lines"])
    if attempt is None:
        raise NotDisputable(lines=[])
    now, dispute_id = hub.clock.now(), ids.new_id()
    dispute = Dispute(
        id=dispute_id, payment_id=payment.id, number=_next_number(session, payment.id), attempt_id=attempt.id,
        gateway_account_id=attempt.gateway_account_id, gateway_case=data["gateway_case"], state=DisputeState.OPENED, version=1,
        amount=sum(wanted.values()), currency=payment.currency, opened_by=by.id, opened_at=now,
    )  # fmt: skip
    session.add(dispute)
    _flush(session)
    for line_id, amount in wanted.items():
        session.add(DisputeLine(dispute_id=dispute_id, payment_line_id=line_id, amount=amount, charged_back=0))
    case(hub, session, dispute_id, now).record("dispute.opened")
    _audit(session, dispute, by, now)
    return dispute


def _wanted(session: Session, payment: Payment, asked: Sequence[Mapping[str, int]]) -> dict[uuid.UUID, int]:
    """Return what is disputed by line; raise where a line is unknown, or more of it than can be."""
    standing = {each.line.number: each for each in lines_of(session, payment)}
    demand_lines(standing, asked)
    disputed = _disputed(session, payment)
    over, wanted = [], {}
    for number, amount in ((line["number"], line["amount"]) for line in asked):
        each = standing[number]
        left = each.line.amount - disputed.get(each.line.id, 0) if each.applied else 0
        if amount > left:
            over.append({"line": number, "disputable": left})
        wanted[each.line.id] = amount
    if over:
        raise NotDisputable(lines=over)
    return wanted


def _disputed(session: Session, payment: Payment) -> dict[uuid.UUID, int]:
    """Return what other disputes hold or took of each line, whether or not it was still there."""
    sums = select(DisputeLine.payment_line_id, func.sum(DisputeLine.amount)).join(Dispute, Dispute.id == DisputeLine.dispute_id)
    sums = sums.where(Dispute.payment_id == payment.id, Dispute.state != DisputeState.WON).group_by(DisputeLine.payment_line_id)
    return {line_id: int(amount) for line_id, amount in session.execute(sums)}


def _demand_unknown(hub: Hub, session: Session, account_id: uuid.UUID, gateway_case: str) -> None:
    same = select(Dispute.id).where(Dispute.gateway_account_id == account_id, Dispute.gateway_case == gateway_case)
    known = session.scalar(same)
    if known is not None:
        raise DisputeKnown(dispute=ids.public_id("dsp", known, hub.settings.mode))


def _flush(session: Session) -> None:
    try:
        session.flush()
    except IntegrityError as error:
        # Of another payment, and written since it was looked for.
        if constraint_of(error) == _CASE:
            raise DisputeKnown from None
        raise


def _next_number(session: Session, payment_id: uuid.UUID) -> int:
    return (session.scalar(select(func.max(Dispute.number)).where(Dispute.payment_id == payment_id)) or 0) + 1


def win(hub: Hub, session: Session, dispute_id: uuid.UUID, by: Principal) -> None:
    """The bank takes nothing back: what was disputed is free again."""
    now = hub.clock.now()
    it = case(hub, session, dispute_id, now)
    if it.dispute.state == DisputeState.WON:
        return
    if it.dispute.state != DisputeState.OPENED:
        raise DisputeEnded
    it.move(DisputeState.WON)
    _audit(session, it.dispute, by, now)


def propose_lost(hub: Hub, session: Session, dispute_id: uuid.UUID, by: Principal) -> None:
    """Propose that the bank takes back what is disputed."""
    now = hub.clock.now()
    it = case(hub, session, dispute_id, now)
    if it.dispute.state != DisputeState.OPENED:
        raise DisputeEnded
    proposal = staff.propose(
        session, kind=KIND, target=f"dispute/{dispute_id}", content=_content(it), by=by, now=now, target_seq=it.dispute.version
    )
    it.dispute.proposal_id = proposal.id


def _content(it: Case) -> dict[str, Any]:
    """Return what the second person approves: what is lost, and of what."""
    dispute = it.dispute
    return {
        "payment": str(dispute.payment_id),
        "attempt": str(dispute.attempt_id),
        "gateway_account": it.account.code,
        "gateway_case": dispute.gateway_case,
        "lines": [{"line": str(line.payment_line_id), "amount": line.amount} for line in it.lines()],
        "amount": dispute.amount,
        "currency": dispute.currency,
    }


@executes(KIND)
def lose(hub: Hub, session: Session, proposal: Proposal) -> None:
    """Book a dispute that two people say is lost."""
    now = hub.clock.now()
    it = case(hub, session, uuid.UUID(proposal.target.removeprefix("dispute/")), now)
    if staff.void_if_changed(session, proposal, it.dispute.version, now):
        return
    it.move(DisputeState.LOST)
    it.take()
    session.flush()


def _audit(session: Session, dispute: Dispute, by: Principal, now: datetime) -> None:
    session.flush()
    data = {"case": dispute.gateway_case, "amount": dispute.amount, "currency": dispute.currency}
    audit.append(session, actor=by.id, act=f"dispute.{dispute.state}", target=f"dispute/{dispute.id}", at=now, data=data)
