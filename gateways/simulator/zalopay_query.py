"""ZaloPay's query, refund and query_refund."""

from __future__ import annotations

from flask import Response

from gateways.simulator.encoding import milliseconds, moment_of
from gateways.simulator.giving import Asked, give_back, given_back, turn_away
from gateways.simulator.orders import Order, State
from gateways.simulator.refunds import Refund
from gateways.simulator.simulation import Simulation
from gateways.simulator.troubles import hung_up
from gateways.simulator.zalopay import Zalopay
from gateways.simulator.zalopay_door import MAC, MILLISECONDS, Call, answered, near, opened
from gateways.simulator.zalopay_messages import QUESTION, REFUND, REFUND_QUESTION
from gateways.simulator.zalopay_pay import bp

__all__ = ["bp"]

_QUERY_FORMS = {"app_id": "[0-9]{1,10}", "app_trans_id": ".{1,40}", "mac": MAC}
_REFUND_ID = "[0-9]{6}_[0-9]{1,10}_[0-9A-Za-z_]{1,37}"
_REFUND_FORMS = {
    "app_id": "[0-9]{1,10}",
    "m_refund_id": _REFUND_ID,
    "zp_trans_id": "[0-9]{1,20}",
    "amount": "[1-9][0-9]{0,14}",
    "timestamp": MILLISECONDS,
    "description": "(?s:.{1,100})",
    "mac": MAC,
}
_REFUND_QUERY_FORMS = {"app_id": "[0-9]{1,10}", "m_refund_id": _REFUND_ID, "timestamp": MILLISECONDS, "mac": MAC}


@bp.post("/v2/query")
def query() -> Response:
    """Say how an order stands: 3 until it is decided, 2 and -54 once it is too late."""
    call = opened(QUESTION, _QUERY_FORMS)
    if isinstance(call, Response):
        return call
    order = call.gateway.books.find(Zalopay.name, call["app_id"], call["app_trans_id"])
    if order is None:
        return answered(2, -101)
    code, sub_code = _standing(call.gateway, order)
    note = {"at": call.gateway.now(Zalopay.name), "request_id": "", "status": str(code)}
    call.gateway.books.record({"fact": "answered", "key": order.key, "query": note})
    paid = order.state == State.PAID
    return answered(
        code,
        sub_code,
        is_processing=code == 3 and bool(order.decision),
        amount=order.amount,
        discount_amount=0,
        zp_trans_id=int(order.transaction or 0) if paid else 0,
        server_time=milliseconds(moment_of(order.pay_date) if paid else call.gateway.moment(Zalopay.name)),
    )


@bp.post("/v2/refund")
def refund() -> Response:
    """Take a refund to give it back later; query_refund tells when it is."""
    call = opened(REFUND, _REFUND_FORMS)
    if isinstance(call, Response):
        return call
    gateway = call.gateway
    day = f"{gateway.moment(Zalopay.name):%y%m%d}"
    if not near(gateway, call["timestamp"]) or not call["m_refund_id"].startswith(f"{day}_{call['app_id']}_"):
        return answered(2, -401)
    with gateway.books.lock:
        given, dropped = _decided(call)
    return hung_up() if dropped else _told(given, *(int(part) for part in given.code.split("/")))


@bp.post("/v2/query_refund")
def query_refund() -> Response:
    """Say how a refund stands: 1 given back, 2 refused, 3 in process."""
    call = opened(REFUND_QUESTION, _REFUND_QUERY_FORMS)
    if isinstance(call, Response):
        return call
    found = call.gateway.books.refund_named(Zalopay.name, call["app_id"], call["m_refund_id"])
    if found is None or not found.state:
        return answered(2, -101)
    code = int(Zalopay.refund_statuses[found.state])
    return _told(found, code, 1 if code != 2 else -13)


def _standing(gateway: Simulation, order: Order) -> tuple[int, int]:
    if order.state == State.OPEN:
        return (2, -54) if not order.decision and gateway.expired(order) else (3, 3)
    return int(order.status), int(order.code)


def _decided(call: Call) -> tuple[Refund, bool]:
    gateway = call.gateway
    order = gateway.books.numbered(Zalopay.name, call["app_id"], call["zp_trans_id"])
    asked = Asked(
        gateway=Zalopay.name,
        terminal=call["app_id"],
        reference=call["m_refund_id"],
        original_reference=order.reference if order else "",
        amount=int(call["amount"]),
        asked_at=gateway.now(Zalopay.name),
        info=call["description"],
    )
    code = _refused_by_rule(gateway, asked, order)
    if code or order is None:
        return turn_away(gateway, asked, order, code), False
    return give_back(gateway, asked, order)


def _refused_by_rule(gateway: Simulation, asked: Asked, order: Order | None) -> str:
    if gateway.books.refund_named(Zalopay.name, asked.terminal, asked.reference):
        return "2/-23"
    if order is None:
        return "2/-101"
    if order.state != State.PAID:
        return "2/-13"
    return "2/-14" if asked.amount + given_back(gateway, order) > order.amount else ""


def _told(refund: Refund, code: int, sub_code: int) -> Response:
    return answered(code, sub_code, refund_id=int(refund.transaction or 0))
