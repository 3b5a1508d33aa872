"""MoMo's payment gateway, version 2: create, return, IPN, query, refund and refund/query.

Endpoint of an account: `api`, MoMo's base address (https://test-payment.momo.vn). Amounts are whole dong, times are milliseconds
since 1970. Signatures are HMAC-SHA256 in hex. MoMo signs the IPN, the return and the answer to create, and no answer to query and
refund: those are believed because they come over TLS from the account's own address and repeat the requestId of our question.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlsplit

from gateways.base import (
    Account,
    Answer,
    Incoming,
    Notice,
    Order,
    Outcome,
    Query,
    Redirect,
    Refundable,
    RefundNotice,
    RefundOrder,
    RefundOutcome,
    Request,
    Response,
    Verdict,
)
from gateways.codes import raw
from gateways.errors import Forged, Malformed
from gateways.fields import checked, required
from gateways.http import flat_json, json_object, parameters, plain, text
from gateways.momo_codes import CODES, METHODS, REFUND_CODES
from gateways.momo_fields import (
    CREATE,
    CREATED,
    CURRENCY,
    ID,
    MILLISECONDS,
    NUMBER,
    READ,
    REFUND,
    SECRETS,
    TOLD,
    URL,
    answers,
    asked,
    dong,
    instant,
    matches,
    order_info,
    question,
    result,
    signed,
    transaction,
)

ANSWERS: Mapping[Verdict, int] = {
    Verdict.RECORDED: 204,
    Verdict.REPEATED: 204,
    Verdict.WRONG_AMOUNT: 204,
    Verdict.UNKNOWN_REFERENCE: 404,
    Verdict.FORGED: 400,
    Verdict.MALFORMED: 400,
    Verdict.OUR_FAULT: 429,
}
"""HTTP status, always without a body (MOMO-D result-handling/notification: 204 within 15 seconds). What MoMo does after any other
is not published. A wrong amount is recorded, and would be no better sent again; 429 asks whoever repeats at all to come later."""

_REFUNDABLE = (1_000, 50_000_000)
_PAY_URL = re.compile(r"https?://[!#-\[\]^-~]+")


class Momo(Refundable):
    """The MoMo protocol. Orders and queries that it cannot express raise ValueError; messages raise Forged or Malformed."""

    name = "momo"
    secret_names = SECRETS
    endpoints = ("api",)
    methods = METHODS
    codes = CODES
    refund_codes = REFUND_CODES

    def reference(self, code: str, created_at: datetime) -> str:  # noqa: ARG002 - the contract names it
        """orderId, and requestId of create: the attempt's code as it is."""
        return code

    def start(self, account: Account, order: Order) -> Request:
        """Ask for the order (MOMO-D wallet/onetime, atm/onetime, credit/onetime); by its requestId the same again is the same.

        Raises ValueError for another method, currency or amount than `METHODS` has, a reference that is no orderId of 1 to 50
        characters, and addresses with a query, a fragment or anything but plain characters.
        """
        way = next((way for way in METHODS if way.name == (order.method or METHODS[0].name)), None)
        if way is None:
            raise ValueError("method is none of MoMo's")
        if order.currency != CURRENCY or not way.minimum <= order.amount <= way.maximum:
            raise ValueError(f"amount, currency: MoMo takes {way.minimum:,} to {way.maximum:,} VND by {way.name}")
        reference = checked(ID, "reference", order.reference)
        fields = {
            "partnerCode": account.terminal,
            "requestId": reference,
            "amount": order.amount,
            "orderId": reference,
            "orderInfo": order_info(order.description) or reference,
            "redirectUrl": checked(URL, "return_url", order.return_url),
            "ipnUrl": checked(URL, "callback_url", order.callback_url),
            "requestType": way.name,
            "extraData": "",
            "autoCapture": True,
            "lang": "vi" if order.language == "vi" else "en",
        }
        return asked(account, "create", CREATE, fields, repeatable=True)

    def started(self, account: Account, order: Order, response: Response) -> Redirect | Notice:
        """Read the answer to create, whatever its HTTP status: 0 means that the order can be paid, and not that it is."""
        told = flat_json(response.body, READ)
        if told.get("signature") and not signed(account, CREATED, told):
            raise Forged("signature")
        matches(told, partnerCode=account.terminal, orderId=order.reference, requestId=order.reference)
        if result(told) != "0":
            return _notice(account, "create", told, order.reference)
        for name in ("partnerCode", "orderId", "requestId", "payUrl"):
            required(told, name)
        if dong(told) != order.amount:
            raise Malformed("amount is of another order")
        return Redirect(_pay_url(account, told))

    def read_callback(self, account: Account, incoming: Incoming) -> Notice:
        """Verify and read an IPN: a POST of JSON (MOMO-D result-handling/notification), over the values as they were sent.

        Fields that are not signed do not count, whatever their form. Raises Forged when the signature is absent or wrong.
        """
        return _verified(account, flat_json(incoming.body, READ))

    def read_return(self, account: Account, incoming: Incoming) -> Notice:
        """Verify and read the same fields on the browser's way back to redirectUrl, in its query string."""
        told: dict[str, str] = {}
        for parameter in parameters(incoming.query):
            if parameter.name not in READ:
                continue
            if parameter.name in told:
                raise Malformed(f"{parameter.name} is given twice")
            told[parameter.name] = text(parameter.name, parameter.value)
        return _verified(account, told)

    def answer(self, verdict: Verdict) -> Answer:
        """Answer an IPN with a status of `ANSWERS` and nothing else."""
        return Answer(ANSWERS[verdict], "application/json", b"")

    def query(self, account: Account, query: Query) -> Request:
        """Ask for an order (MOMO-D payment-api/query). Raises ValueError for an id that is not of MoMo's form."""
        return question(account, "query", query.reference, query.request_id)

    def queried(self, account: Account, query: Query, response: Response) -> Notice:
        """Read the answer to query, whatever its HTTP status; it must answer this question and speak of this order."""
        read = json_object(response.body)
        told = plain(read, READ)
        answers(account, told, query.reference, query.request_id)
        # responseTime is the answer's own, and lastUpdated the payment's only as long as nothing was given back.
        changed_at = told.get("lastUpdated", "") if read.get("refundTrans") in ([], None) else ""
        return _notice(account, "query", told, query.reference, changed_at if MILLISECONDS.fullmatch(changed_at) else "")

    def refund(self, account: Account, order: RefundOrder) -> Request:
        """Ask for money to be given back (MOMO-D payment-api/refund), by MoMo's number of the payment.

        Raises ValueError without that number, for another currency, an amount that is not 1,000 to 50,000,000 VND or more than the
        order's, and a reference that is no orderId of 1 to 50 characters or is the order's own.
        """
        least, most = _REFUNDABLE
        if order.currency != CURRENCY or not least <= order.amount <= min(most, order.original_amount):
            raise ValueError(f"amount, currency: MoMo gives back {least:,} to {most:,} VND, and no more than the order's")
        if order.reference == order.original_reference:
            raise ValueError("reference: a refund has an orderId of its own")
        reference = checked(ID, "reference", order.reference)
        fields = {
            "partnerCode": account.terminal,
            "orderId": reference,
            "requestId": reference,
            "amount": order.amount,
            "transId": int(checked(NUMBER, "original_transaction", order.original_transaction or "")),
            "lang": "vi",
            "description": f"Hoan phi {checked(ID, 'original_reference', order.original_reference)}",
        }
        return asked(account, "refund", REFUND, fields)

    def refunded(self, account: Account, order: RefundOrder, response: Response) -> RefundNotice:
        """Read the answer to a refund, whatever its HTTP status; it must answer this request and speak of this try."""
        told = flat_json(response.body, READ)
        answers(account, told, order.reference, order.reference)
        return _refund_notice(account, order, told, "refund", result(told))

    def query_refund(self, account: Account, order: RefundOrder, query: Query) -> Request:
        """Ask for a try by its own orderId (MOMO-D payment-api/refund, refund/query)."""
        return question(account, "refund/query", order.reference, query.request_id)

    def refund_queried(self, account: Account, order: RefundOrder, query: Query, response: Response) -> RefundNotice:
        """Read the answer to refund/query: the row of `refundTrans` that has this try's orderId counts, and no other."""
        read = json_object(response.body)
        told = plain(read, READ)
        answers(account, told, order.reference, query.request_id)
        row = _row(read.get("refundTrans"), order.reference)
        return _refund_notice(account, order, row, "query", result(told), result(row) if row else "")


def _verified(account: Account, told: Mapping[str, str]) -> Notice:
    if not signed(account, TOLD, told):
        raise Forged("signature")
    if any(f"&{name}=" in told.get(other, "") for name in TOLD for other in TOLD):
        raise Malformed("a value holds the name of a field: the same signature would fit other values")
    if told.get("partnerCode") != account.terminal:
        raise Malformed("partnerCode is of another partner")
    required(told, "amount")
    return _notice(account, "callback", told, required(told, "orderId"), required(told, "responseTime"))


def _notice(account: Account, said_by: str, told: Mapping[str, str], reference: str, at: str = "") -> Notice:
    code = CODES.read(said_by, result(told))
    outcome = code.outcome if code else Outcome.UNKNOWN
    if outcome is Outcome.SUCCEEDED:
        required(told, "amount")
    paid_at = at if outcome is Outcome.SUCCEEDED else ""
    return Notice(
        reference=reference,
        terminal=account.terminal,
        outcome=outcome,
        raw_code=raw(result(told)),
        amount=dong(told),
        currency=CURRENCY,
        transaction=transaction(told),
        paid_at=instant(paid_at) if paid_at else None,
        paid_at_text=paid_at,
        method=told.get("payType", ""),
        not_paid=code.not_paid if code else False,
    )


def _refund_notice(account: Account, order: RefundOrder, told: Mapping[str, str], said_by: str, *codes: str) -> RefundNotice:
    code = REFUND_CODES.read(said_by, *codes)
    outcome = code.outcome if code else RefundOutcome.UNKNOWN
    amount, number = dong(told) or None, transaction(told)
    # Who takes it states what goes back; who does not may state nothing, and never another amount.
    if amount != order.amount and (amount or outcome is RefundOutcome.ACCEPTED):
        outcome = RefundOutcome.UNKNOWN
    return RefundNotice(
        reference=order.reference,
        original_reference=order.original_reference,
        terminal=account.terminal,
        outcome=outcome,
        raw_code=raw(*codes),
        amount=amount,
        currency=CURRENCY,
        transaction=None if number == order.original_transaction else number,
    )


def _row(rows: object, reference: str) -> dict[str, str]:
    found = [row for row in rows if isinstance(row, dict) and row.get("orderId") == reference] if isinstance(rows, list) else []
    told = [plain(row, READ) for row in found]
    if any(row != told[0] for row in told):
        raise Malformed("refundTrans contradicts itself")
    return told[0] if told else {}


def _pay_url(account: Account, told: Mapping[str, str]) -> str:
    """Where to pay, if it is MoMo's: by the signature, or, as in MoMo's samples where there is none, by the address we asked."""
    url, api = told["payUrl"], urlsplit(account.endpoints["api"])
    try:
        scheme, host = urlsplit(url).scheme, urlsplit(url).hostname
    except ValueError:
        raise Malformed("payUrl is no address") from None
    if not _PAY_URL.fullmatch(url) or not host or (scheme != "https" and api.scheme != "http"):
        raise Malformed("payUrl is no address for a browser")
    if not told.get("signature") and host != api.hostname:
        raise Forged("payUrl is not signed, and not of the address that was asked")
    return url
