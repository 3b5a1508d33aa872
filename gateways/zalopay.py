"""ZaloPay's payment gateway, API v2: create, callback, redirect, query, refund and query_refund.

Endpoint of an account: `api`, the base of all calls (sandbox https://sb-openapi.zalopay.vn). Its terminal is the app_id. Signatures
are HMAC-SHA256 in hex: ours by `key1`, ZaloPay's by `key2`; its answers have none. Days are GMT+7, instants Unix milliseconds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

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
from gateways.fields import checked, formed
from gateways.http import flat_json, parameters, text
from gateways.signing import verifies
from gateways.zalopay_codes import AMOUNT_END, ANSWERS, CODES, METHODS, PREFERRED, REFUND_CODES
from gateways.zalopay_fields import (
    AMOUNT,
    ANY,
    CALLBACK,
    CODE,
    CURRENCY,
    DATA,
    DESCRIPTION_LENGTH,
    EMBEDDED_LENGTH,
    LONGEST_S,
    NAME,
    NUMBER,
    ORDER,
    PAGE,
    REFUND,
    RETURN,
    SHORTEST_S,
    absent,
    answered,
    app_id,
    day,
    instant,
    milliseconds,
    number,
    signed,
)

ASKABLE = timedelta(hours=48)
"""How long ZaloPay answers for an order (v2 reference, common questions): a later no is none."""

APP_USER = "payhub"
"""Who pays, as ZaloPay wants it: the app's name where a person is not to be named (create, app_user)."""


class Zalopay(Refundable):
    """The ZaloPay protocol. Orders and questions that it cannot express raise ValueError; messages raise Forged or Malformed."""

    name = "zalopay"
    secret_names = ("key1", "key2")
    endpoints = ("api",)
    methods = METHODS
    shortest_order_s = SHORTEST_S
    codes = CODES
    refund_codes = REFUND_CODES

    def reference(self, code: str, created_at: datetime) -> str:
        """app_trans_id (create): the day in GMT+7, `_` and the attempt's code; at most 40 characters."""
        reference = f"{day('created_at', created_at)}_{code}"
        return checked(ORDER, "code", reference)

    def start(self, account: Account, order: Order) -> Request:
        """Ask for an order (create). ZaloPay refuses the same app_trans_id a second time, so this is never sent again.

        Raises ValueError for another currency, an amount outside 1 to 999,999,999,999,999 VND, a reference that is not
        `reference` of the day, a life outside 300 to 2,592,000 seconds, an unknown method, or a return URL that is too long.
        """
        if order.currency != CURRENCY or not 0 < order.amount < AMOUNT_END:
            raise ValueError("amount, currency: ZaloPay takes 1 to 999,999,999,999,999 VND")
        if order.method not in PREFERRED:
            raise ValueError("method is not one of ZaloPay's")
        reference = checked(ORDER, "reference", order.reference)
        if not reference.startswith(day("created_at", order.created_at)):
            raise ValueError("reference is not of the day of created_at")
        life_s = (milliseconds("expires_at", order.expires_at) - milliseconds("created_at", order.created_at)) // 1000
        if not SHORTEST_S <= life_s <= LONGEST_S:
            raise ValueError("expires_at: an order lives 300 to 2,592,000 seconds")
        fields = {
            "app_id": app_id(account),
            "app_user": APP_USER,
            "app_trans_id": reference,
            "app_time": str(milliseconds("created_at", order.created_at)),
            "expire_duration_seconds": str(life_s),
            "amount": str(order.amount),
            "description": _description(order),
            "item": "[]",
            "embed_data": _embedded(order),
            "bank_code": "",
        }
        if order.callback_url:
            fields["callback_url"] = order.callback_url
        return signed(account, "create", fields)

    def started(self, account: Account, order: Order, response: Response) -> Redirect | Notice:
        """Read the answer to create: return_code 1 has the address of the pay page in order_url."""
        told = answered(response)
        if told["return_code"] != "1":
            return _notice(account, "create", told, (told["return_code"], told["sub_return_code"]), order.reference)
        schemes = ("https://", "http://") if account.endpoints["api"].startswith("http://") else ("https://",)
        if not PAGE.fullmatch(told["order_url"]) or not told["order_url"].startswith(schemes):
            raise Malformed("order_url is no address to send a citizen to")
        return Redirect(told["order_url"])

    def read_callback(self, account: Account, incoming: Incoming) -> Notice:
        """Verify and read a callback: a POST of JSON {data, mac, type}, signed with key2 over data as it is (callback).

        Raises Forged when mac is absent or wrong, and Malformed for another type than 1, another app and fields of another form.
        """
        outer = absent(CALLBACK) | flat_json(incoming.body, CALLBACK)
        data = outer["data"].encode()
        if not verifies("sha256", account.named_secrets.get("key2", ()), [data], outer["mac"]):
            raise Forged("mac")
        if outer["type"] != "1":
            raise Malformed("type is not that of an order")
        told = absent(DATA) | flat_json(data, DATA)
        _belongs(account, told["app_id"])
        return _notice(account, "callback", told, (outer["type"],), told["app_trans_id"])

    def read_return(self, account: Account, incoming: Incoming) -> Notice:
        """Verify and read the browser's way back to redirecturl, checksum by key2 (redirect). It shows and never decides."""
        given: dict[str, bytes] = {}
        for parameter in parameters(incoming.query):
            if parameter.name in given and parameter.name in {*RETURN, "checksum"}:
                raise Malformed("a parameter is given twice")
            given[parameter.name] = parameter.value
        values = [given.get(name, b"") for name in RETURN]
        claimed = given.get("checksum", b"").decode("utf-8", "backslashreplace")
        if not verifies("sha256", account.named_secrets.get("key2", ()), [b"|".join(values)], claimed):
            raise Forged("checksum")
        if any(b"|" in value for value in values):
            raise Malformed("a bar in a value: the same checksum would fit other values")
        told = {name: text(name, value) for name, value in zip(RETURN, values, strict=True)}
        _belongs(account, told["appid"])
        shown = {"amount": told["amount"], "channel": told["pmcid"]}
        return _notice(account, "return", shown, (formed(CODE, "status", told["status"]),), told["apptransid"])

    def answer(self, verdict: Verdict) -> Answer:
        """Answer a callback with `ANSWERS`, always as HTTP 200."""
        code, message = ANSWERS[verdict]
        return Answer(200, "application/json", json.dumps({"return_code": code, "return_message": message}).encode())

    def query(self, account: Account, query: Query) -> Request:
        """Ask for an order (query)."""
        fields = {"app_id": app_id(account), "app_trans_id": checked(NAME, "reference", query.reference)}
        return signed(account, "query", fields, repeatable=True)

    def queried(self, account: Account, query: Query, response: Response) -> Notice:
        """Read the answer to a query. It names no order, so it is of the one that was asked for.

        That an order was paid counts with its amount only, else it is Malformed. ZaloPay answers for 48 hours: what is then not a
        success is UNKNOWN.
        """
        told = answered(response)
        parts = (told["return_code"], told["sub_return_code"], told["is_processing"])
        late = query.asked_at - query.created_at >= ASKABLE
        return _notice(account, "query", told, parts, query.reference, late=late)

    def refund_reference(self, account: Account, code: str, asked_at: datetime) -> str:
        """m_refund_id (refund): the day in GMT+7, the app_id and the try's code, between `_`; at most 45 characters."""
        reference = f"{day('asked_at', asked_at)}_{app_id(account)}_{code}"
        return checked(REFUND, "code", reference)

    def refund(self, account: Account, order: RefundOrder) -> Request:
        """Ask for a refund (refund), of all of the order or a part.

        Raises ValueError for another currency, an amount outside 1 to the order's, a payment of which ZaloPay's number is not
        known, or a reference that is not `refund_reference` of the day and the app.
        """
        if order.currency != CURRENCY or not 0 < order.amount <= order.original_amount < AMOUNT_END:
            raise ValueError("amount, currency: ZaloPay gives back 1 VND to all of the order, in VND")
        fields = {
            "app_id": app_id(account),
            "m_refund_id": _refund_id(account, order),
            "zp_trans_id": checked(NUMBER, "original_transaction", order.original_transaction or ""),
            "amount": str(order.amount),
            "timestamp": str(milliseconds("asked_at", order.asked_at)),
            "description": f"Hoan phi {checked(NAME, 'original_reference', order.original_reference)}",
        }
        return signed(account, "refund", fields)

    def refunded(self, account: Account, order: RefundOrder, response: Response) -> RefundNotice:
        """Read the answer to a refund."""
        return _refund_notice(account, order, "refund", answered(response))

    def query_refund(self, account: Account, order: RefundOrder, query: Query) -> Request:
        """Ask what became of a refund (query_refund), by its own reference."""
        fields = {
            "app_id": app_id(account),
            "m_refund_id": _refund_id(account, order),
            "timestamp": str(milliseconds("asked_at", query.asked_at)),
        }
        return signed(account, "query_refund", fields, repeatable=True)

    def refund_queried(self, account: Account, order: RefundOrder, query: Query, response: Response) -> RefundNotice:  # noqa: ARG002 - the contract names it
        """Read the answer to query_refund. It names no refund, so it is of the one that was asked for."""
        return _refund_notice(account, order, "query", answered(response))


def _embedded(order: Order) -> str:
    told: dict[str, Any] = {"redirecturl": order.return_url}
    if PREFERRED[order.method]:
        told["preferred_payment_method"] = PREFERRED[order.method]
    embedded = json.dumps(told, separators=(",", ":"))
    if len(embedded) > EMBEDDED_LENGTH:
        raise ValueError("return_url is longer than ZaloPay takes")
    return embedded


def _description(order: Order) -> str:
    printable = "".join(character if character.isprintable() else " " for character in order.description)
    return " ".join(printable.split())[:DESCRIPTION_LENGTH].rstrip() or order.reference


def _refund_id(account: Account, order: RefundOrder) -> str:
    reference = checked(REFUND, "reference", order.reference)
    if not reference.startswith(f"{day('asked_at', order.asked_at)}_{app_id(account)}_"):
        raise ValueError("reference is not of the day of asked_at and the app")
    return reference


def _belongs(account: Account, app: str) -> None:
    if app != account.terminal:
        raise Malformed("the message is of another app")


def _notice(
    account: Account, said_by: str, told: Mapping[str, str], parts: tuple[str, ...], reference: str, *, late: bool = False
) -> Notice:
    code = CODES.read(said_by, *parts)
    outcome, not_paid = (code.outcome, code.not_paid) if code else (Outcome.UNKNOWN, False)
    if late and outcome is not Outcome.SUCCEEDED:
        outcome, not_paid = Outcome.UNKNOWN, False
    stated = told.get("amount", "")
    paid_at = instant("server_time", told.get("server_time", ""))
    return Notice(
        reference=formed(ANY, "app_trans_id", reference),
        terminal=account.terminal,
        outcome=outcome,
        raw_code=raw(*parts),
        amount=int(formed(AMOUNT, "amount", stated)) if stated.strip("0") or outcome is Outcome.SUCCEEDED else None,
        currency=CURRENCY,
        transaction=number("zp_trans_id", told.get("zp_trans_id", "")),
        paid_at=paid_at,
        paid_at_text=told["server_time"] if paid_at else "",
        method=told.get("channel", ""),
        not_paid=not_paid,
    )


def _refund_notice(account: Account, order: RefundOrder, said_by: str, told: Mapping[str, str]) -> RefundNotice:
    parts = told["return_code"], told["sub_return_code"]
    code = REFUND_CODES.read(said_by, *parts)
    transaction = number("refund_id", told.get("refund_id", ""))
    return RefundNotice(
        reference=order.reference,
        original_reference=order.original_reference,
        terminal=account.terminal,
        outcome=code.outcome if code else RefundOutcome.UNKNOWN,
        raw_code=raw(*parts),
        amount=None,
        currency=CURRENCY,
        transaction=None if transaction == order.original_transaction else transaction,
    )
