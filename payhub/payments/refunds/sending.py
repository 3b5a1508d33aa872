"""Sending refunds to their gateway, each request once, and asking what became of those that were not answered.

The request is a row before it is sent, with the money taken from what is owed, so that a crash at any moment leaves a try that is
asked about. Of one attempt one try at a time is without an answer: a gateway's word may name no try, and then means that one.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from gateways.base import Query, RefundNotice, RefundOrder
from gateways.errors import GatewayError
from payhub import ids, log
from payhub.accounts.models import GatewayAccount
from payhub.calling import call
from payhub.db import word
from payhub.exchange import ExchangeError, NotReached
from payhub.hub import Hub
from payhub.payments.models import Attempt
from payhub.payments.notices import refund_by_form
from payhub.payments.refunds.changing import Giving, giving, latest_try
from payhub.payments.refunds.models import Refund, RefundTry
from payhub.payments.refunds.service import fits, refundable
from payhub.payments.refunds.words import answered, not_reached
from payhub.payments.states import UNANSWERED, AttemptState, RefundState, TryState

_log = log.get(__name__)
_CLIENT_IP = "127.0.0.1"
_BUSY_S = 30


def due(session: Session, now: datetime, limit: int = 100) -> list[uuid.UUID]:
    """Return refunds that are to be looked at, oldest first."""
    return list(session.scalars(select(Refund.id).where(Refund.next_at <= now).order_by(Refund.next_at).limit(limit)))


def step(hub: Hub, refund_id: uuid.UUID) -> None:
    """Send a refund, or ask what became of it; safe to run twice."""
    with hub.db.session() as session:
        last = latest_try(session, refund_id)
        refund = session.get(Refund, refund_id)
    if refund is None or refund.next_at is None or refund.next_at > hub.clock.now():
        return
    if last is not None and (last.state in UNANSWERED or refund.state == RefundState.SUCCEEDED):
        _ask(hub, last)
    else:
        _send(hub, refund_id)


def ask_again(hub: Hub, refund_id: uuid.UUID) -> RefundNotice | None:
    """Ask what became of a refund because a person wants to know, and apply the gateway's word; None without any."""
    with hub.db.session() as session:
        last, refund = latest_try(session, refund_id), session.get_one(Refund, refund_id)
        if last is None:
            return None
        attempt = session.get_one(Attempt, last.attempt_id)
    account = hub.registers.gateway_accounts_by_id[last.gateway_account_id]
    notice = _word(hub, account, order_of(refund, last, attempt))
    if notice is not None:
        answered(hub, refund_id, last.id, notice, asked=True, counts=False)
    return notice


@dataclass(frozen=True, slots=True)
class _Sent:
    account: GatewayAccount
    order: RefundOrder
    try_id: uuid.UUID


def _send(hub: Hub, refund_id: uuid.UUID) -> None:
    now = hub.clock.now()
    with hub.db.session() as session:
        sent = _write_try(hub, giving(hub, session, refund_id, now))
    if sent is None:
        return
    gateway, protocol = refundable(hub, sent.account), hub.registers.protocol_accounts[sent.account.id]
    try:
        request = gateway.refund(protocol, sent.order)
    except ValueError as error:
        _log.error("refund.not_expressible", gateway=sent.account.code, why=str(error))
        not_reached(hub, refund_id, sent.try_id)
        return
    notice = None
    try:
        notice = refund_by_form(gateway.refunded(protocol, sent.order, call(hub, sent.account, request)))
    except NotReached:
        not_reached(hub, refund_id, sent.try_id)
        return
    except (ExchangeError, GatewayError) as error:
        _log.warning("refund.answer_unusable", gateway=sent.account.code, kind=type(error).__name__)
    answered(hub, refund_id, sent.try_id, notice, asked=False)


def _write_try(hub: Hub, it: Giving) -> _Sent | None:
    """Write the try that is about to be sent, and take its money; None where nothing is to be sent now."""
    refund, session = it.refund, it.session
    last = latest_try(session, refund.id)
    again = refund.state == RefundState.SUBMITTED and last is not None and last.state == TryState.NOT_REACHED
    is_due = refund.next_at is not None and refund.next_at <= it.now
    if not is_due or not (again or refund.state in {RefundState.APPROVED, RefundState.FAILED}):
        return None
    if it.attempt.state == AttemptState.REVERSED:
        _give_up(it)
        return None
    busy = select(RefundTry.id).where(RefundTry.attempt_id == it.attempt.id, RefundTry.state.in_(sorted(UNANSWERED)))
    if session.scalar(busy.limit(1)) is not None:
        refund.next_at = it.now + timedelta(seconds=_BUSY_S)
        return None
    if not again and not fits(it):
        _give_up(it)
        return None
    row = _next_try(hub, it, last)
    if row is None:
        refund.next_at = it.now + timedelta(seconds=_BUSY_S)
        return None
    next_at = it.now + timedelta(seconds=hub.settings.payments.ladder_s[0])
    if again:
        refund.next_at = next_at
        it.record("refund.submitted", reference=row.reference, try_number=row.number)
    else:
        it.take()
        refund.submitted_at = refund.submitted_at or it.now
        it.move(RefundState.SUBMITTED, next_at=next_at, reference=row.reference, try_number=row.number)
    session.flush()
    return _Sent(it.account, order_of(refund, row, it.attempt), row.id)


def _next_try(hub: Hub, it: Giving, last: RefundTry | None) -> RefundTry | None:
    """Write the next try; None where a refund of the same money in another payment, which has other locks, was sent just now."""
    asked_at, protocol = it.now.replace(microsecond=0), hub.registers.protocol_accounts[it.account.id]
    written = insert(RefundTry).values(
        id=ids.new_id(), refund_id=it.refund.id, attempt_id=it.attempt.id, gateway_account_id=it.account.id,
        number=last.number + 1 if last else 1, state=TryState.CREATED, asked_at=asked_at, checks=0,
        reference=refundable(hub, it.account).refund_reference(protocol, ids.new_code(), asked_at),
    )  # fmt: skip
    unanswered = RefundTry.state.in_([word(state) for state in sorted(UNANSWERED)])
    alone = written.on_conflict_do_nothing(index_elements=["attempt_id"], index_where=unanswered)
    return it.session.scalar(alone.returning(RefundTry))


def _give_up(it: Giving) -> None:
    """What was approved is no longer there to give back, and no request for it is under way."""
    if it.refund.state == RefundState.APPROVED:
        it.move(RefundState.WITHDRAWN, why="not_refundable")
    elif it.refund.state == RefundState.SUBMITTED:
        it.put_back(given=False)
        it.move(RefundState.FAILED, why="reversed")
    else:
        it.refund.next_at = None


def order_of(refund: Refund, row: RefundTry, attempt: Attempt) -> RefundOrder:
    """Return the order that a try sends, or sent."""
    return RefundOrder(
        reference=row.reference,
        original_reference=attempt.reference,
        original_transaction=attempt.gateway_transaction,
        original_created_at=attempt.ordered_at,
        amount=refund.amount,
        original_amount=attempt.confirmed or 0,
        currency=refund.currency,
        asked_by=refund.requested_by.hex,
        asked_at=row.asked_at,
        client_ip=_CLIENT_IP,
    )


def _ask(hub: Hub, row: RefundTry) -> None:
    with hub.db.session() as session:
        refund = session.get_one(Refund, row.refund_id)
        attempt = session.get_one(Attempt, row.attempt_id)
    account = hub.registers.gateway_accounts_by_id[row.gateway_account_id]
    answered(hub, row.refund_id, row.id, _word(hub, account, order_of(refund, row, attempt)), asked=True)


def _word(hub: Hub, account: GatewayAccount, order: RefundOrder) -> RefundNotice | None:
    """Return the gateway's verified word on a try, or None where there is none that can be used."""
    gateway, protocol = refundable(hub, account), hub.registers.protocol_accounts[account.id]
    query = Query(order.reference, order.asked_at, ids.new_id().hex, hub.clock.now(), _CLIENT_IP)
    try:
        response = call(hub, account, gateway.query_refund(protocol, order, query))
        return refund_by_form(gateway.refund_queried(protocol, order, query, response))
    except ExchangeError:
        return None
    except GatewayError as error:
        _log.warning("gateway.answer_unusable", gateway=account.code, kind=type(error).__name__, why=str(error))
        return None
