"""Whatever portals, citizens, gateways, the staff and the clock do, in whatever order: nothing breaks, and the books agree.

Hypothesis makes sequences of events up, and where one breaks something, the shortest that does. `HYPOTHESIS_PROFILE=long` looks longer.
"""

from __future__ import annotations

import os
import sys
import uuid
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from gateways.simulator import RefundScenario, Scenario
from payhub.clock import local_date
from payhub.ids import public_id, read_public_id
from payhub.ledger import days
from payhub.payments.states import GRAPHS, UNDECIDED

LLTP = {"fee": "LP-LLTP", "agency": "000.00.00.G15", "amount": 200_000}
BASKETS = {
    "one line": ("dvc-bo-tu-phap", [LLTP]),
    # Phí of which agencies keep 75 % and 65 %: the amounts leave something over in every share.
    "shared": (
        "dvc-bo-tu-phap",
        [
            {"fee": "P-CONGCHUNG", "agency": "000.00.00.G15", "amount": 20_003},
            {"fee": "P-DLDC", "agency": "000.00.00.G01", "quantity": 7, "amount": 7_000},
        ],
    ),
    "late money is held": ("dvc-tay-ninh", [{"fee": "LP-TBOTO", "agency": "G12.18", "amount": 1_000_000}]),
}
DURATIONS = [timedelta(**each) for each in ({"seconds": 1}, {"seconds": 61}, {"minutes": 6}, {"minutes": 16}, {"hours": 2}, {"days": 1}, {"days": 4})]
PARTS = [Fraction(1), Fraction(1, 2), Fraction(1, 3), Fraction(6, 5)]
REFUND_SCENARIOS = st.sampled_from(sorted(RefundScenario))
WORDS = ["pay", "pay", "pay", "cancel", "fail"]
SCENARIOS = sorted(set(Scenario) - {Scenario.EARLY})
ENDED = {"declined", "withdrawn"}
STATES = "SELECT 'payment', id, state FROM payment UNION ALL SELECT 'attempt', id, state FROM attempt UNION ALL SELECT 'refund', id, state FROM refund UNION ALL SELECT 'refund_try', id, state FROM refund_try UNION ALL SELECT 'dispute', id, state FROM dispute"
REACHABLE: dict[str, dict[str, set[str]]] = {}
for _name, _graph in GRAPHS.items():
    REACHABLE[_name] = {state: {state} for state in _graph}
    for _ in _graph:
        for _state, _seen in REACHABLE[_name].items():
            _seen |= {after for each in _seen for after in _graph[each]}


@dataclass
class Payment:
    """A payment as its portal knows it."""

    portal: str
    public: str
    dossier: str
    lines: list[dict[str, Any]]
    forms: list[uuid.UUID] = field(default_factory=list)
    orders: list[Any] = field(default_factory=list)

    @property
    def id(self) -> uuid.UUID:
        return read_public_id("pay", self.public, "test")

    def __repr__(self) -> str:
        return self.public[-6:]


class Machine(RuleBasedStateMachine):
    make_world: Any = None
    payments, paid, refunds, disputes, said = (Bundle(name) for name in ("payments", "paid", "refunds", "disputes", "said"))

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.seen: dict[tuple[str, uuid.UUID], str] = {}
        self.orders: list[Any] = []

    @initialize(targets=(payments, paid), tells=st.sampled_from(["refund", "payment"]), basket=st.sampled_from(sorted(BASKETS)), tabs=st.integers(1, 2))
    def begin(self, tells: str, basket: str, tabs: int) -> Payment:
        self.world = self.stack.enter_context(type(self).make_world(query_tells=tells))
        return self.pay(basket, Scenario.REVERSED, tabs)

    def teardown(self) -> None:
        with self.stack:
            if sys.exc_info()[0] is None and hasattr(self, "world"):
                self.come_to_rest()
                self.books_agree()

    def one(self, statement: str, **values: Any) -> Any:
        return self.world.rows(statement, **values)[0][0]

    # Portals.

    def asked(self, basket: str, **more: Any) -> Any:
        portal, lines = BASKETS[basket]
        body = {"portal_reference": uuid.uuid4().hex, "dossier": uuid.uuid4().hex, "lines": lines, **more}
        answer = self.world.portal("payments", body, portal=portal)
        return answer, Payment(portal, answer.json.get("id", ""), body["dossier"], lines)

    @rule(target=payments, basket=st.sampled_from(sorted(BASKETS)))
    def ask(self, basket: str) -> Payment:
        answer, payment = self.asked(basket)
        assert answer.status_code == 201, answer.json
        return payment

    @rule(target=payments, old=payments, says=st.booleans())
    def ask_again(self, old: Payment, says: bool) -> Any:
        """The same dossier's fees once more, with the word that it replaces the first or without."""
        basket = next(name for name, (_, lines) in BASKETS.items() if lines == old.lines)
        state, replaced = self.state("payment", old.id), self.one("SELECT count(*) FROM payment WHERE replaces_id = :id", id=old.id)
        answer, payment = self.asked(basket, dossier=old.dossier, **({"replaces": old.public} if says else {}))
        if says:
            # Another payment of this dossier may have taken its place already.
            may = state in {"open", "expired"} and not replaced
            assert answer.status_code == 201 or (answer.status_code == 409 and (not may or answer.json["code"] == "dossier_already_asked"))
            assert may or answer.status_code == 409
        elif answer.status_code == 201:
            assert state in {"cancelled", "expired", "reversed"} or self.world.owed(old.id) == 0, state
        else:
            assert answer.json["code"] == "dossier_already_asked"
        return payment if answer.status_code == 201 else multiple()

    @rule(payment=payments)
    def cancel(self, payment: Payment) -> None:
        before = self.state("payment", payment.id)
        answer = self.world.portal(f"payments/{payment.public}/cancel", portal=payment.portal)
        assert answer.status_code in ({409} if before in {"paid", "reversed"} else {200, 202})

    @rule(target=refunds, payment=paid | payments, part=st.sampled_from(PARTS), by=st.sampled_from(["portal", "lan"]))
    def ask_back(self, payment: Payment, part: Fraction, by: str) -> Any:
        lines = [{"number": number, "amount": int(line["amount"] * part)} for number, line in enumerate(payment.lines, start=1)]
        left, paid = self.world.left(payment.id), self.state("payment", payment.id) == "paid"
        answer = self.post_refund(payment, {"lines": lines, "reason": "requested_by_citizen"}, by)
        fits = paid and all(line["amount"] <= left[line["number"]] for line in lines)
        assert (answer.status_code, answer.json.get("code")) == ((201, None) if fits else (409, "not_refundable"))
        return answer.json if fits else multiple()

    @rule(target=refunds, payment=paid | payments, part=st.sampled_from(PARTS))
    def ask_unapplied_back(self, payment: Payment, part: Fraction) -> Any:
        receipts = self.world.look(f"payments/{payment.public}", payment.portal)["unapplied"]
        if not receipts:
            return multiple()
        receipt, amount = receipts[0], int(receipts[0]["amount"] * part)
        fits = 0 < amount <= self.world.available(receipt)
        answer = self.post_refund(payment, {"unapplied": receipt["id"], "amount": amount, "reason": "paid_twice"}, "portal")
        assert answer.status_code == (201 if fits else 409), answer.json
        return answer.json if fits else multiple()

    def post_refund(self, payment: Payment, body: dict[str, Any], by: str) -> Any:
        if by == "portal":
            return self.world.portal(f"payments/{payment.public}/refunds", body, portal=payment.portal)
        return self.world.person(by, f"staff/payments/{payment.public}/refunds", body)

    @rule(refund=refunds)
    def withdraw(self, refund: dict[str, Any]) -> None:
        before = self.state("refund", read_public_id("ref", refund["id"], "test"))
        if refund["requested_by"]["kind"] == "person":
            answer = self.world.person("lan", f"proposals/{refund['proposal']}/withdraw")
        else:
            [(portal,)] = self.world.rows(
                "SELECT code FROM portal JOIN payment ON payment.portal_id = portal.id WHERE payment.id = :id",
                id=read_public_id("pay", refund["payment"], "test"),
            )
            answer = self.world.portal(f"refunds/{refund['id']}/withdraw", portal=portal)
        again = {200, 409} if before == "withdrawn" else {409}
        assert answer.status_code in ({200} if before == "requested" else again), answer.json

    @rule(refund=refunds)
    def retry(self, refund: dict[str, Any]) -> None:
        before = self.state("refund", read_public_id("ref", refund["id"], "test"))
        answer = self.world.person("lan", f"staff/refunds/{refund['id']}/retry")
        assert answer.status_code in ({200, 409} if before == "failed" else {409})
        assert answer.json.get("code") in {None, "not_refundable" if before == "failed" else "refund_not_retriable"}

    # Citizens, and what becomes of their orders.

    @rule(payment=payments, again=st.booleans())
    def press_pay(self, payment: Payment, again: bool) -> None:
        form = payment.forms[-1] if again and payment.forms else uuid.uuid4()
        taken = "SELECT state = 'open' AND closing_at IS NULL AND expires_at > :now FROM payment WHERE id = :id"
        takes, known = self.one(taken, id=payment.id, now=self.world.clock.now()), form in payment.forms
        url = self.world.start(payment.public, form)
        assert (url is not None) == takes or known
        if url is not None and not known:
            payment.forms.append(form)
            payment.orders.append(self.world.gateway.order(url))
            self.orders.append(payment.orders[-1])

    @rule(payment=payments, tab=st.integers(0, 1), word=st.sampled_from(WORDS), scenario=st.sampled_from(SCENARIOS))
    def decide(self, payment: Payment, tab: int, word: str, scenario: Scenario) -> None:
        if payment.orders:
            self.world.gateway.decide(payment.orders[-1 - tab % len(payment.orders)], word, scenario)

    @rule(payment=payments, tab=st.integers(0, 1), place=st.integers(0, 1))
    def bring(self, payment: Payment, tab: int, place: int) -> None:
        """Bring one of the gateway's messages, the first time or again, in turn or out of it."""
        order = payment.orders[-1 - tab % len(payment.orders)] if payment.orders else None
        if order is not None and order.messages:
            assert self.world.call_back(self.world.gateway.told(order, place)) in {"00", "02", "04", "97"}

    @rule(targets=(payments, paid), basket=st.sampled_from(sorted(BASKETS)), scenario=st.sampled_from([Scenario.PAID, Scenario.REVERSED]), tabs=st.integers(1, 2))
    def pay(self, basket: str, scenario: Scenario, tabs: int) -> Payment:
        """All that it takes for a payment to be paid, in one tab or in two."""
        payment = self.ask(basket)
        for _ in range(tabs):
            self.press_pay(payment, again=False)
        for tab in range(tabs):
            self.decide(payment, tab, "pay", scenario)
            self.bring(payment, tab, 0)
        assert self.state("payment", payment.id) == "paid"
        return payment

    # The staff.

    @rule(refund=refunds)
    def approve(self, refund: dict[str, Any]) -> None:
        before = self.state("refund", read_public_id("ref", refund["id"], "test"))
        answer = self.world.approve(refund["proposal"])
        # A dispute may have come between the request and the approval.
        allowed = {"proposal_decided", "proposal_void"} if before in ENDED else {None, "not_refundable"} if before == "requested" else {None}
        assert answer.json.get("code") in allowed, (before, answer.json)

    @rule(target=refunds, payment=paid, part=st.sampled_from(PARTS[:3]), scenario=REFUND_SCENARIOS)
    def give_back(self, payment: Payment, part: Fraction, scenario: str) -> Any:
        """All that it takes for money of the lines to be given back, or nearly."""
        return self.given(self.ask_back(payment, part, "portal"), scenario)

    @rule(target=refunds, payment=paid, part=st.sampled_from(PARTS[:3]), scenario=REFUND_SCENARIOS)
    def give_unapplied_back(self, payment: Payment, part: Fraction, scenario: str) -> Any:
        """All that it takes for money that came twice to be given back, or nearly."""
        return self.given(self.ask_unapplied_back(payment, part), scenario)

    def given(self, asked: Any, scenario: str) -> Any:
        if isinstance(asked, dict):
            self.approve(asked)
            self.gateway_will(scenario)
            self.work(timedelta(seconds=1))
        return asked

    @rule(payment=paid, tab=st.integers(0, 1))
    def gateway_takes_it_back(self, payment: Payment, tab: int) -> None:
        self.bring(payment, tab, 1)

    @rule(refund=refunds, scenario=REFUND_SCENARIOS)
    def try_again(self, refund: dict[str, Any], scenario: str) -> None:
        self.retry(refund)
        self.gateway_will(scenario)
        self.work(timedelta(seconds=61))

    @rule(refund=refunds)
    def decline(self, refund: dict[str, Any]) -> None:
        before = self.state("refund", read_public_id("ref", refund["id"], "test"))
        answer = self.world.person("minh", f"proposals/{refund['proposal']}/decline", {"reason": "không đủ hồ sơ"})
        allowed = {200} if before == "requested" else {200, 409} if before in ENDED else {409}
        assert answer.status_code in allowed, (before, answer.json)

    @rule(target=said, refund=refunds, at_once=st.booleans())
    def say(self, refund: dict[str, Any], at_once: bool) -> Any:
        """A person says what the gateway's books say, where the hub does not know."""
        refund_id = read_public_id("ref", refund["id"], "test")
        last = self.world.rows("SELECT reference FROM refund_try WHERE refund_id = :id ORDER BY number DESC LIMIT 1", id=refund_id)
        taken = {each.reference for each in self.world.gateway.books.refunds if each.taken}
        body = {"outcome": "succeeded" if last and last[0][0] in taken else "failed", "evidence": "Công văn 12/VNPAY"}
        unknown = self.state("refund", refund_id) == "unknown"
        answer = self.world.person("lan", f"staff/refunds/{refund['id']}/outcome", body)
        assert answer.status_code == (200 if unknown else 409) or answer.json["code"] == "already_proposed", answer.json
        if answer.status_code != 200:
            return multiple()
        proposals = self.world.client.get("/v1/proposals?limit=1", headers={"Authorization": f"Bearer {self.world.staff['lan'][0]}"})
        return self.proposed(proposals.json["data"][0]["id"], at_once)

    def proposed(self, proposal: str, at_once: bool) -> Any:
        """Leave a proposal for later, or let the second person confirm it at once."""
        if not at_once:
            return proposal
        self.confirm(proposal)
        return multiple()

    @rule(proposal=consumes(said))
    def confirm(self, proposal: str) -> None:
        answer = self.world.approve(proposal)
        assert answer.json.get("code") in {None, "proposal_void", "not_allocatable"}, answer.json

    @rule(target=disputes, payment=paid, part=st.sampled_from(PARTS))
    def dispute(self, payment: Payment, part: Fraction) -> Any:
        lines = [{"number": number, "amount": int(line["amount"] * part)} for number, line in enumerate(payment.lines, start=1)]
        left = self.world.undisputed(payment.id) if self.state("payment", payment.id) == "paid" else {}
        answer = self.world.person("lan", f"staff/payments/{payment.public}/disputes", {"gateway_case": uuid.uuid4().hex, "lines": lines})
        fits = all(line["amount"] <= left.get(line["number"], 0) for line in lines)
        assert (answer.status_code, answer.json.get("code")) == ((201, None) if fits else (409, "not_disputable"))
        return answer.json["id"] if fits else multiple()

    @rule(dispute=disputes)
    def win(self, dispute: str) -> None:
        before = self.state("dispute", read_public_id("dsp", dispute, "test"))
        answer = self.world.person("lan", f"staff/disputes/{dispute}/won")
        assert answer.status_code == (409 if before == "lost" else 200), answer.json

    @rule(target=said, dispute=disputes, at_once=st.booleans())
    def lose(self, dispute: str, at_once: bool) -> Any:
        before = self.state("dispute", read_public_id("dsp", dispute, "test"))
        answer = self.world.person("lan", f"staff/disputes/{dispute}/lost")
        assert answer.json.get("code") in ({None, "already_proposed"} if before == "opened" else {"dispute_ended"}), answer.json
        return self.proposed(answer.json["proposal"], at_once) if answer.status_code < 300 else multiple()

    @rule(target=said, payment=paid, other=payments, at_once=st.booleans())
    def allocate(self, payment: Payment, other: Payment, at_once: bool) -> Any:
        receipts = self.world.look(f"payments/{payment.public}", payment.portal)["unapplied"]
        if not receipts:
            return multiple()
        answer = self.world.person("lan", f"staff/unapplied/{receipts[0]['id']}/allocate", {"payment": other.public})
        fits = payment.portal == other.portal and sum(line["amount"] for line in other.lines) <= self.world.available(receipts[0])
        assert answer.json.get("code") in {"not_allocatable", *({None, "already_proposed"} if fits else ())}, answer.json
        return self.proposed(answer.json["id"], at_once) if answer.status_code == 201 else multiple()

    @rule(earliest=st.booleans())
    def shut_a_day(self, earliest: bool) -> None:
        """Shut the first day that is over and open, or try yesterday."""
        today, shut = local_date(self.world.clock.now()), "(SELECT coalesce(max(business_on), '-infinity') FROM business_day WHERE shut_at IS NOT NULL)"
        day = self.one(f"SELECT min(business_on) FROM posting WHERE business_on > {shut} AND business_on < :today", today=today)
        with self.world.hub.db.session() as session:
            try:
                days.shut(session, day if earliest and day else today - timedelta(days=1), "thu.ha", self.world.clock.now())
            except (days.EarlierDayOpen, days.LaterDayShut):
                assert not (earliest and day)

    # Time, and what is done when it passes.

    @rule(duration=st.sampled_from(DURATIONS))
    def time_passes(self, duration: timedelta) -> None:
        self.world.pass_(duration)

    @rule(duration=st.sampled_from(DURATIONS))
    def work(self, duration: timedelta) -> None:
        self.world.pass_(duration)
        gone = {reference for (reference,) in self.world.rows("SELECT reference FROM attempt WHERE state = 'reversed'")}
        before = len(self.world.gateway.books.refunds)
        self.world.work()
        asked = self.world.gateway.books.refunds[before:]
        assert not gone & {each.original_reference for each in asked}, "money was asked back that the gateway had taken back"

    @rule(scenario=REFUND_SCENARIOS)
    def gateway_will(self, scenario: str) -> None:
        self.world.gateway.will(scenario)

    @rule()
    def gateway_makes_up_its_mind(self) -> None:
        self.world.gateway.make_up_its_mind()

    @rule(trouble=st.sampled_from(["none", "down", "out of reach"]))
    def gateway_is(self, trouble: str) -> None:
        self.world.gateway.down = trouble == "down"
        self.world.reach("http://127.0.0.1:9" if trouble == "out of reach" else None)

    # What is always true.

    def state(self, kind: str, of: uuid.UUID) -> str:
        return self.one(f"SELECT state FROM {kind} WHERE id = :id", id=of)

    @invariant()
    def all_is_right(self) -> None:
        if not hasattr(self, "world"):
            return
        for kind, row, state in self.world.rows(STATES):
            before = self.seen.get((kind, row), state)
            assert state in REACHABLE[kind][before], f"{kind}: {before} became {state}"
            self.seen[kind, row] = state
        sent = [each.reference for each in self.world.gateway.books.refunds]
        assert len(set(sent)) == len(sent), "a request was sent twice"
        assert set(sent) <= {reference for (reference,) in self.world.rows("SELECT reference FROM refund_try")}
        assert not (broken := self.world.broken()), broken
        # This gateway never states another amount of a refund than was asked.
        assert not self.world.rows("SELECT FROM discrepancy WHERE kind = 'refund_amount_differs'")

    # When all is over.

    def come_to_rest(self) -> None:
        """The gateway answers and tells all, time passes, and people decide what only people can."""
        world = self.world
        self.gateway_is("none")
        world.gateway.will("accepted")
        world.gateway.make_up_its_mind()
        for order in self.orders:
            for place, message in enumerate(order.messages):
                if not message.tries and message.tells != "reversal":
                    world.call_back(world.gateway.told(order, place))
        for _ in range(40):
            world.pass_(timedelta(hours=7))
            done = world.work()
            unknown = world.rows("SELECT id FROM refund WHERE state = 'unknown' AND next_at IS NULL")
            for (refund_id,) in unknown:
                self.end_unknown(refund_id)
            busy = "SELECT count(*) FROM refund WHERE next_at IS NOT NULL UNION ALL SELECT count(*) FROM attempt WHERE next_check_at IS NOT NULL UNION ALL SELECT count(*) FROM payment WHERE state = 'open'"
            if not done and not unknown and not any(count for (count,) in world.rows(busy)):
                return
        raise AssertionError("it never came to rest")

    def end_unknown(self, refund_id: uuid.UUID) -> None:
        assert self.one("SELECT count(*) FROM discrepancy WHERE kind = 'refund_unknown' AND state = 'open' AND evidence ->> 'refund' = :id", id=str(refund_id)) == 1
        self.say({"id": public_id("ref", refund_id, "test")}, at_once=True)
        if self.state("refund", refund_id) == "unknown":
            [(proposal,)] = self.world.rows("SELECT id FROM proposal WHERE kind = 'refund_outcome' AND state = 'proposed' AND target = :t ORDER BY id DESC LIMIT 1", t=f"refund/{refund_id}")
            self.confirm(public_id("prp", proposal, "test"))

    def books_agree(self) -> None:
        """What the hub says was paid and given back is what the gateway's books say."""
        books, rows = self.world.gateway.books, self.world.rows
        assert not self.world.broken()
        asked_for = {key.split("/payment/")[1] for (key,) in rows("SELECT key FROM discrepancy WHERE kind = 'unknown_outcome'")}
        ours = dict(rows("SELECT reference, state FROM attempt"))
        for order in self.orders:
            state = ours[order.reference]
            paid = {"00": {"succeeded", "conflicted"}, "04": {"reversed"}}.get(order.status, {"failed", "cancelled"})
            assert state in paid or (state in UNDECIDED and order.reference in asked_for), (order.status, state)
        changed_its_mind = {each.reference for each in books.refunds if each.scenario == RefundScenario.REFUSED_LATER}
        taken = {each.reference: each.amount for each in books.refunds if each.taken}
        given = dict(rows("SELECT t.reference, r.amount FROM refund_try t JOIN refund r ON r.id = t.refund_id WHERE t.state = 'accepted'"))
        assert {key: given[key] for key in given.keys() - changed_its_mind} == {key: taken[key] for key in taken.keys() - changed_its_mind}


PROFILES = {
    "usual": settings(max_examples=12, stateful_step_count=30),
    "long": settings(max_examples=300, stateful_step_count=60),
}


@pytest.mark.heavy
def test_whatever_happens_the_books_agree(world) -> None:
    Machine.make_world = staticmethod(world)
    chosen = PROFILES[os.environ.get("HYPOTHESIS_PROFILE", "usual")]
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    run_state_machine_as_test(Machine, settings=settings(chosen, deadline=None, print_blob=True, suppress_health_check=checks))
