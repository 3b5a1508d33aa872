"""What a driver tells the simulator and asks of it, under /simulator/."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, jsonify, request

from gateways.simulator.books import Fact, Order
from gateways.simulator.refunds import Refund, RefundScenario
from gateways.simulator.scenarios import Scenario
from gateways.simulator.settlement import DISAGREEMENTS, disagreed, payments_of, refunds_of, written
from gateways.simulator.simulation import Simulation
from gateways.simulator.vnpay_pay import PageRefused, admitted, decision_of, simulation

bp = Blueprint("control", __name__, url_prefix="/simulator")


@bp.errorhandler(PageRefused)
def refused(error: PageRefused) -> tuple[Response, int]:
    """Say why as JSON."""
    return jsonify({"error": str(error)}), error.status


@bp.post("/scenarios")
def plan() -> tuple[Response, int]:
    """Plan what becomes of one order by its reference, or of every order that nobody planned for."""
    gateway = simulation()
    plans = [_planned(each) for each in _objects()]
    for fact in plans:
        gateway.books.record(fact)
    return jsonify({"planned": len(plans)}), 201


@bp.post("/refund-scenarios")
def plan_refunds() -> tuple[Response, int]:
    """Plan what becomes of the refunds of one order by its reference, or of every order that nobody planned for."""
    gateway = simulation()
    plans = [_refund_planned(each) for each in _objects()]
    for fact in plans:
        gateway.books.record(fact)
    return jsonify({"planned": len(plans)}), 201


@bp.post("/payments")
def pay() -> Response:
    """Decide the order of a signed pay URL without any page; a scenario `early` has told the hub when this answers."""
    gateway = simulation()
    (told,) = _objects()[:1] or [{}]
    order = admitted(gateway, urlsplit(str(told.get("pay_url", ""))).query)
    gateway.decide(order, decision_of(told.get))
    return jsonify({"order": shown(gateway, order), "return_url": gateway.returning(order)})


@bp.post("/disagreements")
def disagree() -> tuple[Response, int]:
    """Plan lines in which the settlement file will disagree."""
    gateway = simulation()
    told = [_disagreement(gateway, each) for each in _objects()]
    for each in told:
        gateway.books.record({"fact": "disagreed", "disagreement": {**each, "number": gateway.books.number()}})
    return jsonify({"planned": len(told)}), 201


@bp.get("/settlements/<terminal>/<day>.csv")
def settlement(terminal: str, day: str) -> Response:
    """Write the day's settlement file (GMT+7) of one terminal from the books as they are now."""
    gateway = simulation()
    if gateway.config.terminal(terminal) is None:
        raise PageRefused(404, "no such terminal")
    planned = [each for each in gateway.books.disagreements if each["terminal"] == terminal]
    orders, on = gateway.books.of_terminal(terminal), _day(day)
    lines = payments_of(orders, on) + refunds_of(gateway.books.refunds, orders, on, by=gateway.config.refund_lines_by)
    text = written(disagreed(lines, planned, on))
    return Response(text, content_type="text/csv; charset=utf-8")


@bp.get("/books")
def books() -> Response:
    """Show the books, of one terminal or of all."""
    gateway = simulation()
    terminal = request.args.get("terminal")
    with gateway.books.lock:
        orders = [shown(gateway, order) for order in gateway.books.of_terminal(terminal)]
        planned = [each for each in gateway.books.disagreements if terminal in {None, each["terminal"]}]
        refunds = [shown_refund(refund) for refund in gateway.books.refunds if terminal in {None, refund.terminal}]
    return jsonify({"now": gateway.now(), "orders": orders, "refunds": refunds, "disagreements": planned})


def shown(gateway: Simulation, order: Order) -> Fact:
    """An order with its IPNs and queries; before it is decided its scenario is the planned one."""
    with gateway.books.lock:
        fact = asdict(order)
    ipns = [{name: each[name] for name in ("id", "tells", "query", "due_at", "tries")} for each in fact.pop("messages")]
    del fact["contents"], fact["repeat"]
    return {**fact, "scenario": fact["scenario"] or gateway.plan(order)["scenario"], "ipns": ipns}


def shown_refund(refund: Refund) -> Fact:
    """A refund with its status as it is now."""
    names = ("terminal", "reference", "original_reference", "kind", "amount", "asked_by", "asked_at", "info", "scenario", "code")
    return {name: getattr(refund, name) for name in (*names, "status", "taken", "transaction", "pay_date")}


def _objects() -> list[Fact]:
    read: Any = request.get_json(force=True, silent=True)
    objects = read if isinstance(read, list) else [read]
    if not all(isinstance(each, dict) for each in objects):
        raise PageRefused(400, "a JSON object or a list of them is wanted")
    return objects


def _planned(told: Fact) -> Fact:
    reference = "" if told.get("default") else told.get("reference")
    told_plan = {name: told[name] for name in ("scenario", "mix", "code", "automatic") if name in told}
    if not isinstance(reference, str) or told.keys() - told_plan.keys() - {"default", "reference"}:
        raise PageRefused(400, "wanted: reference or default, with scenario or mix, and code, automatic if you like")
    scenarios = told_plan.get("mix", {str(told_plan.get("scenario")): 1})
    if not isinstance(scenarios, dict) or not scenarios or scenarios.keys() - set(Scenario):
        raise PageRefused(400, f"scenario: one of {', '.join(Scenario)}")
    if any(type(weight) is not int or weight < 0 for weight in scenarios.values()) or not any(scenarios.values()):
        raise PageRefused(400, "mix: whole weights of 0 and more, not all 0")
    decision_of({"code": told_plan.get("code", "")}.get)
    return {"fact": "planned", "reference": reference, "plan": told_plan}


def _refund_planned(told: Fact) -> Fact:
    reference = "" if told.get("default") else told.get("reference")
    if not isinstance(reference, str) or told.keys() - {"default", "reference", "scenario"}:
        raise PageRefused(400, "wanted: reference (of the order) or default, with scenario")
    if told.get("scenario") not in tuple(RefundScenario):
        raise PageRefused(400, f"scenario: one of {', '.join(RefundScenario)}")
    return {"fact": "refund_planned", "reference": reference, "scenario": told["scenario"]}


def _disagreement(gateway: Simulation, told: Fact) -> Fact:
    kind = told.get("kind")
    wanted = ("kind", "terminal", "date") if kind == "extra" else ("kind", "terminal", "reference")
    if kind not in (*DISAGREEMENTS, "extra") or any(not isinstance(told.get(name), str) for name in wanted):
        raise PageRefused(400, "wanted: kind, terminal and reference (extra: date)")
    if told.keys() - {*wanted, "reference", "amount"} or type(told.get("amount", 1)) is not int:
        raise PageRefused(400, "besides those only amount, in whole VND, and for extra a reference")
    if gateway.config.terminal(told["terminal"]) is None:
        raise PageRefused(404, "no such terminal")
    if kind == "extra":
        _day(told["date"])
    return told


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise PageRefused(400, "a date is yyyy-mm-dd") from None
