"""VNPAY's pay page: GET /paymentv2/vpcpay.html shows it, POST to the same URL decides."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

from flask import request
from werkzeug.wrappers import Response as Answer

from gateways.simulator.books import OtherContents
from gateways.simulator.fallen import fallen_by_amount
from gateways.simulator.orders import Order
from gateways.simulator.pages import PageRefused, gateway_blueprint, page_closed, pressed, shown, simulation
from gateways.simulator.simulation import Simulation
from gateways.simulator.vnpay import Vnpay
from gateways.simulator.vnpay_messages import url_signature_fits

bp = gateway_blueprint(Vnpay.name)

_FORMS: dict[str, str] = {
    "vnp_Version": r"2\.1\.0",
    "vnp_Command": "pay",
    "vnp_Amount": r"[1-9][0-9]{0,9}00",
    "vnp_CreateDate": "[0-9]{14}",
    "vnp_ExpireDate": "([0-9]{14})?",
    "vnp_CurrCode": "VND",
    "vnp_IpAddr": r"[0-9A-Fa-f.:]{2,45}",
    "vnp_Locale": "vn|en",
    "vnp_OrderInfo": r"[ -~]{1,255}",
    "vnp_OrderType": "[0-9A-Za-z]{1,100}",
    "vnp_ReturnUrl": r"https?://\S{1,255}",
    "vnp_TxnRef": r"[!-~]{1,100}",
}


def admitted(gateway: Simulation, query: str) -> Order:
    """Check a signed pay URL's query string and book its order. Raises PageRefused."""
    pairs = parse_qsl(query, keep_blank_values=True)
    fields = dict(pairs)
    live = gateway.keyring.live(Vnpay.name, fields.get("vnp_TmnCode", ""))
    if not live:
        raise PageRefused(404, "vnp_TmnCode: no such terminal")
    if len(fields) != len(pairs) or not any(url_signature_fits(secret, fields) for secret, _ in live):
        raise PageRefused(403, "vnp_SecureHash: wrong signature")
    for name, form in _FORMS.items():
        if not re.fullmatch(form, fields.get(name, "")):
            raise PageRefused(400, f"{name}: not as documented")
    try:
        return gateway.books.book(_order(gateway, fields))
    except OtherContents:
        raise PageRefused(409, "vnp_TxnRef: used today for another order") from None


@bp.get("/paymentv2/vpcpay.html")
def page() -> Answer | str:
    """Show what is to be paid."""
    gateway = simulation()
    order = admitted(gateway, request.query_string.decode("ascii", "replace"))
    return fallen_by_amount(gateway, order.amount, page_closed) or shown(gateway, order)


@bp.post("/paymentv2/vpcpay.html")
def press() -> Answer | str:
    """Decide as the form says."""
    order = admitted(simulation(), request.query_string.decode("ascii", "replace"))
    return pressed(simulation(), order, request.form.get)


def _order(gateway: Simulation, fields: dict[str, str]) -> Order:
    return Order(
        gateway=Vnpay.name,
        terminal=fields["vnp_TmnCode"],
        reference=fields["vnp_TxnRef"],
        amount=int(fields["vnp_Amount"]) // 100,
        info=fields["vnp_OrderInfo"],
        created=fields["vnp_CreateDate"],
        expires=fields.get("vnp_ExpireDate", ""),
        return_url=fields["vnp_ReturnUrl"],
        contents={name: value for name, value in fields.items() if name != "vnp_SecureHash"},
        booked_at=gateway.now(Vnpay.name),
        day=fields["vnp_CreateDate"][:8],
        status=Vnpay.open_status,
    )
