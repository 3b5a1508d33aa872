"""A pay page as every gateway has one: it shows an order, and decides it."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, current_app, redirect, render_template
from werkzeug.wrappers import Response as Answer

from gateways.simulator.orders import Order
from gateways.simulator.protocols import PROTOCOLS
from gateways.simulator.scenarios import Scenario
from gateways.simulator.simulation import Decision, Simulation

_DECISION = {"decision": "pay", "code": "", "bank": "", "scenario": ""}


class PageRefused(Exception):
    """A page is not shown, or a driver's call is not done: an HTTP status and the reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def simulation() -> Simulation:
    """What this application simulates."""
    found: Simulation = current_app.extensions["simulation"]
    return found


def gateway_blueprint(name: str) -> Blueprint:
    """A gateway's blueprint: its endpoints are named like the calls that a trouble can befall."""
    made = Blueprint(name, __name__)
    made.register_error_handler(PageRefused, _refused)
    made.after_request(_no_store)
    return made


def shown(gateway: Simulation, order: Order) -> Answer | str:
    """Show what is to be paid; an order already decided, or planned to decide itself, sends the browser back at once."""
    plan = gateway.plan(order)
    if plan.get("automatic"):
        gateway.decide(order, Decision())
    if not order.decision and gateway.expired(order) and plan["scenario"] != Scenario.LATE:
        raise PageRefused(410, "the order has expired")
    return _answered(gateway, order)


def pressed(gateway: Simulation, order: Order, said: Callable[[str, str], object]) -> Answer | str:
    """Decide as the form says (decision, code, bank, scenario) and send the browser back."""
    gateway.decide(order, decision_of(said, order.gateway))
    return _answered(gateway, order)


def page_closed() -> Response:
    """Show no page: the gateway is under maintenance."""
    raise PageRefused(503, "the gateway is under maintenance")


def decision_of(said: Callable[[str, str], object], gateway: str = "") -> Decision:
    """Read a decision from form or JSON fields; a code is one of the gateway's, or of any. Raises PageRefused."""
    word, code, bank, scenario = (str(said(name, usual)) for name, usual in _DECISION.items())
    if word not in {"pay", "cancel", "fail"}:
        raise PageRefused(400, "decision: pay, cancel or fail")
    protocols = [PROTOCOLS[gateway]] if gateway else PROTOCOLS.values()
    if code and not any(protocol.refusal.fullmatch(code) for protocol in protocols):
        raise PageRefused(400, "code: none that this gateway refuses an order with")
    if scenario and scenario not in set(Scenario):
        raise PageRefused(400, f"scenario: one of {', '.join(Scenario)}")
    return Decision(word, code, bank[:20], Scenario(scenario) if scenario else None)


def _answered(gateway: Simulation, order: Order) -> Answer | str:
    protocol = PROTOCOLS[order.gateway]
    if not order.decision:
        return render_template("pay.html", order=order, protocol=protocol, english=protocol.english(order))
    back = gateway.returning(order)
    return redirect(back) if back else render_template("ended.html", order=order, protocol=protocol)


def _refused(error: PageRefused) -> tuple[str, int]:
    """Say why in plain words; the gateways' own error pages are not documented."""
    return render_template("refused.html", reason=str(error)), error.status


def _no_store(response: Response) -> Response:
    """Keep pages and answers out of every cache."""
    response.headers["Cache-Control"] = "no-store"
    return response
