"""Asking gateways about attempts of which there is no news, on a ladder of widening steps.

Nothing is guessed: an attempt ends as *abandoned* only when its order has expired at the gateway and the gateway itself, verified,
says that it is not paid. At the end of the ladder a silent or contradictory one becomes a discrepancy for a person.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from gateways.base import Notice, Query, Queryable
from gateways.errors import GatewayError
from payhub import ids, log
from payhub.accounts.models import GatewayAccount
from payhub.calling import call
from payhub.clock import local_date
from payhub.discrepancies.service import open_ as open_discrepancy
from payhub.discrepancies.service import resolve
from payhub.exchange import ExchangeError
from payhub.hub import Hub
from payhub.payments.models import Attempt, Payment
from payhub.payments.notices import by_form
from payhub.payments.outcomes import end_without_money, find, under_lock
from payhub.payments.states import UNDECIDED

_log = log.get(__name__)


def due(session: Session, now: datetime, limit: int = 100) -> list[uuid.UUID]:
    """Return attempts whose next question is due, oldest first."""
    wanted = select(Attempt.id).where(Attempt.next_check_at <= now).order_by(Attempt.next_check_at).limit(limit)
    return list(session.scalars(wanted))


def check(hub: Hub, attempt_id: uuid.UUID) -> None:
    """Ask the gateway about one attempt and apply its word; safe to run twice."""
    now = hub.clock.now()
    with hub.db.session() as session:
        attempt = session.get(Attempt, attempt_id)
    if attempt is None or attempt.state not in UNDECIDED:
        return
    account = hub.registers.gateway_accounts_by_id[attempt.gateway_account_id]
    notice = ask(hub, account, attempt, now)
    with hub.db.session() as session:
        found = find(session, account, attempt.reference)
        if found is None or found[1].state not in UNDECIDED:
            return
        payment, locked = found
        if notice is not None:
            under_lock(hub, session, account, notice, payment, locked, asked=True)
            _abandon(session, account, payment, locked, notice, now)
        _schedule(hub, session, account, payment, locked, now)


def ask_again(hub: Hub, attempt_id: uuid.UUID) -> Notice | None:
    """Ask about an attempt because a person wants to know, whatever became of it, and apply the gateway's word; None without any.

    No step of the ladder is taken, and none is lost.
    """
    now = hub.clock.now()
    with hub.db.session() as session:
        attempt = session.get_one(Attempt, attempt_id)
    account = hub.registers.gateway_accounts_by_id[attempt.gateway_account_id]
    notice = ask(hub, account, attempt, now)
    if notice is None:
        return None
    with hub.db.session() as session:
        found = find(session, account, attempt.reference)
        if found is not None:
            under_lock(hub, session, account, notice, *found, asked=True)
            _abandon(session, account, *found, notice, now)
            session.flush()
            close_known(session, now)
    return notice


def close_known(session: Session, now: datetime) -> int:
    """Resolve what was asked about attempts of which the outcome has come after all; return how many."""
    undecided = [str(state) for state in sorted(UNDECIDED)]
    found = session.execute(_KNOWN, {"undecided": undecided}).all()
    for discrepancy_id, attempt_id, state in found:
        told = {"attempt": str(attempt_id), "state": state}
        resolve(session, [discrepancy_id], actor="system", now=now, act="closed by outcome", data=told)
    return len(found)


_KNOWN = text(
    """
    SELECT d.id, attempt.id AS attempt_id, attempt.state FROM discrepancy AS d
    JOIN gateway_account AS account ON account.id = d.gateway_account_id
    JOIN attempt ON attempt.gateway_account_id = account.id AND attempt.reference = substr(d.key, length(account.code) + 10)
    WHERE d.kind = 'unknown_outcome' AND d.state <> 'resolved' AND attempt.state <> ALL (:undecided)
    ORDER BY d.id LIMIT 100
    """
)


def ask(hub: Hub, account: GatewayAccount, attempt: Attempt, now: datetime) -> Notice | None:
    """Return the gateway's verified word on an attempt, or None where there is none that can be used."""
    gateway, protocol = hub.gateways[account.gateway], hub.registers.protocol_accounts[account.id]
    if not isinstance(gateway, Queryable):
        return None
    query = Query(
        reference=attempt.reference,
        created_at=attempt.ordered_at,
        request_id=ids.new_id().hex,
        asked_at=now,
        client_ip="127.0.0.1",
    )
    try:
        return by_form(gateway.queried(protocol, query, call(hub, account, gateway.query(protocol, query))))
    except ExchangeError:
        return None
    except GatewayError as error:
        _log.warning("gateway.answer_unusable", gateway=account.code, kind=type(error).__name__, why=str(error))
        return None


def _abandon(session: Session, account: GatewayAccount, payment: Payment, attempt: Attempt, notice: Notice, now: datetime) -> None:
    """End an attempt nobody completed: past its expiry at the gateway, and the gateway says it has no money."""
    if not notice.not_paid or attempt.state not in UNDECIDED or now <= attempt.order_expires_at:
        return
    attempt.raw_code = notice.raw_code
    end_without_money(session, account, payment, attempt, "abandoned", now)


def _schedule(hub: Hub, session: Session, account: GatewayAccount, payment: Payment, attempt: Attempt, now: datetime) -> None:
    """Set when to ask next; after the last step open a discrepancy instead, and stay unknown.

    Who asks early, a citizen's return for one, takes no step of the ladder away.
    """
    if attempt.state not in UNDECIDED or (attempt.next_check_at is not None and attempt.next_check_at > now):
        return
    attempt.checks += 1
    ladder = hub.settings.payments.ladder_s
    if attempt.checks < len(ladder):
        attempt.next_check_at = max(attempt.ordered_at + timedelta(seconds=ladder[attempt.checks]), now)
        return
    # With nobody asking any more, the order is never made again, and its citizen's address serves nothing.
    attempt.next_check_at = attempt.client_ip = attempt.pay_url = None
    open_discrepancy(
        session,
        kind="unknown_outcome",
        key=f"{account.code}/payment/{attempt.reference}",
        on=local_date(attempt.ordered_at),
        amount=attempt.amount,
        currency=attempt.currency,
        evidence={"state": attempt.state, "raw_code": attempt.raw_code, "checks": attempt.checks},
        now=now,
        gateway_account_id=account.id,
        payment_id=payment.id,
    )
