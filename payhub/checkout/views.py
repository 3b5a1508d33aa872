"""The citizen's page of one payment, and its one form. The link is the leave to see and to pay."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from flask import Response, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Answer

from gateways.base import Outcome
from gateways.codes import Code
from gateways.errors import GatewayError
from payhub import ids, text
from payhub.checkout import bills
from payhub.checkout.bills import Bill, Page
from payhub.checkout.errors import ForeignForm, FormNotReadable, NoSuchPage
from payhub.checkout.pages import base_origins, page_blueprint, refresh_s
from payhub.checkout.ways import banks, chosen, ways
from payhub.checkout.ways import shown as shown_ways
from payhub.exchange import ExchangeError
from payhub.http import the_hub
from payhub.hub import Hub
from payhub.identifiers import network_address
from payhub.payments import attempts
from payhub.payments.links import payment_of

bp = page_blueprint("checkout", __name__)
_LARGEST_FORM = 4096
_EVERY_METHOD = ["GET", "POST", "PUT", "PATCH", "DELETE"]


@bp.get("/pay/<token>")
def pay(token: str) -> Response:
    """Show what is owed and how to pay it, or what became of it."""
    hub = the_hub()
    bill = bills.read(hub, _opened(hub, token))
    text.speak(request.args.get("lang") or bill.payment.language)
    again = bill.page is Page.PROCESSING and bill.payable and "again" in request.args
    asking = bill.page is Page.OPEN or again
    waiting = bill.page is Page.PROCESSING and not again
    form_token, offered = uuid.uuid4(), ways(hub, bill) if asking else ()
    shown: dict[str, Any] = {
        "bill": bill,
        "token": token,
        "again": again,
        "ways": offered,
        "banks": banks(hub, offered),
        "offered": shown_ways(hub, form_token, offered),
        "told": _told(hub, bill.ended) if asking and bill.ended else None,
        "form_token": form_token,
        "refresh_s": refresh_s(bill.now - bill.undecided.ordered_at) if waiting else None,
        "way_names": hub.registers.gateway_accounts_by_id,
        "back": _back(hub, bill),
        "live": hub.settings.live,
    }
    return make_response(render_template(f"checkout/{'open' if asking else bill.page}.html", **shown))


@bp.post("/pay/<token>/start")
def start(token: str) -> Answer:
    """Start an attempt and send the citizen to the gateway; back to the page where the payment takes none any more."""
    hub = the_hub()
    payment_id = _opened(hub, token)
    _demand_own_form(hub)
    way, form_token = _form()
    choice = chosen(hub, form_token, request.form.get("offered", ""), way)
    address = network_address(request.remote_addr) or "127.0.0.1"
    to = attempts.start(hub, payment_id, way, form_token, address, choice, bank=request.form.get(f"bank/{way}", ""))
    return redirect(to.url, 303) if to else _page(token)


@bp.get("/pay/<token>/start")
def started(token: str) -> Answer:
    """Take a browser that asks for the form's address again back to the page."""
    return _page(token)


@bp.route("/pay", methods=_EVERY_METHOD)
@bp.route("/pay/", methods=_EVERY_METHOD)
@bp.route("/pay/<path:anything>", methods=_EVERY_METHOD)
def nothing(anything: str = "") -> Response:  # noqa: ARG001 - whatever it is
    """Say that nothing is here, in words for a person."""
    raise NoSuchPage


@bp.errorhandler(ExchangeError)
@bp.errorhandler(GatewayError)
def not_answered(_: Exception) -> Answer:
    """The gateway's answer to Start is missing: the attempt stands and is asked about, as the page says."""
    return _page((request.view_args or {})["token"])


def _opened(hub: Hub, token: str) -> uuid.UUID:
    payment_id = payment_of(hub, token)
    if payment_id is None:
        raise NoSuchPage
    return payment_id


def _demand_own_form(hub: Hub) -> None:
    origin = request.headers.get("Origin")
    if origin is not None and origin not in base_origins(hub):
        raise ForeignForm


def _form() -> tuple[str, uuid.UUID]:
    request.max_content_length = _LARGEST_FORM
    try:
        return request.form.get("way", ""), uuid.UUID(request.form.get("form_token", ""))
    except ValueError:
        raise FormNotReadable from None


def _page(token: str) -> Answer:
    return redirect(url_for("checkout.pay", token=token, lang=request.args.get("lang")), 303)


def _told(hub: Hub, attempt: Any) -> Code[Outcome] | None:
    """Return what the gateway's code for an attempt without money tells the citizen."""
    account = hub.registers.gateway_accounts_by_id[attempt.gateway_account_id]
    gateway = hub.gateways.get(account.gateway)
    return gateway.codes.explain(attempt.raw_code) if gateway and attempt.raw_code else None


def _back(hub: Hub, bill: Bill) -> str | None:
    """Return the portal's own address with what became of the payment added; everything in it stays as the portal wrote it."""
    address = bill.return_url
    if address is None:
        return None
    url = urlsplit(address)
    told = urlencode({"payment": ids.public_id("pay", bill.payment.id, hub.settings.mode), "state": bill.state})
    return urlunsplit(url._replace(query=f"{url.query}&{told}" if url.query else told))
