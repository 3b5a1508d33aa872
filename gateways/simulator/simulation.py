"""One simulated gateway: its books, its courier, and what it decides."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from gateways.simulator.books import Books, Fact, Message, Order
from gateways.simulator.config import GMT7, INSTANT, SimulatorConfig, SimulatorRefused
from gateways.simulator.courier import Courier
from gateways.simulator.refunds import RefundScenario
from gateways.simulator.scenarios import SCRIPTS, Scenario, Script, Tells, drawn, unpaid
from gateways.simulator.vnpay_messages import Result, result_of, statement

_EXPIRED = "11"


@dataclass(frozen=True, slots=True)
class Decision:
    """What the citizen does on the pay page: `pay`, `cancel`, or `fail` with a response code."""

    word: str = "pay"
    code: str = ""
    bank: str = "NCB"
    scenario: Scenario | None = None


class Simulation:
    """The gateway behind the pages. Raises SimulatorRefused outside test mode and for settings that make no sense."""

    def __init__(self, config: SimulatorConfig) -> None:
        if config.mode != "test":
            raise SimulatorRefused(f"the simulator runs in test mode only, not in {config.mode!r}")
        if config.mix.keys() - set(Scenario) or sum(config.mix.values()) < 1 or min(config.mix.values()) < 0:
            raise SimulatorRefused("mix: scenario names with weights of 0 and more, not all 0")
        if not all(ipn_url.startswith(("http://", "https://")) for _, ipn_url in config.terminals.values()):
            raise SimulatorRefused("terminals: an IPN URL is http or https")
        self.config = config
        self.books = Books(config.books_path)
        self.courier = Courier(config, self.books)
        self.courier.start()

    def close(self) -> None:
        """Stop sending and close the books; what was due is sent by the next simulator with the same books."""
        self.courier.close()
        self.books.close()

    def now(self) -> str:
        """Tell the time in GMT+7 as yyyyMMddHHmmss."""
        return self.config.clock().astimezone(GMT7).strftime(INSTANT)

    def expired(self, order: Order) -> bool:
        """Whether the order's vnp_ExpireDate has passed."""
        return bool(order.expires) and self.now() > order.expires

    def plan(self, order: Order) -> Fact:
        """Find what was planned for this order, else for any order; `mix` is resolved to a scenario."""
        plan = self.books.scenarios.get(order.reference) or self.books.scenarios.get("") or {}
        if "scenario" in plan:
            return plan
        key = str(order.ordinal) if self.config.mix_by == "ordinal" else f"{order.info}|{order.repeat}"
        return {**plan, "scenario": drawn(self.config.seed, plan.get("mix", self.config.mix), key)}

    def refund_scenario(self, order: Order) -> RefundScenario:
        """Find what was planned for this order's refunds, else for any order's."""
        planned = self.books.refund_scenarios
        return RefundScenario(planned.get(order.reference) or planned.get("") or RefundScenario.ACCEPTED)

    def decide(self, order: Order, decision: Decision) -> None:
        """Decide an order once, book it, and send its IPNs as its scenario has it. An abandoned order stays undecided."""
        with self.books.lock:
            plan = self.plan(order)
            scenario = decision.scenario or Scenario(plan["scenario"])
            if order.decision or scenario is Scenario.ABANDONED:
                return
            script = self._script(order, scenario, decision, plan.get("code", ""))
            books, messages = self._consequences(order, script, decision.bank)
            told = {"decision": decision.word, "scenario": scenario, **({} if script.held else books)}
            sent = [asdict(message) for message in messages]
            self.books.record({"fact": "decided", "key": order.key, "books": told, "messages": sent})
        if script.at_once:
            self.courier.send(order.messages[0])
        elif messages:
            self.courier.schedule(order.messages[0])

    def returning(self, order: Order) -> str:
        """Where the browser goes after the decision: vnp_ReturnUrl with the signed result."""
        terminal = self.config.terminal(order.terminal)
        told = statement(terminal.secret if terminal else "", order, result_of(order))
        return f"{order.return_url}{'&' if '?' in order.return_url else '?'}{told}"

    def _script(self, order: Order, scenario: Scenario, decision: Decision, code: str) -> Script:
        script = SCRIPTS[scenario]
        if self.expired(order):
            return Script() if scenario is Scenario.LATE and decision.word == "pay" else unpaid(script, _EXPIRED)
        if decision.word == "cancel":
            return unpaid(script, "24")
        if decision.word == "fail":
            return unpaid(script, decision.code or "51")
        if scenario is Scenario.REFUSED:
            return unpaid(script, decision.code or code or script.code)
        return script

    def _consequences(self, order: Order, script: Script, bank: str) -> tuple[Fact, Sequence[Message]]:
        moment = self.config.clock().astimezone(GMT7)
        held_s = 0.0
        if script.held and order.expires:
            paid_at = datetime.strptime(order.expires, INSTANT).replace(tzinfo=GMT7) + timedelta(seconds=self.config.delays.late_s)
            held_s = (paid_at - moment).total_seconds() - self.config.delays.late_s
            moment = paid_at
        cancelled = script.code == "24"
        number = "" if cancelled or script.code == _EXPIRED else self.books.number()
        result = Result(script.code, script.status, number, "VNPAY" if cancelled else bank, moment.strftime(INSTANT))
        return asdict(result), self._messages(order, script, result, time.time() + held_s)

    def _messages(self, order: Order, script: Script, result: Result, due_at: float) -> list[Message]:
        terminal = self.config.terminal(order.terminal)
        messages: list[Message] = []
        for place, ipn in enumerate(script.ipns):
            due_at += 0.0 if script.at_once else getattr(self.config.delays, ipn.after)
            query = statement(terminal.secret if terminal else "", order, result, ipn.tells)
            books: Fact = asdict(result) if script.held else {"status": "04"} if ipn.tells is Tells.REVERSAL else {}
            before = messages[-1].id if messages else ""
            messages.append(Message(f"{order.key}#{place + 1}", order.key, ipn.tells, query, due_at, before, books))
        return messages
