"""ZaloPay's create, and the page that order_url opens."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from urllib.parse import parse_qs

from flask import Response, request
from werkzeug.wrappers import Response as Answer

from gateways.simulator.config import GMT7, INSTANT
from gateways.simulator.encoding import page_key, page_key_fits, page_key_names
from gateways.simulator.fallen import fallen_by_amount
from gateways.simulator.orders import Fact, Order
from gateways.simulator.pages import PageRefused, gateway_blueprint, pressed, shown, simulation
from gateways.simulator.scenarios import Scenario
from gateways.simulator.simulation import Decision, Simulation
from gateways.simulator.zalopay import Zalopay
from gateways.simulator.zalopay_door import MAC, MILLISECONDS, Call, answered, closed, near, opened
from gateways.simulator.zalopay_messages import CREATE

bp = gateway_blueprint(Zalopay.name)

_FORMS = {
    "app_id": "[0-9]{1,10}",
    "app_user": ".{1,50}",
    "app_trans_id": "[0-9]{6}_[!-~]{1,33}",
    "app_time": MILLISECONDS,
    "expire_duration_seconds": "([0-9]{1,7})?",
    "amount": "[1-9][0-9]{0,14}",
    "description": "(?s:.{1,256})",
    "bank_code": "[0-9A-Za-z]{0,20}",
    "callback_url": r"(https?://\S{1,2000})?",
    "mac": MAC,
}
_SHORTEST_S, _LONGEST_S = 300, 2_592_000


@bp.post("/v2/create")
def create() -> Response:
    """Book an order and say where it is paid. The same app_trans_id is refused a second time."""
    call = opened(CREATE, _FORMS)
    if isinstance(call, Response):
        return call
    return fallen_by_amount(call.gateway, int(call["amount"]), closed) or _created(call)


@bp.get("/openinapp")
def page() -> Answer | str:
    """Show what is to be paid."""
    return shown(simulation(), admitted(simulation(), request.query_string.decode("ascii", "replace")))


@bp.post("/openinapp")
def press() -> Answer | str:
    """Decide as the form says."""
    order = admitted(simulation(), request.query_string.decode("ascii", "replace"))
    return pressed(simulation(), order, request.form.get)


def admitted(gateway: Simulation, query: str) -> Order:
    """Find the order of a page's query string. Raises PageRefused."""
    key = parse_qs(query).get("order", [""])[0]
    terminal, reference = page_key_names(key)
    app = gateway.config.app(terminal)
    order = gateway.books.find(Zalopay.name, terminal, reference)
    if app is None or order is None or not page_key_fits(app.key2, key):
        raise PageRefused(404, "order: no such order")
    return order


def _created(call: Call) -> Response:
    gateway, now = call.gateway, call.gateway.moment(Zalopay.name)
    embedded, items = _read(call, "embed_data"), _read(call, "item")
    life_s = int(call.fields.get("expire_duration_seconds") or gateway.config.zalopay_expires_s)
    todays = call["app_trans_id"].startswith(f"{now:%y%m%d}_") and near(gateway, call["app_time"])
    if not isinstance(embedded, dict) or not isinstance(items, list) or not todays:
        return answered(2, -401)
    if "expire_duration_seconds" in call.fields and not _SHORTEST_S <= life_s <= _LONGEST_S:
        return answered(2, -401)
    with gateway.books.lock:
        if gateway.books.find(Zalopay.name, call["app_id"], call["app_trans_id"]):
            return answered(2, -68)
        order = gateway.books.book(_order(call, now, life_s, str(embedded.get("redirecturl", ""))))
    if gateway.plan(order)["scenario"] == Scenario.EARLY:
        gateway.decide(order, Decision())
    key = page_key(call.app.key2, order.terminal, order.reference)
    url = f"{request.host_url}openinapp?order={key}"
    return answered(1, 1, zp_trans_token=key, order_token=key, order_url=url, cashier_order_url=url, qr_code="")


def _read(call: Call, name: str) -> Fact | list[object] | None:
    try:
        read: Fact | list[object] | None = json.loads(call.fields.get(name, ""))
    except ValueError:
        return None
    return read


def _order(call: Call, now: datetime, life_s: int, return_url: str) -> Order:
    created = datetime.fromtimestamp(int(call["app_time"]) / 1000, GMT7)
    return Order(
        gateway=Zalopay.name,
        terminal=call["app_id"],
        reference=call["app_trans_id"],
        amount=int(call["amount"]),
        info=call["description"],
        created=created.strftime(INSTANT),
        expires=(created + timedelta(seconds=life_s)).strftime(INSTANT),
        return_url=return_url if return_url.startswith(("http://", "https://")) else "",
        contents=dict(call.fields),
        booked_at=now.strftime(INSTANT),
        callback_url=call.fields.get("callback_url", ""),
        status=Zalopay.open_status,
    )
