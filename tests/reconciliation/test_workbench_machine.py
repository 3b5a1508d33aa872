"""Whatever people, evidence and second people do to one discrepancy, in any order: it is where a small model says, and so is its history."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from payhub.app import registry
from payhub.discrepancies import service
from payhub.ids import public_id
from payhub.ledger.prove import prove

CASE = "/v1/staff/discrepancies"
DAYS = 1
"""The term of the kind."""


class World:
    """A hub, two people who propose and decide, and the machines that bring evidence."""

    def __init__(self, hub: Any, client: Any, clock: Any, rows: Any, people: dict[str, Any]) -> None:
        self.hub, self.client, self.clock, self.rows, self.people = hub, client, clock, rows, people

    def find(self, key: str, amount: int) -> None:
        with self.hub.db.session() as session:
            now = self.clock.now()
            service.open_(
                session, kind="missing_at_hub", key=key, on=now.date(), amount=amount, currency="VND", evidence={"said": amount}, now=now
            )

    def end(self, key: str) -> None:
        found = [row[0] for row in self.rows(f"SELECT id FROM discrepancy WHERE key = '{key}'")]
        with self.hub.db.session() as session:
            service.resolve(session, found, actor="run", now=self.clock.now(), act="closed by run")

    def post(self, who: str, path: str, body: dict[str, Any] | None = None) -> Any:
        return self.people[who].post(self.client, path, body or {})


class Life(RuleBasedStateMachine):
    """One discrepancy beside its model."""

    world: World

    def __init__(self) -> None:
        super().__init__()
        self.key = uuid.uuid4().hex
        self.state, self.owner, self.amount, self.accepted = "open", None, 1, False
        self.opened: datetime = self.world.clock.now()
        self.pending: str | None = None
        self.stale: list[str] = []
        self.history = ["opened"]
        self.world.find(self.key, 1)
        [(found,)] = self.world.rows(f"SELECT id FROM discrepancy WHERE key = '{self.key}'")
        self.path = f"{CASE}/{public_id('dsc', found, 'test')}"

    # What machines do.

    @rule(amount=st.integers(1, 3))
    def evidence_comes(self, amount: int) -> None:
        self.world.find(self.key, amount)
        if self.state == "resolved":
            if self.accepted and amount == self.amount:
                return
            self._begin("opened again")
        elif amount != self.amount:
            self.history.append("new evidence")
        else:
            return
        self.state, self.amount = "open", amount
        self._drop_pending()

    @rule()
    def evidence_goes(self) -> None:
        self.world.end(self.key)
        if self.state != "resolved":
            self.state = "resolved"
            self.history.append("closed by run")
            self._drop_pending()

    @rule(hours=st.integers(1, 30))
    def time_passes(self, hours: int) -> None:
        self.world.clock.pass_(hours=hours)

    # What people do.

    @rule(by=st.sampled_from(["lan", "minh"]), to=st.sampled_from([None, "lan", "minh"]))
    def assign(self, by: str, to: str | None) -> None:
        answer = self.world.post(by, f"{self.path}/assign", {"owner": to} if to else {})
        if self._refused(answer):
            return
        self.owner = to or by
        self.state = "assigned" if self.state == "open" else self.state
        self.history.append("assigned")

    @rule(by=st.sampled_from(["lan", "minh"]))
    def unassign(self, by: str) -> None:
        answer = self.world.post(by, f"{self.path}/unassign")
        if self._refused(answer) or self.owner is None:
            return
        self.owner = None
        self.state = "open" if self.state == "assigned" else self.state
        self.history.append("unassigned")

    @rule(by=st.sampled_from(["lan", "minh"]))
    def comment(self, by: str) -> None:
        if not self._refused(self.world.post(by, f"{self.path}/comment", {"text": "đã xem"})):
            self.history.append("commented")

    @rule(reason=st.sampled_from(["explained", "not_pursued"]))
    def propose(self, reason: str) -> None:
        answer = self.world.post("lan", f"{self.path}/accept", {"reason": reason})
        if self._refused(answer):
            return
        if self.state == "proposed":
            assert (answer.status_code, answer.json["code"]) == (409, "discrepancy_proposed")
            return
        assert answer.status_code == 201, answer.text
        self.state, self.pending = "proposed", answer.json["proposal"]
        self.history.append("proposed")

    @rule()
    def reopen(self) -> None:
        answer = self.world.post("minh", f"{self.path}/reopen", {"reason": "chưa xong"})
        if not self.accepted:
            assert answer.json["code"] == "discrepancy_not_reopenable"
            return
        self.state = "open"
        self._begin("reopened")

    @precondition(lambda self: self.pending)
    @rule(how=st.sampled_from(["approve", "decline", "withdraw"]))
    def decide(self, how: str) -> None:
        answer = self._decide(self.pending, how)
        assert answer.status_code == 200, answer.text
        if how == "approve":
            self.state, self.accepted = "resolved", True
            self.history.append("resolved")
        else:
            self.state = "assigned" if self.owner else "open"
            self.history.append("given back")
        self.pending = None

    @precondition(lambda self: self.stale)
    @rule(data=st.data())
    def decide_too_late(self, data: Any) -> None:
        proposal = data.draw(st.sampled_from(self.stale))
        self.stale.remove(proposal)
        assert self._decide(proposal, "approve").json["code"] == "proposal_void"

    # The model, and what is there.

    def _begin(self, act: str) -> None:
        self.history.append(act)
        self.accepted, self.opened = False, self.world.clock.now()

    def _drop_pending(self) -> None:
        if self.pending:
            self.stale.append(self.pending)
        self.pending = None

    def _refused(self, answer: Any) -> bool:
        if self.state == "resolved":
            assert (answer.status_code, answer.json["code"]) == (409, "discrepancy_resolved")
            return True
        return False

    def _decide(self, proposal: str, how: str) -> Any:
        self.world.clock.pass_(seconds=30)
        body = {"approve": {"totp": self.world.people["minh"].code()}, "decline": {"reason": "chưa rõ"}, "withdraw": {}}[how]
        return self.world.post("lan" if how == "withdraw" else "minh", f"/v1/proposals/{proposal}/{how}", body)

    @invariant()
    def it_is_where_the_model_says(self) -> None:
        shown = self.world.people["lan"].get(self.world.client, self.path).json
        owner = shown["owner"]["name"] if shown["owner"] else None
        assert (shown["state"], owner, shown["amount"], shown["accepted"], shown["proposal"]) == (
            self.state, self.owner, self.amount, self.accepted, self.pending,
        )  # fmt: skip
        due = self.opened + timedelta(days=DAYS)
        assert datetime.fromisoformat(shown["due_at"]) == due
        assert shown["overdue"] == (self.state != "resolved" and due < self.world.clock.now())
        assert [each["act"] for each in shown["history"]] == self.history

    def teardown(self) -> None:
        broken = [law for law in prove(self.world.hub.db.engine, registry().laws) if not law.holds]
        assert not broken, broken


def test_a_discrepancy_is_always_where_the_model_says(hub, client, clock, rows, lan, minh) -> None:
    class OfThisTest(Life):
        world = World(hub, client, clock, rows, {"lan": lan, "minh": minh})

    checks = settings(max_examples=20, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(OfThisTest, settings=checks)
