"""VNPAY's refunds: the request, its answer, and what an answer to querydr proves about one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from gateways.base import Account, RefundNotice, RefundOrder, RefundOutcome, Request, Response
from gateways.codes import raw
from gateways.fields import checked, required
from gateways.vnpay_codes import REFUND_CODES
from gateways.vnpay_fields import (
    AMOUNT_END,
    CURRENCY,
    REFERENCE,
    REQUEST_ID,
    VERSION,
    belongs,
    dong,
    instant,
    signed_line,
    transaction,
    verified_line,
    written,
)

CLOCKS = timedelta(minutes=1)
"""How far VNPAY's clock may be behind ours. Allowed for where a mistake is found in the settlement, never where it pays twice."""

_FULL, _PART = "02", "03"
_REFUND = (
    *("RequestId", "Version", "Command", "TmnCode", "TransactionType", "TxnRef", "Amount", "TransactionNo", "TransactionDate"),
    *("CreateBy", "CreateDate", "IpAddr", "OrderInfo"),
)
_REFUNDED = (
    *("ResponseId", "Command", "ResponseCode", "Message", "TmnCode", "TxnRef", "Amount", "BankCode", "PayDate", "TransactionNo"),
    *("TransactionType", "TransactionStatus", "OrderInfo"),
)
_TRANSACTION = re.compile("[0-9A-Za-z]{1,32}")
_CODE = re.compile("[0-9A-Za-z._-]{1,100}")


def request_refund(account: Account, order: RefundOrder) -> Request:
    """Sign a request to give back (paygate 2.1.0, refund)."""
    if order.currency != CURRENCY or not 0 < order.amount <= order.original_amount < AMOUNT_END:
        raise ValueError("amount, currency: VNPAY gives back 1 VND to all of the order, in VND")
    number = checked(_TRANSACTION, "original_transaction", order.original_transaction) if order.original_transaction else "0"
    fields = {
        "vnp_RequestId": checked(REQUEST_ID, "reference", order.reference),
        "vnp_Version": VERSION,
        "vnp_Command": "refund",
        "vnp_TmnCode": account.terminal,
        "vnp_TransactionType": _kind(order),
        "vnp_TxnRef": checked(REFERENCE, "original_reference", order.original_reference),
        "vnp_Amount": str(order.amount * 100),
        "vnp_TransactionNo": number,
        "vnp_TransactionDate": written("original_created_at", order.original_created_at),
        "vnp_CreateBy": checked(_CODE, "asked_by", order.asked_by),
        "vnp_CreateDate": written("asked_at", order.asked_at),
        "vnp_IpAddr": order.client_ip,
        "vnp_OrderInfo": f"Hoan phi {order.original_reference}",
    }
    return signed_line(account, _REFUND, fields)


def read_refund(account: Account, order: RefundOrder, response: Response) -> RefundNotice:
    """Verify and read the answer to a refund request."""
    told = verified_line(account, _REFUNDED, response, command="refund", reference=order.original_reference)
    return _notice(account, order, told, _outcome("refund", order, told))


def read_state(account: Account, order: RefundOrder, told: Mapping[str, str]) -> RefundNotice:
    """Read what a verified answer to querydr proves about this try; it names no try, so one dated before it is of another."""
    outcome = _outcome("query", order, told)
    at, asked_at = instant(told.get("vnp_PayDate", "")), order.asked_at.replace(microsecond=0)
    # Believing another try's refusal would send the money a second time.
    if outcome is RefundOutcome.REFUSED and (at is None or at < asked_at):
        outcome = RefundOutcome.UNKNOWN
    if outcome is RefundOutcome.ACCEPTED and at is not None and at < asked_at - CLOCKS:
        outcome = RefundOutcome.UNKNOWN
    return replace(_notice(account, order, told, outcome), names_try=False)


def _outcome(said_by: str, order: RefundOrder, told: Mapping[str, str]) -> RefundOutcome:
    response, status = required(told, "vnp_ResponseCode"), told.get("vnp_TransactionStatus", "")
    asked = {"vnp_TransactionType": _kind(order), "vnp_Amount": order.amount}
    stated = {"vnp_TransactionType": told.get("vnp_TransactionType"), "vnp_Amount": dong(told.get("vnp_Amount", ""))}
    if response != "00":
        # A request that was turned away need not be repeated in the answer.
        asked = {name: value for name, value in asked.items() if stated[name]}
        stated = {name: stated[name] for name in asked}
    if asked != stated:
        return RefundOutcome.UNKNOWN
    code = REFUND_CODES.read(said_by, response, status)
    return code.outcome if code else RefundOutcome.UNKNOWN


def _notice(account: Account, order: RefundOrder, told: Mapping[str, str], outcome: RefundOutcome) -> RefundNotice:
    belongs(account, told)
    number = transaction(told)
    codes = (told.get(f"vnp_{name}", "") for name in ("ResponseCode", "TransactionStatus", "TransactionType"))
    return RefundNotice(
        reference=order.reference,
        original_reference=order.original_reference,
        terminal=account.terminal,
        outcome=outcome,
        raw_code=raw(*codes),
        # What is said of the payment itself is no amount of a refund.
        amount=(dong(told.get("vnp_Amount", "")) or None) if told.get("vnp_TransactionType") in {_FULL, _PART} else None,
        currency=CURRENCY,
        transaction=None if number == order.original_transaction else number,
    )


def _kind(order: RefundOrder) -> str:
    return _FULL if order.amount == order.original_amount else _PART
