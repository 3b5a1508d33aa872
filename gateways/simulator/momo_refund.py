"""MoMo's refund, which has an orderId of its own, and refund/query."""

from __future__ import annotations

from flask import Response, jsonify

from gateways.simulator.giving import Asked, give_back, given_back, turn_away
from gateways.simulator.momo import Momo
from gateways.simulator.momo_door import ID, Call, answered, once, opened, told
from gateways.simulator.momo_messages import QUESTION, REFUND
from gateways.simulator.momo_pay import bp
from gateways.simulator.momo_query import FORMS, row
from gateways.simulator.orders import Fact, Order, State
from gateways.simulator.simulation import Simulation
from gateways.simulator.troubles import hung_up

__all__ = ["bp"]

_FORMS = {
    "partnerCode": ".{1,50}",
    "requestId": ".{1,50}",
    "orderId": f"(?=.{{1,200}}$){ID}",
    "amount": "[0-9]{1,12}",
    "transId": "[1-9][0-9]{0,18}",
    "lang": "vi|en|",
    "description": "(?s:.{0,255})",
    "signature": "[0-9a-fA-F]{64}",
}
_LEAST, _LEAST_BY_CARD, _MOST = 1_000, 10_000, 50_000_000


class _Dropped(Exception):
    """The refund is booked and the answer is lost."""


@bp.post("/v2/gateway/api/refund")
def refund() -> Response:
    """Give back by MoMo's number of the payment, at once or after a while, or not."""
    call = opened(REFUND, _FORMS)
    if isinstance(call, Response):
        return call
    try:
        return once(call, "refund", _carried_out)
    except _Dropped:
        return hung_up()


@bp.post("/v2/gateway/api/refund/query")
def refund_query() -> Response:
    """List the refunds by this orderId, a refund's own or that of the payment: public code asks either way."""
    call = opened(QUESTION, FORMS)
    if isinstance(call, Response):
        return call
    booked = [
        each
        for each in call.gateway.books.refunds
        if (each.gateway, each.terminal) == (Momo.name, call["partnerCode"]) and each.state
    ]
    rows = [row(each) for each in booked if call["orderId"] in {each.reference, each.original_reference}]
    if not rows:
        return answered(call.fields, "42")
    return jsonify(told(call, "0", refundTrans=rows))


def _carried_out(call: Call) -> Fact:
    gateway = call.gateway
    with gateway.books.lock:
        order = gateway.books.numbered(Momo.name, call["partnerCode"], call["transId"])
        request = Asked(
            gateway=Momo.name,
            terminal=call["partnerCode"],
            reference=call["orderId"],
            original_reference=order.reference if order else "",
            amount=int(call["amount"]),
            asked_at=gateway.now(Momo.name),
            info=call["description"],
        )
        code = _refused_by_rule(gateway, request, order)
        if code or order is None:
            return told(call, turn_away(gateway, request, order, code).code, amount=request.amount, transId=0)
        given, dropped = give_back(gateway, request, order)
    if dropped:
        raise _Dropped
    return told(call, given.code, amount=given.amount, transId=int(given.transaction or 0))


def _refused_by_rule(gateway: Simulation, asked: Asked, order: Order | None) -> str:
    books = gateway.books
    used = books.find(Momo.name, asked.terminal, asked.reference) or books.refund_named(Momo.name, asked.terminal, asked.reference)
    if used:
        return "41"
    if order is None:
        return "42"
    if order.state != State.PAID:
        return "1088"
    least = _LEAST_BY_CARD if order.contents["requestType"] == "payWithATM" else _LEAST
    if not least <= asked.amount <= _MOST:
        return "22"
    return "1081" if asked.amount + given_back(gateway, order) > order.amount else ""
