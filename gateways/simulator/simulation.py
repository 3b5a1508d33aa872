"""The simulated gateways: their books, their courier, and what they decide. Nothing here knows a protocol."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

from gateways.simulator.books import Books
from gateways.simulator.config import ACCOUNT, GMT7, INSTANT, SimulatorConfig, SimulatorRefused
from gateways.simulator.courier import Courier
from gateways.simulator.encoding import moment_of
from gateways.simulator.keyring import Keyring
from gateways.simulator.magic import magic_of
from gateways.simulator.orders import Fact, Message, Order, State
from gateways.simulator.protocol import Protocol
from gateways.simulator.protocols import PROTOCOLS, merchants
from gateways.simulator.refunds import RefundScenario
from gateways.simulator.scenarios import SCRIPTS, Ending, Scenario, Script, Tells, drawn, unpaid
from gateways.simulator.troubles import Troubles


@dataclass(frozen=True, slots=True)
class Decision:
    """What the citizen does on the pay page: `pay`, `cancel`, or `fail` with a code of the gateway's."""

    word: str = "pay"
    code: str = ""
    bank: str = ""
    scenario: Scenario | None = None


class Simulation:
    """The gateways behind the pages. Raises SimulatorRefused outside test mode and for settings that make no sense."""

    def __init__(self, config: SimulatorConfig) -> None:
        _check(config)
        self.config = config
        self.books = Books(config.books_path)
        self.troubles = Troubles(self.books, config.seed)
        self.keyring = Keyring(config, self.books)
        self.courier = Courier(config, self.books, self.now, self.keyring.signing)
        self.courier.start()

    def close(self) -> None:
        """Stop sending and close the books; what was due is sent by the next simulator with the same books."""
        self.troubles.closing.set()
        self.courier.close()
        self.books.close()

    def moment(self, gateway: str = "") -> datetime:
        """Tell the time in GMT+7, as a gateway's clock has it where one is named."""
        return self.config.clock().astimezone(GMT7) + timedelta(seconds=self.troubles.skew_s(gateway) if gateway else 0.0)

    def now(self, gateway: str = "") -> str:
        """The same as yyyyMMddHHmmss."""
        return self.moment(gateway).strftime(INSTANT)

    def expired(self, order: Order) -> bool:
        """Whether the order can no longer be paid."""
        return bool(order.expires) and self.now(order.gateway) > order.expires

    def plan(self, order: Order) -> Fact:
        """Find what was planned for this order, else what its amount says, else what was planned for any; `mix` is resolved."""
        plan = self._planned(order)
        if "scenario" not in plan:
            key = str(order.ordinal) if self.config.mix_by == "ordinal" else f"{order.info}|{order.repeat}"
            plan = {**plan, "scenario": drawn(self.config.seed, plan.get("mix", self.config.mix), key)}
        return plan if plan["scenario"] not in PROTOCOLS[order.gateway].cannot else {**plan, "scenario": Scenario.PAID}

    def refund_scenario(self, order: Order) -> RefundScenario:
        """Find what was planned for this order's refunds, else what its amount says, else what was planned for any order's."""
        planned, gateway = self.books.refund_scenarios, order.gateway
        own = planned.get((gateway, order.reference)) or planned.get(("", order.reference))
        magic = magic_of(order.amount).refund if self.config.magic_amounts else RefundScenario.ACCEPTED
        if not own and magic is not RefundScenario.ACCEPTED:
            return magic
        return RefundScenario(own or planned.get((gateway, "")) or planned.get(("", "")) or RefundScenario.ACCEPTED)

    def decide(self, order: Order, decision: Decision) -> None:
        """Decide an order once, book it, and send its messages as its scenario has it. An abandoned order stays undecided."""
        protocol = PROTOCOLS[order.gateway]
        with self.books.lock:
            plan = self.plan(order)
            scenario = decision.scenario or Scenario(plan["scenario"])
            scenario = Scenario.PAID if scenario in protocol.cannot else scenario
            if order.decision or scenario is Scenario.ABANDONED:
                return
            script, code = self._script(order, scenario, decision, plan.get("code", ""))
            books, messages = self._consequences(protocol, order, script, code, decision.bank)
            told = {"decision": decision.word, "scenario": scenario, **({} if script.held else books)}
            sent = [asdict(message) for message in messages]
            self.books.record({"fact": "decided", "key": order.key, "books": told, "messages": sent})
        if script.at_once and order.messages:
            self.courier.send(order.messages[0])
        elif order.messages:
            self.courier.schedule(order.messages[0])

    def returning(self, order: Order) -> str:
        """Where the browser goes after the decision, with the signed result; empty where the order did not say."""
        return PROTOCOLS[order.gateway].returning(self.keyring.signing(), order)

    def _planned(self, order: Order) -> Fact:
        plans, gateway = self.books.scenarios, order.gateway
        own = plans.get((gateway, order.reference)) or plans.get(("", order.reference))
        magic = magic_of(order.amount)
        if not own and self.config.magic_amounts and magic.scenario is not Scenario.PAID:
            return {"scenario": magic.scenario, "code": PROTOCOLS[gateway].causes.get(magic.cause, "")}
        return own or plans.get((gateway, "")) or plans.get(("", "")) or {}

    def _script(self, order: Order, scenario: Scenario, decision: Decision, planned: str) -> tuple[Script, str]:
        script = SCRIPTS[scenario]
        if self.expired(order):
            late = scenario is Scenario.LATE and decision.word == "pay"
            return (Script() if late else unpaid(script, Ending.EXPIRED)), ""
        if decision.word == "cancel":
            return unpaid(script, Ending.CANCELLED), ""
        if decision.word == "fail":
            return unpaid(script, Ending.REFUSED), decision.code
        code = decision.code or planned
        return script, code if PROTOCOLS[order.gateway].refusal.fullmatch(code) else ""

    def _consequences(
        self, protocol: Protocol, order: Order, script: Script, code: str, bank: str
    ) -> tuple[Fact, Sequence[Message]]:
        moment, held_s = self.moment(order.gateway), 0.0
        if script.held and order.expires:
            expires = moment_of(order.expires)
            held_s = (expires - moment).total_seconds()
            moment = expires + timedelta(seconds=self.config.delays.late_s)
        ended = protocol.ended(script.ending, code, bank)
        books = {
            "state": State.PAID if script.ending is Ending.PAID else State.UNPAID,
            "code": ended.code,
            "status": ended.status,
            "transaction": protocol.number(self.books.number(), moment) if ended.numbered else "",
            "bank": ended.bank,
            "pay_date": moment.strftime(INSTANT),
        }
        return books, self._messages(protocol, order, script, books, time.time() + held_s)

    def _messages(self, protocol: Protocol, order: Order, script: Script, books: Fact, due_at: float) -> list[Message]:
        ended = replace(order, **books)
        messages: list[Message] = []
        for place, telling in enumerate(script.messages, 1):
            due_at += 0.0 if script.at_once else getattr(self.config.delays, telling.after)
            taken_back = {"state": State.REVERSED, "status": protocol.reversed_status} if telling.tells is Tells.REVERSAL else {}
            told = protocol.told(self.keyring.signing(), ended, telling.tells)
            if told:
                before = messages[-1].id if messages else ""
                then = books if script.held else taken_back
                sent = (told.method, told.query, told.body, before, then)
                messages.append(Message(f"{order.key}#{place}", order.key, telling.tells, due_at, *sent))
        return messages


def _check(config: SimulatorConfig) -> None:
    if config.mode != "test":
        raise SimulatorRefused(f"the simulator runs in test mode only, not in {config.mode!r}")
    if config.mix.keys() - set(Scenario) or sum(config.mix.values()) < 1 or min(config.mix.values()) < 0:
        raise SimulatorRefused("mix: scenario names with weights of 0 and more, not all 0")
    if not all(ipn_url.startswith(("http://", "https://")) for _, ipn_url in config.terminals.values()):
        raise SimulatorRefused("terminals: an IPN URL is http or https")
    codes = merchants(config)
    if len(codes) != len(set(codes)):
        raise SimulatorRefused("terminals, momo, zalopay: a code stands for one merchant's account")
    if config.terms.keys() - set(codes) or not all(terms.possible for terms in config.terms.values()):
        raise SimulatorRefused("terms: of a merchant's account, whole amounts of 0 and more, no maximum below the minimum")
    if not ACCOUNT.fullmatch(config.bank_account):
        raise SimulatorRefused("bank_account: letters and digits, 34 at most")
