"""VNPAY's list of banks: POST or GET /qrpayauth/api/merchant/get_bank_list with tmn_code."""

from __future__ import annotations

from flask import Response, jsonify, request

from gateways.simulator.pages import simulation
from gateways.simulator.vnpay_pay import bp

__all__ = ["bp"]

BANKS: tuple[tuple[str, str, int], ...] = (
    ("VNPAYQR", "Ứng dụng ngân hàng (VNPAY-QR)", 5),
    ("AGRIBANK", "Ngân hàng Nông nghiệp (Agribank)", 1),
    ("ACB", "Ngân hàng Á Châu (ACB)", 1),
    ("BIDV", "Ngân hàng Đầu tư và Phát triển Việt Nam (BIDV)", 1),
    ("EXIMBANK", "Ngân hàng Eximbank", 1),
    ("HDBANK", "Ngân hàng HDBank", 1),
    ("MBBANK", "Ngân hàng Quân đội (MB)", 1),
    ("MSBANK", "Ngân hàng Hàng Hải (MSB)", 1),
    ("NAMABANK", "Ngân hàng Nam Á (NamABank)", 1),
    ("NCB", "Ngân hàng Quốc Dân (NCB)", 1),
    ("OCB", "Ngân hàng Phương Đông (OCB)", 1),
    ("SACOMBANK", "Ngân hàng Sài Gòn Thương Tín (Sacombank)", 1),
    ("SHB", "Ngân hàng Sài Gòn - Hà Nội (SHB)", 1),
    ("TECHCOMBANK", "Ngân hàng Kỹ thương Việt Nam (Techcombank)", 1),
    ("TPBANK", "Ngân hàng Tiên Phong (TPBank)", 1),
    ("VIB", "Ngân hàng Quốc tế Việt Nam (VIB)", 1),
    ("VIETCOMBANK", "Ngân hàng Ngoại thương (Vietcombank)", 1),
    ("VIETINBANK", "Ngân hàng Công thương (VietinBank)", 1),
    ("VPBANK", "Ngân hàng Việt Nam Thịnh vượng (VPBank)", 1),
    ("VISA", "Thẻ quốc tế Visa", 3),
    ("MASTERCARD", "Thẻ quốc tế Mastercard", 3),
    ("JCB", "Thẻ quốc tế JCB", 3),
)
"""Code, name and type, as public code has them; the type of cards is not public."""


@bp.route("/qrpayauth/api/merchant/get_bank_list", methods=["GET", "POST"])
def banks() -> Response:
    """List the banks of a terminal; of one that is not known none, which is not published."""
    if simulation().config.terminal(request.values.get("tmn_code", "")) is None:
        return jsonify([])
    told = (
        {"bank_code": code, "bank_name": name, "logo_link": f"~/images/bank/{code.lower()}_logo.png", "bank_type": kind}
        for code, name, kind in BANKS
    )
    return jsonify([{**each, "display_order": place} for place, each in enumerate(told, start=1)])
