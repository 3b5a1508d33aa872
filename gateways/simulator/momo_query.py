"""MoMo's query: what became of an order."""

from __future__ import annotations

from flask import Response, jsonify

from gateways.simulator.encoding import milliseconds, moment_of
from gateways.simulator.momo import Momo
from gateways.simulator.momo_door import ID, Call, answered, opened, told
from gateways.simulator.momo_messages import QUESTION
from gateways.simulator.momo_pay import bp
from gateways.simulator.orders import Fact, Order
from gateways.simulator.refunds import Refund
from gateways.simulator.simulation import Simulation

__all__ = ["bp"]

FORMS = {
    "partnerCode": ".{1,50}",
    "requestId": ".{1,50}",
    "orderId": f"(?=.{{1,200}}$){ID}",
    "lang": "vi|en|",
    "signature": "[0-9a-fA-F]{64}",
}


@bp.post("/v2/gateway/api/query")
def query() -> Response:
    """Say how the order stands: 1000 until it is decided, 1005 once it is too late. MoMo signs no answer to a query."""
    call = opened(QUESTION, FORMS)
    if isinstance(call, Response):
        return call
    order = call.gateway.books.find(Momo.name, call["partnerCode"], call["orderId"])
    if order is None:
        return answered(call.fields, "42")
    note = {"at": call.gateway.now(Momo.name), "request_id": call["requestId"], "status": standing(call.gateway, order)}
    call.gateway.books.record({"fact": "answered", "key": order.key, "query": note})
    return jsonify(_stated(call, order))


def standing(gateway: Simulation, order: Order) -> str:
    """The order's resultCode now."""
    return "1005" if not order.decision and gateway.expired(order) else order.status


def row(refund: Refund) -> Fact:
    """A refund as `refundTrans` lists it."""
    return {
        "orderId": refund.reference,
        "amount": refund.amount,
        "resultCode": int(Momo.refund_statuses[refund.state]),
        "transId": int(refund.transaction),
        "createdTime": milliseconds(moment_of(refund.pay_date)),
    }


def _stated(call: Call, order: Order) -> Fact:
    booked = [refund for refund in call.gateway.books.refunds_of(order) if refund.state]
    changed_at = max([order.pay_date or order.created, *(refund.pay_date for refund in booked)])
    return told(
        call,
        standing(call.gateway, order),
        extraData=order.contents["extraData"],
        amount=order.amount,
        transId=int(order.transaction or 0),
        payType=order.bank,
        refundTrans=[row(refund) for refund in booked],
        paymentOption=None,
        promotionInfo=None,
        lastUpdated=milliseconds(moment_of(changed_at)),
        signature=None,
    )
