"""VNPAY's messages as VNPAY writes and checks them, from its side and by its own hand: only the HMAC is shared with the hub's."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from gateways.signing import mac
from gateways.simulator.books import Fact, Order
from gateways.simulator.scenarios import Tells

QUESTION = "RequestId Version Command TmnCode TxnRef TransactionDate CreateDate IpAddr OrderInfo"
STATEMENT = (
    "ResponseId Command ResponseCode Message TmnCode TxnRef Amount BankCode PayDate TransactionNo TransactionType "
    "TransactionStatus OrderInfo PromotionCode PromotionAmount"
)
REFUND = (
    "RequestId Version Command TmnCode TransactionType TxnRef Amount TransactionNo TransactionDate CreateBy CreateDate "
    "IpAddr OrderInfo"
)
REFUNDED = (
    "ResponseId Command ResponseCode Message TmnCode TxnRef Amount BankCode PayDate TransactionNo TransactionType "
    "TransactionStatus OrderInfo"
)
"""The fields that a querydr request, its answer, a refund request and its answer sign, in order, each with vnp_ before it."""

_AS_IT_IS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.*")
_TWISTS: Mapping[Tells, Mapping[str, str]] = {
    Tells.FORGED: {"vnp_ResponseCode": "00", "vnp_TransactionStatus": "00"},
    Tells.FAILED: {"vnp_ResponseCode": "51", "vnp_TransactionStatus": "02", "vnp_TransactionNo": "0"},
    Tells.UNFINISHED: {"vnp_ResponseCode": "99", "vnp_TransactionStatus": "01", "vnp_TransactionNo": "0"},
    Tells.REVERSAL: {"vnp_TransactionStatus": "04"},
}
_TOO_MUCH = 1000


@dataclass(frozen=True, slots=True)
class Result:
    """How an order ended: vnp_ResponseCode, vnp_TransactionStatus, transaction number, bank, and vnp_PayDate."""

    code: str
    status: str
    transaction: str
    bank: str
    pay_date: str


def result_of(order: Order) -> Result:
    """The order's result as the books have it now."""
    return Result(order.code or "99", order.status, order.transaction, order.bank, order.pay_date)


def encoded(text: str) -> str:
    """Form-encode like java.net.URLEncoder: `*` stays, `~` does not, a space is `+`."""
    return "".join(chr(byte) if byte in _AS_IT_IS else "+" if byte == ord(" ") else f"%{byte:02X}" for byte in text.encode())


def url_text(fields: Mapping[str, str]) -> str:
    """Write the fields that are not empty, by name, as a query string."""
    return "&".join(f"{name}={encoded(fields[name])}" for name in sorted(fields) if fields[name])


def url_signature_fits(secret: str, fields: Mapping[str, str]) -> bool:
    """Whether vnp_SecureHash is the signature of the other vnp_ fields."""
    signed = {
        name: value for name, value in fields.items() if name[:4] == "vnp_" and name not in {"vnp_SecureHash", "vnp_SecureHashType"}
    }
    return _same(fields.get("vnp_SecureHash", ""), mac("sha512", secret, url_text(signed).encode()))


def line_signature(secret: str, names: str, fields: Mapping[str, str]) -> str:
    """Sign the fields' values in this order with bars between them."""
    return mac("sha512", secret, "|".join(fields.get("vnp_" + name, "") for name in names.split()).encode())


def line_signature_fits(secret: str, names: str, fields: Mapping[str, str]) -> bool:
    """Whether vnp_SecureHash is the signature of the fields' values in this order."""
    return _same(fields.get("vnp_SecureHash", ""), line_signature(secret, names, fields))


def statement(secret: str, order: Order, result: Result, tells: Tells = Tells.TRUTH) -> str:
    """Write the signed query string of an IPN, or of the browser's return."""
    amount = order.amount + (_TOO_MUCH if tells is Tells.WRONG_AMOUNT else 0)
    fields = {
        "vnp_Amount": f"{amount}00",
        "vnp_BankCode": result.bank,
        "vnp_BankTranNo": f"VNP{result.transaction}" if result.transaction else "",
        "vnp_CardType": "ATM",
        "vnp_OrderInfo": order.info,
        "vnp_PayDate": result.pay_date,
        "vnp_ResponseCode": result.code,
        "vnp_TmnCode": order.terminal,
        "vnp_TransactionNo": result.transaction or "0",
        "vnp_TransactionStatus": result.status,
        "vnp_TxnRef": order.reference,
    } | dict(_TWISTS.get(tells, {}))
    text = url_text(fields)
    key = "a stranger's guess" if tells is Tells.FORGED else secret
    return f"{text}&vnp_SecureHash={mac('sha512', key, text.encode())}"


def signed_line(secret: str, names: str, fields: Fact) -> dict[str, str]:
    """Write the signed JSON fields of an answer; `fields` are named without vnp_."""
    named = {f"vnp_{name}": str(value) for name, value in fields.items()}
    return named | {"vnp_SecureHash": line_signature(secret, names, named)}


def _same(claimed: str, signature: str) -> bool:
    return hmac.compare_digest(claimed.lower().encode("utf-8", "replace"), signature.encode())
