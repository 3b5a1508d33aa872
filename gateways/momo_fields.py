"""MoMo's fields: how requests are signed and written, how messages are read and verified."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from gateways.base import Account, Request
from gateways.errors import Malformed
from gateways.fields import checked, formed, required
from gateways.signing import mac, verifies

CURRENCY = "VND"
SECRETS = ("access_key", "secret_key")
CREATE = (
    *("accessKey", "amount", "extraData", "ipnUrl", "orderId", "orderInfo", "partnerCode", "redirectUrl", "requestId"),
    "requestType",
)
CREATED = ("accessKey", "amount", "orderId", "partnerCode", "payUrl", "requestId", "responseTime", "resultCode")
TOLD = (
    *("accessKey", "amount", "extraData", "message", "orderId", "orderInfo", "orderType", "partnerCode", "payType", "requestId"),
    *("responseTime", "resultCode", "transId"),
)
QUERY = ("accessKey", "orderId", "partnerCode", "requestId")
REFUND = ("accessKey", "amount", "description", "orderId", "partnerCode", "requestId", "transId")
"""Signed of create, its answer, IPN and return, query and refund/query, refund. accessKey is the account's, never a message's."""
READ = frozenset({*TOLD, *CREATED, "lastUpdated", "signature"} - {"accessKey"})

# MoMo's ^[0-9a-zA-Z]([-_.]*[0-9a-zA-Z]+)*$ without its backtracking; 50 is requestId's length, which is orderId's as well here.
ID = re.compile(r"(?=.{1,50}\Z)[0-9A-Za-z](?:[0-9A-Za-z._-]*[0-9A-Za-z])?")
URL = re.compile(r"https?://[0-9A-Za-z.:-]+(?:/[0-9A-Za-z._~/-]*)?")
NUMBER = re.compile(r"[1-9][0-9]{0,18}")
MILLISECONDS = re.compile(r"[1-9][0-9]{11,13}")
_CODE = re.compile(r"-?[0-9]{1,9}")
_AMOUNT = re.compile(r"[0-9]{1,12}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INFO_LENGTH = 255


def signed_text(names: Iterable[str], fields: Mapping[str, object]) -> str:
    """`name=value` of these names joined by `&`, values as they are and absent ones empty: what MoMo signs (MOMO-D, signature)."""
    return "&".join(f"{name}={fields.get(name, '')}" for name in names)


def asked(account: Account, path: str, names: Iterable[str], fields: Mapping[str, object], *, repeatable: bool = False) -> Request:
    """Build a request to the API, signed with the newest of each secret. MoMo asks to be waited for at least 30 seconds."""
    key, secret = (account.named_secrets[name][0] for name in SECRETS)
    signature = mac("sha256", secret, signed_text(names, {**fields, "accessKey": key}).encode())
    body = json.dumps({**fields, "signature": signature}, separators=(",", ":")).encode()
    headers = {"Content-Type": "application/json; charset=UTF-8", "Accept": "application/json"}
    url = f"{account.endpoints['api'].rstrip('/')}/v2/gateway/api/{path}"
    return Request("POST", url, headers, body, timeout_s=30.0, repeatable=repeatable)


def question(account: Account, path: str, reference: str, request_id: str) -> Request:
    """Build a request that asks for an order or a refund by its orderId."""
    ids = {"requestId": checked(ID, "request_id", request_id), "orderId": checked(ID, "reference", reference)}
    return asked(account, path, QUERY, {"partnerCode": account.terminal, **ids, "lang": "vi"})


def order_info(description: str) -> str:
    """orderInfo: letters, digits and `- _ . : , /`; anything else becomes a space; 255 characters."""
    written = unicodedata.normalize("NFC", description)
    kept = "".join(character if character.isalnum() or character in "-_.:,/" else " " for character in written)
    return " ".join(kept.split())[:_INFO_LENGTH].rstrip()


def signed(account: Account, names: Iterable[str], told: Mapping[str, str]) -> bool:
    """Whether the message's signature is that of any live secret key with any live access key."""
    keys, secrets = (account.named_secrets.get(name, ()) for name in SECRETS)
    texts = [signed_text(names, {**told, "accessKey": key}).encode() for key in keys]
    return verifies("sha256", secrets, texts, told.get("signature", ""))


def answers(account: Account, told: Mapping[str, str], reference: str, request_id: str) -> None:
    """Refuse, as Malformed, an answer that does not repeat our requestId or speaks of another order or partner."""
    required(told, "requestId")
    matches(told, partnerCode=account.terminal, orderId=reference, requestId=request_id)


def matches(told: Mapping[str, str], **expected: str) -> None:
    """Refuse, as Malformed, what states other values; an answer that was turned away early may state none."""
    for name, value in expected.items():
        if told.get(name) not in {None, "", value}:
            raise Malformed(f"{name} is of another question")


def result(told: Mapping[str, str]) -> str:
    """Read resultCode. Raises Malformed."""
    return formed(_CODE, "resultCode", required(told, "resultCode"))


def dong(told: Mapping[str, str]) -> int | None:
    """Read amount, whole dong. Raises Malformed."""
    amount = told.get("amount", "")
    return int(formed(_AMOUNT, "amount", amount)) if amount else None


def transaction(told: Mapping[str, str]) -> str | None:
    """Read transId; 0 means none. Raises Malformed."""
    number = told.get("transId", "")
    return formed(NUMBER, "transId", number) if number.strip("0") else None


def instant(milliseconds: str) -> datetime:
    """Read responseTime. Raises Malformed."""
    return _EPOCH + timedelta(milliseconds=int(formed(MILLISECONDS, "responseTime", milliseconds)))
