"""ZaloPay's fields: what is signed and read, how values are written, checked and read, and the form of its calls."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from gateways.base import Account, Request, Response
from gateways.errors import Malformed
from gateways.fields import GMT7, checked, formed, zoned
from gateways.http import answered_json
from gateways.signing import form_encoded, mac

CURRENCY = "VND"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SHORTEST_S, LONGEST_S = 300, 2_592_000
EMBEDDED_LENGTH, DESCRIPTION_LENGTH = 1024, 256
APP = re.compile(r"[0-9]{1,10}")
ORDER = re.compile(r"(?=.{8,40}\Z)[0-9]{6}_[0-9A-Za-z._-]+")
REFUND = re.compile(r"(?=.{10,45}\Z)[0-9]{6}_[0-9]+_[0-9A-Za-z]+")
NAME = re.compile(r"[0-9A-Za-z._-]{1,40}")
ANY = re.compile(r"(?s).+")
AMOUNT = re.compile(r"[1-9][0-9]{0,14}")
INSTANT = re.compile(r"[0-9]{1,13}")
NUMBER = re.compile(r"[0-9A-Za-z]{1,64}")
CODE = re.compile(r"-?[0-9]{1,6}")
PAGE = re.compile(r"https?://[0-9A-Za-z.-]{1,253}(:[0-9]{1,5})?([/?][!-~]{0,2000})?")
"""What is written and read, by its form and length (create, query, refund)."""

SIGNED: Mapping[str, tuple[str, ...]] = {
    "create": ("app_id", "app_trans_id", "app_user", "amount", "app_time", "embed_data", "item"),
    "query": ("app_id", "app_trans_id", "key1"),
    "refund": ("app_id", "zp_trans_id", "amount", "description", "timestamp"),
    "query_refund": ("app_id", "m_refund_id", "timestamp"),
}
"""The values that key1 signs of each call, in their order."""

CALLBACK = ("data", "mac", "type")
DATA = (
    *("app_id", "app_trans_id", "app_time", "app_user", "amount", "embed_data", "item", "zp_trans_id", "server_time", "channel"),
    *("merchant_user_id", "user_fee_amount", "discount_amount"),
)
RETURN = ("appid", "apptransid", "pmcid", "bankcode", "amount", "discountamount", "status")
ANSWERED = ("return_code", "sub_return_code", "order_url", "is_processing", "amount", "zp_trans_id", "server_time", "refund_id")
"""The fields of ZaloPay's messages that count, those of the redirect in the order in which key2 signs them."""


def signed(account: Account, call: str, fields: Mapping[str, str], *, repeatable: bool = False) -> Request:
    """Build a call of the API, a form signed with the newest key1. Raises ValueError where there is none."""
    live = account.named_secrets.get("key1", ())
    if not live:
        raise ValueError("key1 is missing")
    values = {**fields, "key1": live[0]}
    signature = mac("sha256", live[0], "|".join(values[name] for name in SIGNED[call]).encode())
    body = "&".join(f"{name}={form_encoded(value)}" for name, value in {**fields, "mac": signature}.items())
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    return Request("POST", f"{account.endpoints['api'].rstrip('/')}/v2/{call}", headers, body.encode(), repeatable=repeatable)


def app_id(account: Account) -> str:
    """Write the app_id. Raises ValueError."""
    return checked(APP, "terminal", account.terminal)


def day(name: str, at: datetime) -> str:
    """Write a day as ZaloPay begins its references, in GMT+7. Raises ValueError for a time without its zone."""
    return zoned(name, at).astimezone(GMT7).strftime("%y%m%d")


def milliseconds(name: str, at: datetime) -> int:
    """Write an instant as ZaloPay does. Raises ValueError for a time without its zone."""
    return (zoned(name, at) - EPOCH) // timedelta(milliseconds=1)


def number(name: str, value: str) -> str | None:
    """Read a number that ZaloPay gave to something; noughts mean none. Raises Malformed."""
    return formed(NUMBER, name, value) if value.strip("0") else None


def instant(name: str, value: str) -> datetime | None:
    """Read an instant; noughts mean none. Raises Malformed."""
    return EPOCH + timedelta(milliseconds=int(formed(INSTANT, name, value))) if value.strip("0") else None


def answered(response: Response) -> dict[str, str]:
    """Read an answer of the API, which nothing signs. Raises Malformed, also when its status is not 200."""
    told = absent(ANSWERED) | answered_json(response, ANSWERED)
    formed(CODE, "return_code", told["return_code"])
    formed(CODE, "sub_return_code", told["sub_return_code"] or "0")
    if told["is_processing"] not in {"", "true", "false"}:
        raise Malformed("is_processing is neither true nor false")
    return told


def absent(names: Iterable[str]) -> dict[str, str]:
    """Return every name with nothing: what a message does not state is empty."""
    return dict.fromkeys(names, "")
