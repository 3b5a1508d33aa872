"""What every call to ZaloPay goes through: a form or JSON, its form, the app and the mac."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from flask import Response, jsonify, request

from gateways.simulator.config import App
from gateways.simulator.pages import simulation
from gateways.simulator.simulation import Simulation
from gateways.simulator.zalopay import Zalopay
from gateways.simulator.zalopay_messages import mac_fits

MAC = "[0-9a-fA-F]{64}"
MILLISECONDS = "[1-9][0-9]{12}"
_NEAR = timedelta(minutes=15)

MESSAGES: Mapping[int, str] = {1: "Giao dịch thành công", 2: "Giao dịch thất bại", 3: "Giao dịch đang xử lý"}
SUB_MESSAGES: Mapping[int, str] = {
    -13: "Giao dịch không thể hoàn tiền",
    -14: "Số tiền hoàn vượt quá số tiền còn lại",
    -23: "m_refund_id bị trùng",
    -54: "Đơn hàng đã hết hạn",
    -63: "Tài khoản không đủ tiền",
    -68: "app_trans_id bị trùng",
    -101: "Giao dịch không tồn tại",
    -329: "Người dùng đã hủy giao dịch",
    -401: "Tham số không hợp lệ",
    -402: "mac không hợp lệ",
    -500: "Lỗi hệ thống",
    -999: "Hệ thống đang bảo trì",
}


@dataclass(frozen=True, slots=True)
class Call:
    """A request whose form and mac are good; `app` is as configured, for the keys of pages."""

    gateway: Simulation
    app: App
    fields: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        return self.fields[name]


def opened(names: str, forms: Mapping[str, str]) -> Call | Response:
    """Check a request's form, app and mac; what is wrong is the answer."""
    gateway, fields = simulation(), _asked()
    if any(not re.fullmatch(form, fields.get(name, "")) for name, form in forms.items()):
        return answered(2, -401)
    app = gateway.config.app(fields["app_id"])
    live = gateway.keyring.live(Zalopay.name, fields["app_id"])
    if app is None or not any(mac_fits(App(*keys), names, fields) for keys in live):
        return answered(2, -402)
    return Call(gateway, app, fields)


def near(gateway: Simulation, milliseconds: str) -> bool:
    """Whether an instant is within 15 minutes of ZaloPay's clock."""
    return abs(gateway.moment(Zalopay.name) - datetime.fromtimestamp(int(milliseconds) / 1000, UTC)) <= _NEAR


def answered(code: int, sub_code: int, **more: object) -> Response:
    """Answer with return_code and sub_return_code, always as HTTP 200; ZaloPay signs no answer."""
    message = MESSAGES[code]
    return jsonify(
        {
            "return_code": code,
            "return_message": message,
            "sub_return_code": sub_code,
            "sub_return_message": SUB_MESSAGES.get(sub_code, message),
            **more,
        }
    )


def closed() -> Response:
    """What every call gets while ZaloPay is under maintenance."""
    return answered(2, -999)


def _asked() -> dict[str, str]:
    if request.form:
        return request.form.to_dict()
    read = request.get_json(force=True, silent=True)
    fields = read if isinstance(read, dict) else {}
    return {name: str(value) for name, value in fields.items() if isinstance(value, str | int) and not isinstance(value, bool)}
