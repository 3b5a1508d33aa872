"""MoMo's messages as MoMo writes and checks them, from its side and by its own hand: only the HMAC is shared with the hub's."""

from __future__ import annotations

import json
from collections.abc import Mapping

from gateways.signing import mac
from gateways.simulator.config import Partner
from gateways.simulator.encoding import milliseconds, moment_of, query_of, same
from gateways.simulator.orders import Fact, Order
from gateways.simulator.scenarios import Tells

CREATE = "accessKey amount extraData ipnUrl orderId orderInfo partnerCode redirectUrl requestId requestType"
CREATED = "accessKey amount orderId partnerCode payUrl requestId responseTime resultCode"
TOLD = (
    "accessKey amount extraData message orderId orderInfo orderType partnerCode payType requestId responseTime resultCode transId"
)
QUESTION = "accessKey orderId partnerCode requestId"
REFUND = "accessKey amount description orderId partnerCode requestId transId"
"""What create, its answer, IPN and redirect, both queries, and a refund sign: `name=value`, joined by `&`, in this order."""

MESSAGES: Mapping[str, str] = {
    "0": "Thành công.",
    "10": "Hệ thống đang được bảo trì.",
    "13": "Xác thực doanh nghiệp thất bại.",
    "20": "Yêu cầu sai định dạng.",
    "22": "Số tiền giao dịch không hợp lệ.",
    "40": "RequestId bị trùng.",
    "41": "OrderId bị trùng.",
    "42": "OrderId không hợp lệ hoặc không được tìm thấy.",
    "99": "Lỗi không xác định.",
    "1000": "Giao dịch đã được khởi tạo, chờ người dùng xác nhận thanh toán.",
    "1001": "Giao dịch thất bại do tài khoản người dùng không đủ tiền.",
    "1002": "Giao dịch bị từ chối do nhà phát hành tài khoản thanh toán.",
    "1003": "Giao dịch bị hủy sau khi đã xác nhận.",
    "1004": "Giao dịch thất bại do số tiền vượt quá hạn mức.",
    "1005": "Giao dịch thất bại do url hoặc QR code đã hết hạn.",
    "1006": "Giao dịch thất bại do người dùng đã từ chối xác nhận thanh toán.",
    "1080": "Giao dịch hoàn tiền thất bại trong quá trình xử lý.",
    "1081": "Giao dịch hoàn tiền bị từ chối.",
    "1088": "Giao dịch hoàn tiền bị từ chối do giao dịch không được hỗ trợ hoàn tiền.",
    "7000": "Giao dịch đang được xử lý.",
    "7002": "Giao dịch đang được xử lý bởi nhà cung cấp loại hình thanh toán.",
}
_TOO_MUCH = 1000
_TWISTS: Mapping[Tells, str] = {
    Tells.FORGED: "0",
    Tells.FAILED: "1001",
    Tells.UNFINISHED: "7002",
    Tells.REVERSAL: "1003",
}


def message_of(code: str) -> str:
    """MoMo's sentence for a resultCode."""
    return MESSAGES.get(code, "Giao dịch thất bại.")


def signature(partner: Partner, names: str, fields: Mapping[str, object]) -> str:
    """Sign fields of these names; accessKey is never among them."""
    known = {**fields, "accessKey": partner.access_key}
    text = "&".join(f"{name}={known.get(name, '')}" for name in names.split())
    return mac("sha256", partner.secret_key, text.encode())


def signature_fits(partner: Partner, names: str, fields: Mapping[str, object]) -> bool:
    """Whether the fields' signature is that of the others."""
    return same(str(fields.get("signature", "")), signature(partner, names, fields))


def result(partner: Partner, order: Order, tells: Tells = Tells.TRUTH) -> Fact:
    """The signed fields of an IPN, and of the browser's way back."""
    code = _TWISTS.get(tells, order.code)
    at = milliseconds(moment_of(order.pay_date or order.created))
    fields: Fact = {
        "partnerCode": order.terminal,
        "orderId": order.reference,
        "requestId": order.contents["requestId"],
        "amount": order.amount + (_TOO_MUCH if tells is Tells.WRONG_AMOUNT else 0),
        "orderInfo": order.info,
        "orderType": "momo_wallet",
        # MoMo names a transaction that never was by the time of its message.
        "transId": int(order.transaction or at) if code in {"0", "1003"} else at,
        "resultCode": int(code or "1000"),
        "message": message_of(code),
        "payType": order.bank,
        "responseTime": at,
        "extraData": order.contents["extraData"],
    }
    signer = Partner(partner.access_key, "a stranger's guess") if tells is Tells.FORGED else partner
    return fields | {"signature": signature(signer, TOLD, fields)}


def ipn(partner: Partner, order: Order, tells: Tells) -> str:
    """Write an IPN's body: JSON in UTF-8, numbers as numbers."""
    return json.dumps(result(partner, order, tells), ensure_ascii=False)


def signed_ipn(partner: Partner, body: str) -> str:
    """Sign an IPN's body again."""
    fields: Fact = json.loads(body)
    return json.dumps(fields | {"signature": signature(partner, TOLD, fields)}, ensure_ascii=False)


def way_back(partner: Partner, order: Order) -> str:
    """Write the query string of redirectUrl."""
    return query_of(result(partner, order))
