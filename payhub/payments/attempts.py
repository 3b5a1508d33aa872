"""Starting an attempt: one way to pay chosen, an attempt written, an order made."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from gateways.base import Redirect
from payhub import ids
from payhub.hub import Hub
from payhub.payments import closing
from payhub.payments.choosing import refused
from payhub.payments.errors import GatewayNotOffered
from payhub.payments.models import Attempt, Payment, PaymentLine
from payhub.payments.starting import Started, order_lives, redirect_of
from payhub.payments.statements import START, parameters
from payhub.payments.states import PaymentState
from payhub.payments.ways import Way, method_of, way_of


def start(
    hub: Hub,
    payment_id: uuid.UUID,
    way_code: str,
    form_token: uuid.UUID,
    client_ip: str,
    choice: Mapping[str, Any] | None = None,
    *,
    bank: str = "",
) -> Redirect | None:
    """Write an attempt and return where to send the citizen; None where the payment takes no more, or the gateway no order.

    The same form sent again gives the same order again. `choice` is what is kept of why the way stood where it stood, `bank` the
    code of the bank that was chosen, if one was.
    """
    now = hub.clock.now().replace(microsecond=0)
    way = _open_way(hub, payment_id, way_code, now)
    started = _write(hub, way, _values(hub, way, payment_id, form_token, client_ip, now, choice=choice, bank=bank)) if way else None
    started = started or _sent_before(hub, payment_id, form_token, client_ip)
    if started is not None:
        return redirect_of(hub, started)
    _demand_taken(hub, way, payment_id)
    return None


def _open_way(hub: Hub, payment_id: uuid.UUID, code: str, now: datetime) -> Way | None:
    """Return the way of this code where it is in use, neither held nor spared, and brings every line to its own agency."""
    way = way_of(hub, hub.registers, code, now)
    if way is None or refused(hub, hub.registers, way, now) is not None:
        return None
    if way.account.settlement == "pooled":
        return way
    with hub.db.session() as session:
        agencies = set(session.scalars(select(PaymentLine.agency_id).where(PaymentLine.payment_id == payment_id)))
    return way if agencies == {way.account.owner_agency_id} else None


def _write(hub: Hub, way: Way, values: dict[str, Any]) -> Started | None:
    with hub.db.autocommit() as connection:
        row = connection.execute(START, parameters(values)).one_or_none()
    if row is None:
        row = _start_under_lock(hub, values["payment_id"], values)
    return _new(way, values, row) if row is not None else None


def _start_under_lock(hub: Hub, payment_id: uuid.UUID, values: dict[str, Any]) -> Any:
    """Write the attempt with the payment locked first: whoever else was changing it is waited for, and the guard cannot lose."""
    with hub.db.session() as session:
        if closing.locked(session, payment_id) is None:
            return None
        return session.execute(START, parameters(values)).one_or_none()


def _values(
    hub: Hub,
    way: Way,
    payment_id: uuid.UUID,
    form_token: uuid.UUID,
    client_ip: str,
    now: datetime,
    *,
    choice: Mapping[str, Any] | None,
    bank: str,
) -> dict[str, Any]:
    method = method_of(hub, way, bank)
    code, attempt_id, times, account = ids.new_code(), ids.new_id(), hub.settings.payments, way.account
    reference = hub.gateways[account.gateway].reference(code, now)
    return {
        "payment_id": payment_id,
        "form_token": form_token,
        "client_ip": client_ip,
        "attempt_id": attempt_id,
        "gateway_account_id": account.id,
        "minimum": way.minimum,
        "maximum": way.maximum,
        "account_currency": account.currency,
        "code": code,
        "reference": reference,
        "method": method or None,
        "now": now,
        "order_expires_at": now + order_lives(hub, account),
        "next_check_at": now + timedelta(seconds=times.ladder_s[0]),
        "event_id": ids.new_id(),
        "event_data": {
            "attempt": str(attempt_id),
            "attempt_state": "created",
            "gateway_account": account.code,
            "reference": reference,
            **({"choice": dict(choice)} if choice else {}),
            **({"bank": method} if method != way.method.name else {}),
        },
    }


def _new(way: Way, values: dict[str, Any], row: Any) -> Started:
    return Started(
        account=way.account, reference=values["reference"], method=values["method"] or "",
        ordered_at=values["now"], amount=row.total, currency=row.currency, payment_reference=row.reference, language=row.language,
        client_ip=values["client_ip"],
    )  # fmt: skip


def _sent_before(hub: Hub, payment_id: uuid.UUID, form_token: uuid.UUID, client_ip: str) -> Started | None:
    with hub.db.session() as session:
        found = session.execute(
            select(Attempt, Payment)
            .join(Payment, Payment.id == Attempt.payment_id)
            .where(Attempt.payment_id == payment_id, Attempt.form_token == form_token, Payment.state == PaymentState.OPEN)
        ).one_or_none()
    if found is None:
        return None
    attempt, payment = found
    return Started(
        account=hub.registers.gateway_accounts_by_id[attempt.gateway_account_id],
        reference=attempt.reference, method=attempt.method or "", ordered_at=attempt.ordered_at, amount=attempt.amount,
        currency=attempt.currency, payment_reference=payment.reference, language=payment.language,
        client_ip=attempt.client_ip or client_ip, pay_url=attempt.pay_url, asked_before=True,
    )  # fmt: skip


def _demand_taken(hub: Hub, way: Way | None, payment_id: uuid.UUID) -> None:
    """Raise where the way does not take the payment's amount, and not the payment an attempt."""
    with hub.db.session() as session:
        payment = session.get(Payment, payment_id)
    if way is None or (payment is not None and not way.takes(payment.total, payment.currency)):
        raise GatewayNotOffered
