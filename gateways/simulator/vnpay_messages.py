"""VNPAY's messages as VNPAY writes and checks them, from its side and by its own hand: only the HMAC is shared with the hub's."""

from __future__ import annotations

from collections.abc import Mapping

from gateways.signing import mac
from gateways.simulator.encoding import encoded, same
from gateways.simulator.orders import Fact, Order
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

_TWISTS: Mapping[Tells, Mapping[str, str]] = {
    Tells.FORGED: {"vnp_ResponseCode": "00", "vnp_TransactionStatus": "00"},
    Tells.OTHER_CURRENCY: {"vnp_CurrCode": "USD"},
    Tells.FAILED: {"vnp_ResponseCode": "51", "vnp_TransactionStatus": "02", "vnp_TransactionNo": "0"},
    Tells.UNFINISHED: {"vnp_ResponseCode": "99", "vnp_TransactionStatus": "01", "vnp_TransactionNo": "0"},
    Tells.REVERSAL: {"vnp_TransactionStatus": "04"},
}
_TOO_MUCH = 1000


def url_text(fields: Mapping[str, str]) -> str:
    """Write the fields that are not empty, by name, as a query string."""
    return "&".join(f"{name}={encoded(fields[name])}" for name in sorted(fields) if fields[name])


def url_signature_fits(secret: str, fields: Mapping[str, str]) -> bool:
    """Whether vnp_SecureHash is the signature of the other vnp_ fields."""
    signed = {
        name: value for name, value in fields.items() if name[:4] == "vnp_" and name not in {"vnp_SecureHash", "vnp_SecureHashType"}
    }
    return same(fields.get("vnp_SecureHash", ""), mac("sha512", secret, url_text(signed).encode()))


def line_signature(secret: str, names: str, fields: Mapping[str, str]) -> str:
    """Sign the fields' values in this order with bars between them."""
    return mac("sha512", secret, "|".join(fields.get("vnp_" + name, "") for name in names.split()).encode())


def line_signature_fits(secret: str, names: str, fields: Mapping[str, str]) -> bool:
    """Whether vnp_SecureHash is the signature of the fields' values in this order."""
    return same(fields.get("vnp_SecureHash", ""), line_signature(secret, names, fields))


def statement(secret: str, order: Order, tells: Tells = Tells.TRUTH) -> str:
    """Write the signed query string of an IPN about an order as it is, or of the browser's return."""
    amount = order.amount + (_TOO_MUCH if tells is Tells.WRONG_AMOUNT else 0)
    fields = {
        "vnp_Amount": f"{amount}00",
        "vnp_BankCode": order.bank,
        "vnp_BankTranNo": f"VNP{order.transaction}" if order.transaction else "",
        "vnp_CardType": "ATM",
        "vnp_OrderInfo": order.info,
        "vnp_PayDate": order.pay_date,
        "vnp_ResponseCode": order.code or "99",
        "vnp_TmnCode": order.terminal,
        "vnp_TransactionNo": order.transaction or "0",
        "vnp_TransactionStatus": order.status,
        "vnp_TxnRef": order.reference,
    } | dict(_TWISTS.get(tells, {}))
    return signed_query("a stranger's guess" if tells is Tells.FORGED else secret, url_text(fields))


def signed_query(secret: str, text: str) -> str:
    """Sign the text of a query string."""
    return f"{text}&vnp_SecureHash={mac('sha512', secret, text.encode())}"


def signed_line(secret: str, names: str, fields: Fact) -> dict[str, str]:
    """Write the signed JSON fields of an answer; `fields` are named without vnp_."""
    named = {f"vnp_{name}": str(value) for name, value in fields.items()}
    return named | {"vnp_SecureHash": line_signature(secret, names, named)}
