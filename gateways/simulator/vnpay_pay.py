"""VNPAY's pay page: GET /paymentv2/vpcpay.html shows it, POST to the same URL decides."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import parse_qsl

from flask import Blueprint, Response, current_app, redirect, render_template, request
from werkzeug.wrappers import Response as Answer

from gateways.simulator.books import Order, OtherContents
from gateways.simulator.scenarios import Scenario
from gateways.simulator.simulation import Decision, Simulation
from gateways.simulator.vnpay_messages import url_signature_fits

bp = Blueprint("vnpay_pay", __name__)

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
_REFUSAL_CODE = re.compile("(?!00|24)[0-9]{2}")


class PageRefused(Exception):
    """The pay page is not shown: an HTTP status and the reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def simulation() -> Simulation:
    """The gateway this application simulates."""
    found: Simulation = current_app.extensions["simulation"]
    return found


def admitted(gateway: Simulation, query: str) -> Order:
    """Check a signed pay URL's query string and book its order. Raises PageRefused."""
    pairs = parse_qsl(query, keep_blank_values=True)
    fields = dict(pairs)
    terminal = gateway.config.terminal(fields.get("vnp_TmnCode", ""))
    if terminal is None:
        raise PageRefused(404, "vnp_TmnCode: no such terminal")
    if len(fields) != len(pairs) or not url_signature_fits(terminal.secret, fields):
        raise PageRefused(403, "vnp_SecureHash: wrong signature")
    for name, form in _FORMS.items():
        if not re.fullmatch(form, fields.get(name, "")):
            raise PageRefused(400, f"{name}: not as documented")
    try:
        return gateway.books.book(_order(gateway, fields))
    except OtherContents:
        raise PageRefused(409, "vnp_TxnRef: used today for another order") from None


@bp.errorhandler(PageRefused)
def refused(error: PageRefused) -> tuple[str, int]:
    """Say why in plain words; VNPAY's own error pages are not documented."""
    return render_template("refused.html", reason=str(error)), error.status


@bp.get("/paymentv2/vpcpay.html")
def show() -> Answer | str:
    """Show what is to be paid; an order already decided, or planned to decide itself, sends the browser back at once."""
    gateway = simulation()
    order = admitted(gateway, request.query_string.decode("ascii", "replace"))
    plan = gateway.plan(order)
    if plan.get("automatic"):
        gateway.decide(order, Decision())
    if order.decision:
        return redirect(gateway.returning(order))
    if gateway.expired(order) and plan["scenario"] != Scenario.LATE:
        raise PageRefused(410, "vnp_ExpireDate: the order has expired")
    return render_template("pay.html", order=order)


@bp.post("/paymentv2/vpcpay.html")
def decide() -> Answer | str:
    """Decide as the form says (decision, code, bank, scenario) and send the browser back."""
    gateway = simulation()
    order = admitted(gateway, request.query_string.decode("ascii", "replace"))
    gateway.decide(order, decision_of(request.form.get))
    return redirect(gateway.returning(order)) if order.decision else render_template("pay.html", order=order)


def decision_of(said: Callable[[str, str], object]) -> Decision:
    """Read a decision from form or JSON fields. Raises PageRefused."""
    word, code, bank, scenario = (str(said(name, usual)) for name, usual in _DECISION.items())
    if word not in {"pay", "cancel", "fail"}:
        raise PageRefused(400, "decision: pay, cancel or fail")
    if code and not _REFUSAL_CODE.fullmatch(code):
        raise PageRefused(400, "code: two digits, neither 00 nor 24")
    if scenario and scenario not in set(Scenario):
        raise PageRefused(400, f"scenario: one of {', '.join(Scenario)}")
    return Decision(word, code, bank[:20], Scenario(scenario) if scenario else None)


_DECISION = {"decision": "pay", "code": "", "bank": "NCB", "scenario": ""}


def _order(gateway: Simulation, fields: dict[str, str]) -> Order:
    return Order(
        terminal=fields["vnp_TmnCode"],
        reference=fields["vnp_TxnRef"],
        amount=int(fields["vnp_Amount"]) // 100,
        info=fields["vnp_OrderInfo"],
        created=fields["vnp_CreateDate"],
        expires=fields.get("vnp_ExpireDate", ""),
        return_url=fields["vnp_ReturnUrl"],
        contents={name: value for name, value in fields.items() if name != "vnp_SecureHash"},
        booked_at=gateway.now(),
    )


def no_store(response: Response) -> Response:
    """Keep pages and answers out of every cache."""
    response.headers["Cache-Control"] = "no-store"
    return response


bp.after_request(no_store)
