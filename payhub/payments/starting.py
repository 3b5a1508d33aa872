"""Having a gateway make an order: asked with no transaction open, and what it says written down in a second one.

A call that fails is one of three: *not reached*, and the attempt ends; *refused* by the gateway's own word, and it ends as that
says; anything else is unknown, and the attempt is asked about.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from gateways.base import Notice, Order, Redirect, Request, Response
from payhub import log, metrics
from payhub.accounts.models import GatewayAccount
from payhub.calling import call
from payhub.exchange import NotReached, OutcomeUnknown
from payhub.hub import Hub
from payhub.payments.errors import GatewayNotOffered
from payhub.payments.notices import by_form
from payhub.payments.outcomes import end_without_money, find, known_there, under_lock
from payhub.payments.states import UNDECIDED, AttemptState

_log = log.get(__name__)
_turned_away = metrics.counter(
    "payhub_gateway_orders_turned_away", "Orders not asked for, because too many were under way at the account", ["account"]
)


@dataclass(frozen=True, slots=True)
class Started:
    """An attempt that is written, and what its order is made of."""

    account: GatewayAccount
    reference: str
    method: str
    ordered_at: datetime
    amount: int
    currency: str
    payment_reference: str
    language: str
    client_ip: str
    pay_url: str | None = None
    """Where the gateway sent its citizen when it was asked before."""
    asked_before: bool = False


def order_lives(hub: Hub, account: GatewayAccount) -> timedelta:
    """Return how long an order lives at the gateway: as long as is set, or the least it makes."""
    return timedelta(seconds=max(hub.settings.payments.order_s, hub.gateways[account.gateway].shortest_order_s))


def redirect_of(hub: Hub, started: Started) -> Redirect | None:
    """Return where to send the citizen; None where the gateway refuses the order. Raises ExchangeError or GatewayError."""
    if started.pay_url is not None:
        return Redirect(started.pay_url)
    gateway, protocol = hub.gateways[started.account.gateway], hub.registers.protocol_accounts[started.account.id]
    order = _order(hub, started)
    try:
        first = gateway.start(protocol, order)
    except ValueError as error:
        _log.error("attempt.order_not_expressible", gateway=started.account.code, why=str(error))
        _never_made(hub, started, "not_expressible")
        raise GatewayNotOffered from None
    if isinstance(first, Redirect):
        return first
    said = gateway.started(protocol, order, _sent(hub, started, first))
    if isinstance(said, Redirect):
        _made(hub, started, said)
        return said
    _answered(hub, started, by_form(said))
    return None


def _sent(hub: Hub, started: Started, request: Request) -> Response:
    if started.asked_before and not request.repeatable:
        # Asked twice it would refuse the order that the first request made.
        raise OutcomeUnknown(started.account.code)
    try:
        return _called(hub, started.account, request)
    except NotReached:
        if not started.asked_before:
            _never_made(hub, started, "not_reached")
        raise


def _called(hub: Hub, account: GatewayAccount, request: Request) -> Response:
    """Call where there is a place: a gateway that hangs does not get every thread, and to the next it was not reached."""
    with hub.bulkhead.place(account.id) as found:
        if not found:
            _turned_away.labels(account.code).inc()
            _log.warning("attempt.turned_away", gateway=account.code, under_way=hub.bulkhead.most)
            raise NotReached(account.code)
        return call(hub, account, request)


def _order(hub: Hub, started: Started) -> Order:
    base, account = hub.settings.web.base_url, started.account
    return Order(
        reference=started.reference,
        amount=started.amount,
        currency=started.currency,
        description=f"Thanh toan phi le phi {started.payment_reference}",
        created_at=started.ordered_at,
        expires_at=started.ordered_at + order_lives(hub, account),
        return_url=f"{base}/return/{account.code}",
        language=started.language,
        client_ip=started.client_ip,
        callback_url=f"{base}/callbacks/{account.gateway}/{account.code}",
        method=started.method,
    )


def _made(hub: Hub, started: Started, to: Redirect) -> None:
    """The gateway knows the order: that fills in, and never moves an outcome back."""
    with hub.db.session() as session:
        found = find(session, started.account, started.reference)
        if found is None or found[1].state not in UNDECIDED:
            return
        payment, attempt = found
        attempt.pay_url = to.url
        known_there(session, started.account, payment, attempt, hub.clock.now())


def _answered(hub: Hub, started: Started, notice: Notice) -> None:
    with hub.db.session() as session:
        found = find(session, started.account, started.reference)
        if found is not None:
            under_lock(hub, session, started.account, notice, *found)


def _never_made(hub: Hub, started: Started, reason: str) -> None:
    with hub.db.session() as session:
        found = find(session, started.account, started.reference)
        if found is not None and found[1].state == AttemptState.CREATED:
            end_without_money(session, started.account, *found, reason, hub.clock.now())
