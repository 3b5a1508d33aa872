"""MoMo's create, and the page that payUrl opens."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qs

from flask import Response, request
from werkzeug.wrappers import Response as Answer

from gateways.simulator.books import OtherContents
from gateways.simulator.config import INSTANT
from gateways.simulator.encoding import page_key, page_key_fits, page_key_names
from gateways.simulator.fallen import fallen_by_amount
from gateways.simulator.momo import Momo
from gateways.simulator.momo_door import ID, Call, closed, once, opened, told
from gateways.simulator.momo_messages import CREATE, CREATED, signature
from gateways.simulator.orders import Fact, Order
from gateways.simulator.pages import PageRefused, gateway_blueprint, pressed, shown, simulation
from gateways.simulator.scenarios import Scenario
from gateways.simulator.simulation import Decision, Simulation

bp = gateway_blueprint(Momo.name)

LIMITS = {
    "captureWallet": (1_000, 50_000_000),
    "payWithATM": (10_000, 50_000_000),
    "payWithCC": (1_000, 50_000_000),
    "payWithMethod": (1_000, 50_000_000),
}
"""VND by requestType; those of payWithCC and payWithMethod are not published alike everywhere."""

_FORMS = {
    "partnerCode": ".{1,50}",
    "requestId": ".{1,50}",
    "amount": "[0-9]{1,12}",
    "orderId": f"(?=.{{1,200}}$){ID}",
    "orderInfo": "(?s:.{1,255})",
    "redirectUrl": r"https?://\S{1,2000}",
    # A path and nothing after it.
    "ipnUrl": r"https?://[^\s?#]{1,2000}",
    "requestType": "|".join(LIMITS),
    "extraData": "[0-9A-Za-z+/=]{0,1000}",
    "lang": "vi|en|",
    "orderExpireTime": "[0-9]{0,6}",
    "signature": "[0-9a-fA-F]{64}",
}


@bp.post("/v2/gateway/api/create")
def create() -> Response:
    """Book an order and say where it is paid; 0 means that, and not that it is paid."""
    call = opened(CREATE, _FORMS)
    if isinstance(call, Response):
        return call
    return fallen_by_amount(call.gateway, int(call["amount"]), closed) or once(call, "create", _created)


@bp.get("/v2/gateway/pay")
def page() -> Answer | str:
    """Show what is to be paid."""
    return shown(simulation(), admitted(simulation(), request.query_string.decode("ascii", "replace")))


@bp.post("/v2/gateway/pay")
def press() -> Answer | str:
    """Decide as the form says."""
    order = admitted(simulation(), request.query_string.decode("ascii", "replace"))
    return pressed(simulation(), order, request.form.get)


def admitted(gateway: Simulation, query: str) -> Order:
    """Find the order of a page's query string. Raises PageRefused."""
    key = parse_qs(query).get("t", [""])[0]
    terminal, reference = page_key_names(key)
    secret = _page_secret(gateway, terminal)
    order = gateway.books.find(Momo.name, terminal, reference)
    if not secret or order is None or not page_key_fits(secret, key):
        raise PageRefused(404, "t: no such order")
    return order


def _page_secret(gateway: Simulation, terminal: str) -> str:
    """What the pages' own keys are made with: the configured secret, so that a link outlives a rotation."""
    partner = gateway.config.partner(terminal)
    return partner.secret_key if partner else ""


def _created(call: Call) -> Fact:
    gateway, amount = call.gateway, int(call["amount"])
    least, most = LIMITS[call["requestType"]]
    if not least <= amount <= most:
        return told(call, "22", amount=amount)
    with gateway.books.lock:
        if gateway.books.find(Momo.name, call["partnerCode"], call["orderId"]):
            return told(call, "41", amount=amount)
        try:
            order = gateway.books.book(_order(call, amount))
        except OtherContents:
            return told(call, "41", amount=amount)
    if gateway.plan(order)["scenario"] == Scenario.EARLY:
        gateway.decide(order, Decision())
    key = page_key(_page_secret(gateway, order.terminal), order.terminal, order.reference)
    pay_url = f"{request.host_url}v2/gateway/pay?t={key}"
    answer = told(call, "0", amount=amount, payUrl=pay_url, deeplink="", qrCodeUrl="")
    return answer | {"signature": signature(call.partner, CREATED, answer)}


def _order(call: Call, amount: int) -> Order:
    gateway = call.gateway
    now, minutes = gateway.moment(Momo.name), call.fields.get("orderExpireTime", "")
    lives_s = int(minutes) * 60 if minutes else gateway.config.momo_expires_s
    contents = {"lang": "vi", "extraData": "", **call.fields}
    return Order(
        gateway=Momo.name,
        terminal=call["partnerCode"],
        reference=call["orderId"],
        amount=amount,
        info=call["orderInfo"],
        created=now.strftime(INSTANT),
        expires=(now + timedelta(seconds=lives_s)).strftime(INSTANT),
        return_url=call["redirectUrl"],
        contents=contents,
        booked_at=now.strftime(INSTANT),
        callback_url=call["ipnUrl"],
        status=Momo.open_status,
    )
