"""VNPAY's payment gateway, vnp_Version 2.1.0: pay page, return, IPN, querydr, refund and list of banks.

Endpoints of an account: `pay` (.../paymentv2/vpcpay.html) and `api` (.../merchant_webapi/api/transaction). Signatures are
HMAC-SHA512 in hex. VNPAY writes amounts in hundredths of a dong and times in GMT+7 as yyyyMMddHHmmss.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from gateways.base import (
    Account,
    Answer,
    Bank,
    Incoming,
    ListsBanks,
    Method,
    Notice,
    Order,
    Outcome,
    Query,
    Redirect,
    Refundable,
    RefundNotice,
    RefundOrder,
    Request,
    Response,
    Verdict,
)
from gateways.codes import raw
from gateways.errors import Forged, Malformed
from gateways.fields import checked, required
from gateways.http import Parameter, json_answer, parameters, text
from gateways.signing import FORMS, form_encoded, mac, verifies
from gateways.vnpay_banks import read_banks, request_banks
from gateways.vnpay_codes import CODES, REFUND_CODES
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
from gateways.vnpay_refunds import read_refund, read_state, request_refund

ANSWERS: Mapping[Verdict, tuple[str, str]] = {
    Verdict.RECORDED: ("00", "Confirm Success"),
    Verdict.REPEATED: ("02", "Order already confirmed"),
    Verdict.UNKNOWN_REFERENCE: ("01", "Order not found"),
    Verdict.WRONG_AMOUNT: ("04", "Invalid amount"),
    Verdict.FORGED: ("97", "Invalid Checksum"),
    Verdict.MALFORMED: ("99", "Unknown error"),
    Verdict.OUR_FAULT: ("99", "Unknown error"),
}
"""RspCode and Message (paygate 2.1.0, IPN URL). VNPAY stops at 00 and 02, and sends again after any other."""

_QUERY = ("RequestId", "Version", "Command", "TmnCode", "TxnRef", "TransactionDate", "CreateDate", "IpAddr", "OrderInfo")
_QUERIED = (
    *("ResponseId", "Command", "ResponseCode", "Message", "TmnCode", "TxnRef", "Amount", "BankCode", "PayDate", "TransactionNo"),
    *("TransactionType", "TransactionStatus", "OrderInfo", "PromotionCode", "PromotionAmount"),
)
_INFO_LENGTH = 255
_BANK = re.compile("[0-9A-Za-z]{0,20}")
_DISPUTED = str.maketrans({character: f"%{ord(character):02X}" for character in "*~()!'"})


class Vnpay(Refundable, ListsBanks):
    """The VNPAY protocol. Orders and queries that it cannot express raise ValueError; messages raise Forged or Malformed."""

    name = "vnpay"
    endpoints = ("pay", "api")
    methods = (
        Method("", "Thẻ, tài khoản ngân hàng hoặc VNPAY-QR", "Bank card, bank account or VNPAY-QR", 1, AMOUNT_END - 1),
        Method("VNPAYQR", "Quét mã VNPAY-QR bằng ứng dụng ngân hàng", "Scan a VNPAY-QR code with a bank's app", 1, AMOUNT_END - 1),
        Method("VNBANK", "Thẻ ATM hoặc tài khoản trong nước", "Card or account of a bank in Viet Nam", 1, AMOUNT_END - 1),
        Method("INTCARD", "Thẻ quốc tế", "International card", 1, AMOUNT_END - 1),
    )
    codes = CODES
    refund_codes = REFUND_CODES

    def reference(self, code: str, created_at: datetime) -> str:  # noqa: ARG002 - the contract names it
        """vnp_TxnRef: the attempt's code as it is. VNPAY wants it unique per terminal and day; it is unique for ever."""
        return code

    def start(self, account: Account, order: Order) -> Redirect:
        """Sign the pay page's URL (paygate 2.1.0, pay).

        Raises ValueError for another currency, an amount outside 1 to 9,999,999,999 VND, a reference that is not 1 to 100 of
        `A-Z a-z 0-9 . _ -`, or a time without its zone.
        """
        if order.currency != CURRENCY or not 0 < order.amount < AMOUNT_END:
            raise ValueError("amount, currency: VNPAY takes 1 to 9,999,999,999 VND")
        fields = {
            "vnp_Version": VERSION,
            "vnp_Command": "pay",
            "vnp_TmnCode": account.terminal,
            "vnp_Amount": str(order.amount * 100),
            "vnp_CreateDate": written("created_at", order.created_at),
            "vnp_ExpireDate": written("expires_at", order.expires_at),
            "vnp_CurrCode": CURRENCY,
            "vnp_IpAddr": order.client_ip,
            "vnp_Locale": "vn" if order.language == "vi" else "en",
            "vnp_OrderInfo": order_info(order.description) or order.reference,
            "vnp_OrderType": "other",
            # Languages disagree on how to form-encode these; escaped in the URL itself they are the same to all.
            "vnp_ReturnUrl": order.return_url.translate(_DISPUTED),
            "vnp_TxnRef": checked(REFERENCE, "reference", order.reference),
            "vnp_BankCode": checked(_BANK, "method", order.method),
        }
        signed = signed_text(fields)
        return Redirect(f"{account.endpoints['pay']}?{signed}&vnp_SecureHash={mac('sha512', account.secrets[0], signed.encode())}")

    def read_callback(self, account: Account, incoming: Incoming) -> Notice:
        """Verify and read an IPN: a GET whose query string is the message (paygate 2.1.0, IPN URL).

        Only the parameters named vnp_ count. Raises Malformed for one given twice, for another terminal and for fields that are
        not of their form, and Forged when the signature is absent or wrong.
        """
        told = _verified(account, incoming.query)
        required(told, "vnp_Amount")
        return _notice(account, "callback", told)

    def read_return(self, account: Account, incoming: Incoming) -> Notice:
        """Verify and read the same parameters on the browser's way back to vnp_ReturnUrl (paygate 2.1.0, return URL)."""
        return self.read_callback(account, incoming)

    def answer(self, verdict: Verdict) -> Answer:
        """Answer an IPN with `ANSWERS`, always as HTTP 200."""
        code, message = ANSWERS[verdict]
        return json_answer({"RspCode": code, "Message": message})

    def query(self, account: Account, query: Query) -> Request:
        """Ask for an order (paygate 2.1.0, querydr). Raises ValueError for a request id that is not 1 to 32 letters and digits."""
        fields = {
            "vnp_RequestId": checked(REQUEST_ID, "request_id", query.request_id),
            "vnp_Version": VERSION,
            "vnp_Command": "querydr",
            "vnp_TmnCode": account.terminal,
            "vnp_TxnRef": checked(REFERENCE, "reference", query.reference),
            "vnp_TransactionDate": written("created_at", query.created_at),
            "vnp_CreateDate": written("asked_at", query.asked_at),
            "vnp_IpAddr": query.client_ip,
            "vnp_OrderInfo": f"Truy van GD {query.reference}",
        }
        return signed_line(account, _QUERY, fields)

    def queried(self, account: Account, query: Query, response: Response) -> Notice:
        """Verify and read the answer to querydr; it must speak of this order and this terminal, else it is Malformed."""
        told = verified_line(account, _QUERIED, response, command="querydr", reference=query.reference)
        return _notice(account, "query", told)

    def refund(self, account: Account, order: RefundOrder) -> Request:
        """Ask for a refund (paygate 2.1.0, refund): full if the amount is the order's, else partial.

        Raises ValueError for another currency, an amount outside 1 to the order's, a reference that is not 1 to 32 letters and
        digits, an `asked_by` that is not 1 to 100 of `A-Z a-z 0-9 . _ -`, or a time without its zone.
        """
        return request_refund(account, order)

    def refunded(self, account: Account, order: RefundOrder, response: Response) -> RefundNotice:
        """Verify and read the answer to a refund; it must speak of this order and this terminal, else it is Malformed."""
        return read_refund(account, order, response)

    def query_refund(self, account: Account, order: RefundOrder, query: Query) -> Request:
        """Ask for the order that is given back: VNPAY has no other question. Of `query` its id, time and address count."""
        return self.query(account, replace(query, reference=order.original_reference, created_at=order.original_created_at))

    def refund_queried(self, account: Account, order: RefundOrder, query: Query, response: Response) -> RefundNotice:  # noqa: ARG002 - the contract names it
        """Verify the answer to querydr and read what it proves about this try; what it leaves open is UNKNOWN."""
        told = verified_line(account, _QUERIED, response, command="querydr", reference=order.original_reference)
        return read_state(account, order, told)

    def banks_request(self, account: Account) -> Request:
        """Ask for the terminal's banks (get_bank_list), on the host of the pay page."""
        return request_banks(account)

    def banks(self, response: Response) -> tuple[Bank, ...]:
        """Read the answer to get_bank_list, which is not signed: a code of it goes into a URL that is."""
        return read_banks(response, self.most_banks)


def order_info(description: str) -> str:
    """vnp_OrderInfo: Vietnamese without its marks; other than letters, digits and `- _ . :` becomes a space; 255 characters."""
    letters = unicodedata.normalize("NFD", description.replace("đ", "d").replace("Đ", "D"))
    unmarked = "".join(character for character in letters if not unicodedata.combining(character))
    return " ".join(re.sub(r"[^0-9A-Za-z_.:-]", " ", unmarked).split())[:_INFO_LENGTH].rstrip()


def signed_text(fields: Mapping[str, str | bytes], form: str = FORMS[0]) -> str:
    """`name=value` of the fields that are not empty, by name, form-encoded and joined by `&`: what pay, return and IPN sign."""
    return "&".join(f"{form_encoded(name, form)}={form_encoded(fields[name], form)}" for name in sorted(fields) if fields[name])


def _verified(account: Account, query: bytes) -> dict[str, str]:
    named: dict[str, Parameter] = {}
    for parameter in parameters(query):
        if not parameter.name.startswith("vnp_"):
            continue
        if parameter.name in named:
            raise Malformed("a vnp_ parameter is given twice")
        named[parameter.name] = parameter
    claimed = named.pop("vnp_SecureHash", None)
    named.pop("vnp_SecureHashType", None)
    told = [named[name] for name in sorted(named) if named[name].value]
    signature = claimed.value.decode("utf-8", "backslashreplace") if claimed else ""
    if not verifies("sha512", account.secrets, [b"&".join(parameter.raw for parameter in told)], signature):
        # A proxy on the way may have encoded it anew.
        values = {parameter.name: parameter.value for parameter in told}
        if not verifies("sha512", account.secrets, [signed_text(values, form).encode() for form in FORMS], signature):
            raise Forged("vnp_SecureHash")
    return {parameter.name: text(parameter.name, parameter.value) for parameter in told}


def _notice(account: Account, said_by: str, told: Mapping[str, str]) -> Notice:
    belongs(account, told)
    response, status = required(told, "vnp_ResponseCode"), told.get("vnp_TransactionStatus", "")
    kind = told.get("vnp_TransactionType", "")
    of_refund = kind not in {"", "01"}
    code = None if of_refund else CODES.read(said_by, response, status)
    return Notice(
        reference=required(told, "vnp_TxnRef"),
        terminal=account.terminal,
        outcome=code.outcome if code else Outcome.UNKNOWN,
        raw_code=raw(response, status, kind) if of_refund else raw(response, status),
        amount=dong(told.get("vnp_Amount", "")),
        currency=CURRENCY,
        transaction=transaction(told),
        paid_at=instant(told.get("vnp_PayDate", "")),
        paid_at_text=told.get("vnp_PayDate", ""),
        method=told.get("vnp_BankCode", ""),
        not_paid=code.not_paid if code else False,
    )
