"""VNPAY's refund: POST /merchant_webapi/api/transaction with vnp_Command=refund."""

from __future__ import annotations

import re
import socket
import time
from dataclasses import dataclass

from flask import Response as Answer
from flask import jsonify, request

from gateways.simulator.books import Fact, Order
from gateways.simulator.refunds import IN_PROCESS, REFUND_SCRIPTS, Refund, RefundScript
from gateways.simulator.simulation import Simulation
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


@dataclass(frozen=True, slots=True)
class Asked:
    """A refund request whose form and signature are good."""

    terminal: str
    fields: dict[str, str]

    def __getitem__(self, name: str) -> str:
        return self.fields[f"vnp_{name}"]

    @property
    def amount(self) -> int:
        """In VND."""
        return int(self["Amount"]) // 100


def answer_refund(gateway: Simulation, secret: str, fields: dict[str, str], response_id: str) -> Answer:
    """Check the request, decide by the rules and then by its scenario, book it, answer signed or drop the connection."""
    said: Fact = {"ResponseId": response_id, "Command": "refund", "TmnCode": fields["vnp_TmnCode"]}
    said |= {"TxnRef": fields.get("vnp_TxnRef", "")}
    code, dropped = _refused_form(secret, fields), False
    if not code:
        with gateway.books.lock:
            refund, dropped = _decided(gateway, Asked(fields["vnp_TmnCode"], fields))
        code = refund.code
        said |= _facts(gateway, refund) if code == "00" else {}
    if dropped:
        return _hung_up()
    return jsonify(signed_line(secret, REFUNDED, said | {"ResponseCode": code, "Message": MESSAGES[code]}))


def _refused_form(secret: str, fields: dict[str, str]) -> str:
    if any(not re.fullmatch(form, fields.get(name, "")) for name, form in _FORMS.items()):
        return "03"
    return "" if line_signature_fits(secret, REFUND, fields) else "97"


def _decided(gateway: Simulation, asked: Asked) -> tuple[Refund, bool]:
    order = gateway.books.find(asked.terminal, asked["TxnRef"], asked["TransactionDate"])
    code = _refused_by_rule(gateway, asked, order)
    scenario = None if code or order is None else gateway.refund_scenario(order)
    script = REFUND_SCRIPTS[scenario] if scenario else RefundScript(code, status="")
    later_at = time.time() + gateway.config.delays.refund_s if script.later else 0.0
    refund = Refund(
        terminal=asked.terminal,
        reference=asked["RequestId"],
        order_key=order.key if order else "",
        original_reference=asked["TxnRef"],
        kind=asked["TransactionType"],
        amount=asked.amount,
        asked_by=asked["CreateBy"],
        asked_at=asked["CreateDate"],
        info=asked["OrderInfo"],
        code=script.code,
        scenario=scenario or "",
        status_at_once=script.status,
        status_later=script.later,
        later_at=later_at,
        transaction=gateway.books.number() if script.status else "",
        pay_date=gateway.now() if script.status else "",
    )
    gateway.books.refund(refund)
    return refund, script.dropped


def _refused_by_rule(gateway: Simulation, asked: Asked, order: Order | None) -> str:
    if not gateway.books.ask(asked.terminal, asked["RequestId"], asked["CreateDate"][:8]):
        return "94"
    if order is None or asked.fields.get("vnp_TransactionNo", "").lstrip("0") not in {"", order.transaction}:
        return "91"
    before = [refund for refund in gateway.books.refunds_of(order) if refund.taken]
    alike = [refund for refund in before if (refund.kind, refund.amount) == (asked["TransactionType"], asked.amount)]
    if any(refund.status == IN_PROCESS for refund in alike):
        return "94"
    over = asked.amount + sum(refund.amount for refund in before) > order.amount
    not_full = asked["TransactionType"] == "02" and asked.amount != order.amount
    return "95" if order.status != "00" or over or not_full else ""


def _facts(gateway: Simulation, refund: Refund) -> Fact:
    return {"BankCode": gateway.books.orders[refund.order_key].bank, **told_of(refund)}


def told_of(refund: Refund) -> Fact:
    """What the answers to a refund and to querydr say of a booked refund."""
    return {
        "Amount": f"{refund.amount}00",
        "PayDate": refund.pay_date,
        "TransactionNo": refund.transaction,
        "TransactionType": refund.kind,
        "TransactionStatus": refund.status,
        "OrderInfo": refund.info,
    }


def _hung_up() -> Answer:
    connection = request.environ.get("werkzeug.socket")
    if isinstance(connection, socket.socket):
        connection.shutdown(socket.SHUT_RDWR)
    # For a server that does not let go of its connection.
    return Answer(status=504)
