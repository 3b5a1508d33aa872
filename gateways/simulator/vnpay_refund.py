"""VNPAY's refund: POST /merchant_webapi/api/transaction with vnp_Command=refund."""

from __future__ import annotations

import re

from flask import Response as Answer
from flask import jsonify

from gateways.simulator.giving import Asked, give_back, given_back, turn_away
from gateways.simulator.orders import Fact, Order, State
from gateways.simulator.refunds import Refund, RefundState
from gateways.simulator.simulation import Simulation
from gateways.simulator.troubles import hung_up
from gateways.simulator.vnpay import Vnpay
from gateways.simulator.vnpay_messages import REFUND, REFUNDED, line_signature_fits, signed_line

MESSAGES = {
    "00": "Refund success",
    "03": "Invalid data format",
    "91": "Transaction not found",
    "94": "Refund is being processed",
    "95": "Refund is refused",
    "97": "Invalid checksum",
    "99": "Unknown error",
}
_FORMS: dict[str, str] = {
    "vnp_RequestId": "[0-9A-Za-z]{1,32}",
    "vnp_Version": r"2\.1\.0",
    "vnp_Command": "refund",
    "vnp_TransactionType": "02|03",
    "vnp_TxnRef": ".{1,100}",
    "vnp_Amount": r"[1-9][0-9]{0,9}00",
    "vnp_TransactionNo": "([0-9]{1,15})?",
    "vnp_TransactionDate": "[0-9]{14}",
    "vnp_CreateBy": ".{1,245}",
    "vnp_CreateDate": "[0-9]{14}",
    "vnp_IpAddr": ".{2,45}",
    "vnp_OrderInfo": ".{1,255}",
}


def answer_refund(gateway: Simulation, secret: str, fields: dict[str, str], response_id: str) -> Answer:
    """Check the request, decide by the rules and then by its scenario, book it, answer signed or drop the connection."""
    said: Fact = {"ResponseId": response_id, "Command": "refund", "TmnCode": fields["vnp_TmnCode"]}
    said |= {"TxnRef": fields.get("vnp_TxnRef", "")}
    code, dropped = _refused_form(gateway, fields), False
    if not code:
        with gateway.books.lock:
            refund, dropped = _decided(gateway, fields)
        code = refund.code
        said |= _facts(gateway, refund) if code == "00" else {}
    if dropped:
        return hung_up()
    return jsonify(signed_line(secret, REFUNDED, said | {"ResponseCode": code, "Message": MESSAGES[code]}))


def _refused_form(gateway: Simulation, fields: dict[str, str]) -> str:
    if any(not re.fullmatch(form, fields.get(name, "")) for name, form in _FORMS.items()):
        return "03"
    live = gateway.keyring.live(Vnpay.name, fields["vnp_TmnCode"])
    return "" if any(line_signature_fits(secret, REFUND, fields) for secret, _ in live) else "97"


def found(gateway: Simulation, terminal: str, reference: str, created: str) -> Order | None:
    """Find the order with this vnp_TxnRef and vnp_CreateDate."""
    order = gateway.books.find(Vnpay.name, terminal, reference, created[:8])
    return order if order and order.created == created else None


def _decided(gateway: Simulation, fields: dict[str, str]) -> tuple[Refund, bool]:
    order = found(gateway, fields["vnp_TmnCode"], fields["vnp_TxnRef"], fields["vnp_TransactionDate"])
    asked = Asked(
        gateway=Vnpay.name,
        terminal=fields["vnp_TmnCode"],
        reference=fields["vnp_RequestId"],
        original_reference=fields["vnp_TxnRef"],
        amount=int(fields["vnp_Amount"]) // 100,
        asked_at=fields["vnp_CreateDate"],
        info=fields["vnp_OrderInfo"],
        kind=fields["vnp_TransactionType"],
        asked_by=fields["vnp_CreateBy"],
    )
    code = _refused_by_rule(gateway, asked, order, fields.get("vnp_TransactionNo", "").lstrip("0"))
    if code or order is None:
        return turn_away(gateway, asked, order, code), False
    return give_back(gateway, asked, order)


def _refused_by_rule(gateway: Simulation, asked: Asked, order: Order | None, transaction: str) -> str:
    if not gateway.books.ask(asked.terminal, asked.reference, asked.asked_at[:8]):
        return "94"
    if order is None or transaction not in {"", order.transaction}:
        return "91"
    alike = [each for each in gateway.books.refunds_of(order) if (each.kind, each.amount) == (asked.kind, asked.amount)]
    if any(each.state is RefundState.IN_PROCESS for each in alike):
        return "94"
    over = asked.amount + given_back(gateway, order) > order.amount
    not_full = asked.kind == "02" and asked.amount != order.amount
    return "95" if order.state != State.PAID or over or not_full else ""


def _facts(gateway: Simulation, refund: Refund) -> Fact:
    return {"BankCode": gateway.books.orders[refund.order_key].bank, **told_of(refund)}


def told_of(refund: Refund) -> Fact:
    """What the answers to a refund and to querydr say of a booked refund."""
    return {
        "Amount": f"{refund.amount}00",
        "PayDate": refund.pay_date,
        "TransactionNo": refund.transaction,
        "TransactionType": refund.kind,
        "TransactionStatus": Vnpay.refund_statuses[refund.state],
        "OrderInfo": refund.info,
    }
