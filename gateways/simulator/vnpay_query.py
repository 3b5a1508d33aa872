"""VNPAY's API: POST /merchant_webapi/api/transaction, querydr here and refund beside it."""

from __future__ import annotations

import re
from itertools import count

from flask import Response as Answer
from flask import jsonify, request

from gateways.simulator.orders import Fact, Order
from gateways.simulator.pages import simulation
from gateways.simulator.simulation import Simulation
from gateways.simulator.vnpay import Vnpay
from gateways.simulator.vnpay_messages import QUESTION, REFUNDED, STATEMENT, line_signature_fits, signed_line
from gateways.simulator.vnpay_pay import bp
from gateways.simulator.vnpay_refund import answer_refund, found, told_of

__all__ = ["bp"]

MESSAGES = {
    "00": "QueryDR Success",
    "02": "Invalid terminal",
    "03": "Invalid data format",
    "91": "Transaction not found",
    "94": "Duplicate request",
    "97": "Invalid checksum",
    "99": "Unknown error",
}
_FORMS: dict[str, str] = {
    "vnp_RequestId": "[0-9A-Za-z]{1,32}",
    "vnp_Version": r"2\.1\.0",
    "vnp_Command": "querydr",
    "vnp_TxnRef": ".{1,100}",
    "vnp_TransactionDate": "[0-9]{14}",
    "vnp_CreateDate": "[0-9]{14}",
    "vnp_IpAddr": ".{2,45}",
    "vnp_OrderInfo": ".{1,255}",
}
_ids = count(1)


@bp.post("/merchant_webapi/api/transaction")
def api() -> Answer:
    """Check the request, look into the books, answer signed; an unknown terminal gets an unsigned 02."""
    gateway, asked = simulation(), _asked()
    terminal = gateway.keyring.signing().terminal(asked.get("vnp_TmnCode", ""))
    command = "refund" if asked.get("vnp_Command") == "refund" else "querydr"
    said: Fact = {"ResponseId": f"S{gateway.now(Vnpay.name)}{next(_ids)}", "Command": command}
    if terminal is None:
        code = "02" if asked else "03"
        return jsonify({f"vnp_{name}": value for name, value in (said | {"ResponseCode": code, "Message": MESSAGES[code]}).items()})
    if command == "refund":
        return answer_refund(gateway, terminal.secret, asked, said["ResponseId"])
    return jsonify(signed_line(terminal.secret, STATEMENT, said | _answered(gateway, asked)))


def closed() -> Answer:
    """What the API says while VNPAY is under maintenance; its own habit is not published."""
    asked = _asked()
    terminal = simulation().keyring.signing().terminal(asked.get("vnp_TmnCode", ""))
    command = asked.get("vnp_Command", "")
    said: Fact = {"ResponseId": f"S{next(_ids)}", "Command": command, "ResponseCode": "99", "Message": MESSAGES["99"]}
    names = REFUNDED if command == "refund" else STATEMENT
    return jsonify(signed_line(terminal.secret if terminal else "", names, said | {"TmnCode": asked.get("vnp_TmnCode", "")}))


def _asked() -> dict[str, str]:
    read = request.get_json(force=True, silent=True)
    return {name: value for name, value in read.items() if isinstance(value, str)} if isinstance(read, dict) else {}


def _answered(gateway: Simulation, asked: dict[str, str]) -> Fact:
    code, order = _looked_up(gateway, asked)
    said: Fact = {
        "ResponseCode": code,
        "Message": MESSAGES[code],
        "TmnCode": asked["vnp_TmnCode"],
        "TxnRef": asked.get("vnp_TxnRef", ""),
    }
    if order:
        said |= _facts(order, gateway.config.expired_status if not order.decision and gateway.expired(order) else order.status)
        said |= _last_refund(gateway, order)
        note = {"at": gateway.now(Vnpay.name), "request_id": asked["vnp_RequestId"], "status": said["TransactionStatus"]}
        gateway.books.record({"fact": "answered", "key": order.key, "query": note})
    return said


def _looked_up(gateway: Simulation, asked: dict[str, str]) -> tuple[str, Order | None]:
    if any(not re.fullmatch(form, asked.get(name, "")) for name, form in _FORMS.items()):
        return "03", None
    live = gateway.keyring.live(Vnpay.name, asked["vnp_TmnCode"])
    if not any(line_signature_fits(secret, QUESTION, asked) for secret, _ in live):
        return "97", None
    if not gateway.books.ask(asked["vnp_TmnCode"], asked["vnp_RequestId"], asked["vnp_CreateDate"][:8]):
        return "94", None
    order = found(gateway, asked["vnp_TmnCode"], asked["vnp_TxnRef"], asked["vnp_TransactionDate"])
    return ("00", order) if order else ("91", None)


def _last_refund(gateway: Simulation, order: Order) -> Fact:
    booked = [refund for refund in gateway.books.refunds_of(order) if refund.state]
    return told_of(booked[-1]) if booked and gateway.config.query_tells == "refund" else {}


def _facts(order: Order, status: str) -> Fact:
    return {
        "Amount": f"{order.amount}00",
        "BankCode": order.bank,
        "PayDate": order.pay_date,
        "TransactionNo": order.transaction or "0",
        "TransactionType": "01",
        "TransactionStatus": status,
        "OrderInfo": order.info,
        "PromotionCode": "",
        "PromotionAmount": "",
    }
