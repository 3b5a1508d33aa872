"""Starting an attempt: which ways to pay are open, and the order made for the one chosen."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from gateways.base import Order, Redirect
from payhub import ids
from payhub.accounts.models import GatewayAccount
from payhub.exchange import send
from payhub.hub import Hub
from payhub.payments import closing
from payhub.payments.errors import GatewayNotOffered
from payhub.payments.models import Attempt, Payment
from payhub.payments.statements import START, parameters
from payhub.payments.states import PaymentState
from payhub.registers import Registers


def open_accounts(hub: Hub, registers: Registers) -> Sequence[GatewayAccount]:
    """Return the gateway accounts in use now, in the order they are offered."""
    return [account for account in registers.gateway_accounts.values() if _open(hub, account)]


def offered(hub: Hub, registers: Registers, amount: int, currency: str) -> Sequence[GatewayAccount]:
    """Return the gateway accounts that can take this amount now, in the order they are offered."""
    return [account for account in open_accounts(hub, registers) if _takes(account, amount, currency)]


def _open(hub: Hub, account: GatewayAccount) -> bool:
    now = hub.clock.now()
    return account.gateway in hub.gateways and account.opened_at <= now and (account.closed_at is None or now < account.closed_at)


def _takes(account: GatewayAccount, amount: int, currency: str) -> bool:
    return account.currency == currency and account.minimum <= amount <= account.maximum


def start(hub: Hub, payment_id: uuid.UUID, account_code: str, form_token: uuid.UUID, client_ip: str) -> Redirect | None:
    """Write an attempt and return where to send the citizen; None where the payment takes no more attempts.

    The same form sent again gives the same order again.
    """
    account = hub.registers.gateway_accounts.get(account_code)
    if account is None or not _open(hub, account):
        raise GatewayNotOffered
    now = hub.clock.now().replace(microsecond=0)
    values = _values(hub, account, payment_id, form_token, client_ip, now)
    with hub.db.autocommit() as connection:
        row = connection.execute(START, parameters(values)).one_or_none()
    if row is None:
        row = _start_under_lock(hub, payment_id, values)
    if row is not None:
        return _order(hub, account, values["reference"], now, row, client_ip)
    sent = _sent_before(hub, payment_id, form_token)
    if sent is not None:
        attempt, payment = sent
        first = hub.registers.gateway_accounts_by_id[attempt.gateway_account_id]
        return _order(hub, first, attempt.reference, attempt.ordered_at, payment, attempt.client_ip or client_ip)
    _demand_taken(hub, account, payment_id)
    return None


def _start_under_lock(hub: Hub, payment_id: uuid.UUID, values: dict[str, Any]) -> Any:
    """Write the attempt with the payment locked first: whoever else was changing it is waited for, and the guard cannot lose."""
    with hub.db.session() as session:
        if closing.locked(session, payment_id) is None:
            return None
        return session.execute(START, parameters(values)).one_or_none()


def _values(
    hub: Hub, account: GatewayAccount, payment_id: uuid.UUID, form_token: uuid.UUID, client_ip: str, now: datetime
) -> dict[str, Any]:
    code, attempt_id, times = ids.new_code(), ids.new_id(), hub.settings.payments
    reference = hub.gateways[account.gateway].reference(code, now)
    return {
        "payment_id": payment_id,
        "form_token": form_token,
        "client_ip": client_ip,
        "attempt_id": attempt_id,
        "gateway_account_id": account.id,
        "minimum": account.minimum,
        "maximum": account.maximum,
        "account_currency": account.currency,
        "code": code,
        "reference": reference,
        "now": now,
        "order_expires_at": now + timedelta(seconds=times.order_s),
        "next_check_at": now + timedelta(seconds=times.ladder_s[0]),
        "event_id": ids.new_id(),
        "event_data": {
            "attempt": str(attempt_id),
            "attempt_state": "created",
            "gateway_account": account.code,
            "reference": reference,
        },
    }


def _sent_before(hub: Hub, payment_id: uuid.UUID, form_token: uuid.UUID) -> tuple[Attempt, Payment] | None:
    with hub.db.session() as session:
        found = session.execute(
            select(Attempt, Payment)
            .join(Payment, Payment.id == Attempt.payment_id)
            .where(Attempt.payment_id == payment_id, Attempt.form_token == form_token, Payment.state == PaymentState.OPEN)
        ).one_or_none()
        return (found[0], found[1]) if found else None


def _demand_taken(hub: Hub, account: GatewayAccount, payment_id: uuid.UUID) -> None:
    """Raise where the account does not take the payment's amount, and not the payment an attempt."""
    with hub.db.session() as session:
        payment = session.get(Payment, payment_id)
    if payment is not None and not _takes(account, payment.total, payment.currency):
        raise GatewayNotOffered


def _order(hub: Hub, account: GatewayAccount, reference: str, ordered_at: datetime, payment: Any, client_ip: str) -> Redirect:
    gateway, protocol = hub.gateways[account.gateway], hub.registers.protocol_accounts[account.id]
    order = Order(
        reference=reference,
        amount=payment.total,
        currency=payment.currency,
        description=f"Thanh toan phi le phi {payment.reference}",
        created_at=ordered_at,
        expires_at=ordered_at + timedelta(seconds=hub.settings.payments.order_s),
        return_url=f"{hub.settings.web.base_url}/return/{account.code}",
        language=payment.language,
        client_ip=client_ip,
    )
    first = gateway.start(protocol, order)
    return first if isinstance(first, Redirect) else gateway.started(protocol, order, send(first))
