"""Giving back: what becomes of a refund that the gateway's own rules let through, and of one they turn away."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass

from gateways.simulator.orders import Order
from gateways.simulator.protocols import PROTOCOLS
from gateways.simulator.refunds import REFUND_SCRIPTS, Refund, RefundState
from gateways.simulator.simulation import Simulation


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to give back whose form and signature are good."""

    gateway: str
    terminal: str
    reference: str
    original_reference: str
    amount: int
    asked_at: str
    info: str
    kind: str = ""
    asked_by: str = ""


def given_back(gateway: Simulation, order: Order) -> int:
    """How much of an order was given back, or may still be."""
    return sum(refund.amount for refund in gateway.books.refunds_of(order) if refund.taken)


def turn_away(gateway: Simulation, asked: Asked, order: Order | None, code: str) -> Refund:
    """Book a request that a rule refuses with this code."""
    refund = Refund(**asdict(asked), order_key=order.key if order else "", code=code)
    gateway.books.refund(refund)
    return refund


def give_back(gateway: Simulation, asked: Asked, order: Order) -> tuple[Refund, bool]:
    """Book what the scenario makes of a request; the second value says whether the connection is dropped instead of an answer.

    To be called with the books locked, after the rules were read from them.
    """
    protocol = PROTOCOLS[order.gateway]
    scenario = gateway.refund_scenario(order)
    script = REFUND_SCRIPTS[scenario]
    state, later, takes_s = script.state, script.later, gateway.config.delays.refund_s
    if state is RefundState.SENT and protocol.refund_takes_s(gateway.config):
        state, later, takes_s = RefundState.IN_PROCESS, RefundState.SENT, protocol.refund_takes_s(gateway.config)
    moment = gateway.moment(order.gateway)
    refund = Refund(
        **asdict(asked),
        order_key=order.key,
        code=protocol.refund_code(script.reply, state),
        scenario=scenario,
        state_at_once=state,
        state_later=later,
        later_at=time.time() + takes_s if later else 0.0,
        transaction=protocol.number(gateway.books.number(), moment) if state else "",
        pay_date=gateway.now(order.gateway) if state else "",
    )
    gateway.books.refund(refund)
    return refund, script.dropped
