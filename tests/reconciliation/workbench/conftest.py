"""People at work on discrepancies."""

from __future__ import annotations

from typing import Any

import pytest


class Bench:
    """People at work on discrepancies, over HTTP."""

    cases = "/v1/staff/discrepancies"

    def __init__(self, client: Any, clerk: Any, approver: Any, clock: Any) -> None:
        self.client, self.clerk, self.approver, self.clock = client, clerk, approver, clock

    def list(self, query: str = "", who: Any = None) -> Any:
        answer = (who or self.clerk).get(self.client, f"{self.cases}{query}")
        assert answer.status_code == 200, answer.text
        return answer.json

    def look(self, case: str, who: Any = None) -> Any:
        return self.list(f"/{case}", who)

    def one(self, kind: str) -> str:
        [found] = self.list(f"?kind={kind}")["data"]
        return found["id"]

    def do(self, case: str, act: str, body: dict[str, Any] | None = None, who: Any = None, key: str | None = None) -> Any:
        return (who or self.clerk).post(self.client, f"{self.cases}/{case}/{act}", body or {}, key)

    def done(self, case: str, act: str, body: dict[str, Any] | None = None, who: Any = None) -> Any:
        answer = self.do(case, act, body, who)
        assert answer.status_code in {200, 201}, answer.text
        return answer.json

    def refused(self, case: str, act: str, body: dict[str, Any] | None = None, who: Any = None) -> str:
        answer = self.do(case, act, body, who)
        assert 400 <= answer.status_code < 500, answer.text
        return answer.json["code"]

    def decide(self, proposal: str, how: str = "approve", who: Any = None) -> Any:
        self.clock.pass_(seconds=30)
        person = who or self.approver
        body = {"approve": lambda: {"totp": person.code()}, "decline": lambda: {"reason": "chưa rõ"}, "withdraw": dict}[how]()
        return person.post(self.client, f"/v1/proposals/{proposal}/{how}", body)

    def accept(self, case: str, reason: str = "explained", **more: Any) -> Any:
        proposed = self.done(case, "accept", {"reason": reason, **more})
        assert self.decide(proposed["proposal"]).status_code == 200
        return self.look(case)

    @staticmethod
    def row(number: int, **changes: Any) -> dict[str, Any]:
        """A row of a file, as somebody reads it."""
        row = {"row": number, "type": "payment", "reference": "PHX", "amount": 1_000, "happened_at": "2026-11-20T09:30:00+07:00", **changes}
        return {name: value for name, value in row.items() if value is not None}

    @staticmethod
    def acts(shown: Any) -> list[str]:
        """What was done, in order."""
        return [each["act"] for each in shown["history"]]


@pytest.fixture
def bench(client, lan, minh, clock) -> Bench:
    return Bench(client, lan, minh, clock)


@pytest.fixture
def stranger(desk, bench) -> str:
    """A line of a file that nobody here knows."""
    desk.settle([desk.row("X1", 5_000)])
    return bench.one("missing_at_hub")


@pytest.fixture
def twice(citizen, bench) -> str:
    """Money that came a second time, and is held."""
    first, second = citizen.try_(), citizen.try_()
    assert [citizen.says(first), citizen.says(second)] == ["00", "00"]
    return bench.one("paid_twice")
