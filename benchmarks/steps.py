"""What a portal, a citizen and VNPAY send: each step written out, answered and checked.

A script is a generator: it yields a `Request`, is sent its `Answer`, and raises `Unexpected` where that is not the one it must be.
The same scripts drive the load over sockets and single requests inside one process.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import os
import time
import uuid
from collections.abc import Generator
from dataclasses import dataclass
from urllib.parse import quote_plus

_GMT7_S = 7 * 3600
_AMOUNT = 200_000
_CREATED, _SEE_OTHER, _OK = 201, 303, 200
_numbers = itertools.count()
# No two processes of one run share the numbers they give.
_mark = int.from_bytes(os.urandom(4), "big")


class Unexpected(Exception):
    """An answer that is not the one the step must have: nothing measured with it would mean anything."""


@dataclass(frozen=True, slots=True)
class Target:
    """The hub under load, and what its outside parties know."""

    host: str
    port: int
    key: str
    secret: str
    terminal: str
    account: str


@dataclass(frozen=True, slots=True)
class Request:
    """One request; `step` names what it is measured as."""

    step: str
    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""

    def encoded(self, host: bytes) -> bytes:
        """Return the bytes that go over the line."""
        headers = "".join(f"{name}: {value}\r\n" for name, value in self.headers)
        head = f"{self.method} {self.path} HTTP/1.1\r\n{headers}Content-Length: {len(self.body)}\r\nHost: "
        return head.encode() + host + b"\r\n\r\n" + self.body


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; `location` is empty without that header."""

    status: int
    location: str
    body: bytes


Script = Generator[Request, Answer, None]


def create(target: Target) -> Script:
    """Ask for one payment."""
    yield from _created(target)


def lifecycle(target: Target) -> Script:
    """Ask for a payment, press Pay on its page, and let VNPAY confirm it."""
    token = yield from _created(target)
    reference = yield from _started(target, token)
    answer = yield Request("callback", "GET", f"/callbacks/vnpay/{target.account}?{_ipn(target, reference)}", ())
    _demand(answer, _OK, b'"RspCode":"00"')


def ready(_: Target) -> Script:
    """Ask whether the stores answer: the least work that touches the database."""
    _demand((yield Request("ready", "GET", "/readyz", ())), _OK, b"true")


SCRIPTS = {"create": create, "lifecycle": lifecycle, "ready": ready}


def _created(target: Target) -> Generator[Request, Answer, str]:
    unique = uuid.uuid4().hex
    body = (
        f'{{"portal_reference":"HS-{unique}","dossier":"000.00.00.H53-{unique}",'
        f'"lines":[{{"fee":"LP-LLTP","agency":"000.00.00.G15","amount":{_AMOUNT}}}]}}'
    ).encode()
    headers = (("Authorization", f"Bearer {target.key}"), ("Idempotency-Key", unique), ("Content-Type", "application/json"))
    answer = yield Request("create", "POST", "/v1/payments", headers, body)
    _demand(answer, _CREATED, b'"checkout_url"')
    return answer.body.split(b"/pay/", 1)[1].split(b'"', 1)[0].decode()


def _started(target: Target, token: str) -> Generator[Request, Answer, str]:
    form = f"way={target.account}&form_token={uuid.uuid4()}".encode()
    headers = (("Content-Type", "application/x-www-form-urlencoded"),)
    answer = yield Request("start", "POST", f"/pay/{token}/start", headers, form)
    _demand(answer, _SEE_OTHER, b"")
    return answer.location.split("vnp_TxnRef=", 1)[1].split("&", 1)[0]


def _ipn(target: Target, reference: str) -> str:
    """Sign an IPN of success as VNPAY does, with code of its own."""
    now = time.gmtime(time.time() + _GMT7_S)
    fields = {
        "vnp_Amount": str(_AMOUNT * 100),
        "vnp_BankCode": "NCB",
        "vnp_BankTranNo": "VNP14226112",
        "vnp_CardType": "ATM",
        "vnp_OrderInfo": "Thanh toan phi le phi",
        "vnp_PayDate": time.strftime("%Y%m%d%H%M%S", now),
        "vnp_ResponseCode": "00",
        "vnp_TmnCode": target.terminal,
        "vnp_TransactionNo": f"{1_000_000_000 + _mark}{next(_numbers):08d}",
        "vnp_TransactionStatus": "00",
        "vnp_TxnRef": reference,
    }
    signed = "&".join(f"{name}={quote_plus(value)}" for name, value in sorted(fields.items()))
    return f"{signed}&vnp_SecureHash={hmac.new(target.secret.encode(), signed.encode(), hashlib.sha512).hexdigest()}"


def _demand(answer: Answer, status: int, holding: bytes) -> None:
    if answer.status != status or holding not in answer.body:
        raise Unexpected(f"expected {status}, got {answer.status}: {answer.body[:500].decode(errors='replace')}")
