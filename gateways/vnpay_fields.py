"""VNPAY's fields: how values are written, checked and read, and the line of values that its API signs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime

from gateways.base import Account, Request, Response
from gateways.errors import Forged, Malformed
from gateways.fields import GMT7, checked, zoned
from gateways.http import answered_json, post_json
from gateways.signing import mac, verifies

VERSION = "2.1.0"
CURRENCY = "VND"
REFERENCE = re.compile(r"[0-9A-Za-z._-]{1,100}")
REQUEST_ID = re.compile(r"[0-9A-Za-z]{1,32}")
AMOUNT_END = 10**10
_AMOUNT = re.compile(r"[0-9]{1,12}")
_INSTANT = re.compile(r"[0-9]{14}")


def signed_line(account: Account, names: Iterable[str], fields: Mapping[str, str]) -> Request:
    """Build a request to the API, signed over the values of these names, raw and joined by bars."""
    signature = mac("sha512", account.secrets[0], _joined(names, fields))
    return post_json(account.endpoints["api"], {**fields, "vnp_SecureHash": signature})


def verified_line(account: Account, names: Iterable[str], response: Response, *, command: str, reference: str) -> dict[str, str]:
    """Verify an answer of the API over its values as received; it must answer this command and speak of this order."""
    signed = tuple(names)
    told = answered_json(response, {"vnp_SecureHash", *(f"vnp_{name}" for name in signed)})
    if not verifies("sha512", account.secrets, [_joined(signed, told)], told.get("vnp_SecureHash", "")):
        raise Forged("vnp_SecureHash")
    if any("|" in told.get(f"vnp_{name}", "") for name in signed):
        raise Malformed("a bar in a value: the same signature would fit other values")
    if told.get("vnp_Command") != command:
        raise Malformed("vnp_Command answers another question")
    if told.get("vnp_TxnRef") != reference:
        raise Malformed("vnp_TxnRef is of another order")
    return told


def belongs(account: Account, told: Mapping[str, str]) -> None:
    """Refuse, as Malformed, what is of another terminal or in another currency."""
    if told.get("vnp_TmnCode") != account.terminal:
        raise Malformed("vnp_TmnCode is of another terminal")
    if told.get("vnp_CurrCode", CURRENCY) != CURRENCY:
        raise Malformed("vnp_CurrCode is not VND")


def transaction(told: Mapping[str, str]) -> str | None:
    """Read vnp_TransactionNo; noughts mean none."""
    number = told.get("vnp_TransactionNo", "")
    return number if number.strip("0") else None


def dong(hundredths: str) -> int | None:
    """Read an amount as VNPAY writes it, in hundredths. Raises Malformed."""
    if not hundredths:
        return None
    if not _AMOUNT.fullmatch(hundredths) or int(hundredths) % 100:
        raise Malformed("vnp_Amount is not a whole number of dong in hundredths")
    return int(hundredths) // 100


def instant(text: str) -> datetime | None:
    """Read vnp_PayDate. Raises Malformed."""
    if not text:
        return None
    try:
        checked(_INSTANT, "vnp_PayDate", text)
        return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=GMT7)
    except ValueError:
        raise Malformed("vnp_PayDate is no time") from None


def written(name: str, at: datetime) -> str:
    """Write a time as VNPAY does. Raises ValueError for one without its zone."""
    return zoned(name, at).astimezone(GMT7).strftime("%Y%m%d%H%M%S")


def _joined(names: Iterable[str], fields: Mapping[str, str]) -> bytes:
    return "|".join(fields.get(f"vnp_{name}", "") for name in names).encode()
