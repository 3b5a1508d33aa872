"""What a driver tells the simulator and asks of it, under /simulator/."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, jsonify, request

from gateways.simulator import momo_pay, vnpay_pay, zalopay_pay
from gateways.simulator.collected import Collected
from gateways.simulator.magic import MAGIC
from gateways.simulator.orders import Fact, Order
from gateways.simulator.pages import PageRefused, decision_of, simulation
from gateways.simulator.payouts import reference_of
from gateways.simulator.plans import day_of, disagreement, planned, refund_planned, troubled
from gateways.simulator.protocols import PROTOCOLS, protocol_of_terminal
from gateways.simulator.refunds import Refund
from gateways.simulator.settlement import written
from gateways.simulator.simulation import Simulation

bp: Blueprint = Blueprint("control", __name__, url_prefix="/simulator")

_PAGES: tuple[tuple[str, Callable[[Simulation, str], Order]], ...] = (
    ("/v2/gateway/pay", momo_pay.admitted),
    ("/openinapp", zalopay_pay.admitted),
    ("", vnpay_pay.admitted),
)


@bp.errorhandler(PageRefused)
def refused(error: PageRefused) -> tuple[Response, int]:
    """Say why as JSON."""
    return jsonify({"error": str(error)}), error.status


@bp.post("/scenarios")
def plan() -> tuple[Response, int]:
    """Plan what becomes of one order by its reference, or of every order that nobody planned for."""
    return _recorded(planned)


@bp.post("/refund-scenarios")
def plan_refunds() -> tuple[Response, int]:
    """Plan what becomes of the refunds of one order by its reference, or of every order that nobody planned for."""
    return _recorded(refund_planned)


@bp.post("/troubles")
def trouble() -> tuple[Response, int]:
    """Let something be wrong with a gateway from now on, for a while or until `none`."""
    return _recorded(troubled)


@bp.get("/troubles")
def troubles() -> Response:
    """Show what is wrong now."""
    return jsonify({"troubles": simulation().troubles.now()})


@bp.post("/payments")
def pay() -> Response:
    """Decide the order of a pay URL without any page; a scenario `early` has told the hub when this answers."""
    gateway = simulation()
    (told,) = objects()[:1] or [{}]
    url = urlsplit(str(told.get("pay_url", "")))
    order = next(admitted for path, admitted in _PAGES if url.path.endswith(path))(gateway, url.query)
    gateway.decide(order, decision_of(told.get, order.gateway))
    return jsonify({"order": shown(gateway, order), "return_url": gateway.returning(order)})


@bp.post("/disagreements")
def disagree() -> tuple[Response, int]:
    """Plan lines in which the settlement file will disagree."""
    gateway = simulation()
    told = [disagreement(gateway, each) for each in objects()]
    for each in told:
        gateway.books.record({"fact": "disagreed", "disagreement": {**each, "number": str(gateway.books.number())}})
    return jsonify({"planned": len(told)}), 201


@bp.get("/settlements/<terminal>/<day>.csv")
def settlement(terminal: str, day: str) -> Response:
    """Write the day's settlement file (GMT+7) of one merchant's account from the books as they are now."""
    gateway = simulation()
    protocol = protocol_of_terminal(gateway.config, terminal)
    if protocol is None:
        raise PageRefused(404, "no such terminal")
    on = day_of(day)
    text = written(Collected(gateway, terminal).on(on), reference_of(gateway.config.seed, terminal, on), protocol.layout)
    return Response(text, content_type="text/csv; charset=utf-8")


@bp.get("/books")
def books() -> Response:
    """Show the books, of one merchant's account or of all."""
    gateway = simulation()
    terminal = request.args.get("terminal")
    with gateway.books.lock:
        orders = [shown(gateway, order) for order in gateway.books.of_terminal(terminal)]
        told = [each for each in gateway.books.disagreements if terminal in {None, each["terminal"]}]
        refunds = [shown_refund(refund) for refund in gateway.books.refunds if terminal in {None, refund.terminal}]
    return jsonify({"now": gateway.now(), "orders": orders, "refunds": refunds, "disagreements": told})


@bp.get("/magic-amounts")
def magic_amounts() -> Response:
    """Show what an amount's last three digits mean, and whether they mean anything here."""
    return jsonify({"on": simulation().config.magic_amounts, "amounts": {f"{end:03}": asdict(each) for end, each in MAGIC.items()}})


def shown(gateway: Simulation, order: Order) -> Fact:
    """An order with its messages and queries; before it is decided its scenario is the planned one."""
    names = ("id", "tells", "method", "query", "body", "due_at", "tries")
    with gateway.books.lock:
        fact = asdict(order)
        ipns = [
            {"finished": gateway.courier.finished(message), **{name: getattr(message, name) for name in names}}
            for message in order.messages
        ]
    del fact["contents"], fact["repeat"], fact["messages"]
    return {**fact, "scenario": fact["scenario"] or gateway.plan(order)["scenario"], "ipns": ipns}


def shown_refund(refund: Refund) -> Fact:
    """A refund with its state as it is now, in our word and in the gateway's."""
    names = ("gateway", "terminal", "reference", "original_reference", "kind", "amount", "asked_by", "asked_at", "info")
    told = {name: getattr(refund, name) for name in (*names, "scenario", "code", "state", "taken", "transaction", "pay_date")}
    return {**told, "status": PROTOCOLS[refund.gateway].refund_statuses[refund.state]}


def _recorded(read: Callable[[Fact], Fact]) -> tuple[Response, int]:
    facts = [read(each) for each in objects()]
    for fact in facts:
        simulation().books.record(fact)
    return jsonify({"planned": len(facts)}), 201


def objects() -> list[Fact]:
    """Read the objects of a request. Raises PageRefused."""
    read: Any = request.get_json(force=True, silent=True)
    objects = read if isinstance(read, list) else [read]
    if not all(isinstance(each, dict) for each in objects):
        raise PageRefused(400, "a JSON object or a list of them is wanted")
    return objects
