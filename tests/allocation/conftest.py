"""Money that came and could not pay, and the treasury that decides what it pays."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from payhub.app import registry
from payhub.ledger.prove import prove


class Treasury:
    """A clerk who proposes what held money pays, and a second person who agrees."""

    def __init__(self, client: Any, clerk: Any, approver: Any, clock: Any) -> None:
        self.client, self.clerk, self.approver, self.clock = client, clerk, approver, clock

    def held(self, query: str = "state=held") -> Any:
        return self.approver.get(self.client, f"/v1/staff/unapplied?{query}").json

    def look(self, receipt: str) -> Any:
        return self.approver.get(self.client, f"/v1/staff/unapplied/{receipt}").json

    def propose(self, receipt: str, payment: dict[str, Any], key: str | None = None) -> Any:
        return self.clerk.post(self.client, f"/v1/staff/unapplied/{receipt}/allocate", {"payment": payment["id"]}, key)

    def proposed(self, receipt: str, payment: dict[str, Any]) -> dict[str, Any]:
        answer = self.propose(receipt, payment)
        assert answer.status_code == 201, answer.json
        return answer.json

    def approve(self, proposal: dict[str, Any]) -> Any:
        """Let the second person approve; each code works once, so time passes."""
        self.clock.pass_(seconds=30)
        return self.approver.post(self.client, f"/v1/proposals/{proposal['id']}/approve", {"totp": self.approver.code()})

    def allocate(self, receipt: str, payment: dict[str, Any]) -> dict[str, Any]:
        proposal = self.proposed(receipt, payment)
        answer = self.approve(proposal)
        assert answer.status_code == 200, answer.json
        return answer.json


@pytest.fixture
def treasury(client, lan, minh, clock) -> Treasury:
    return Treasury(client, lan, minh, clock)


@pytest.fixture
def new(ask, order) -> Callable[..., dict[str, Any]]:
    """Ask for one more payment."""

    def make(portal: str = "dvc-bo-tu-phap", **changes: Any) -> dict[str, Any]:
        answer = ask({**order, "portal_reference": uuid.uuid4().hex, "dossier": uuid.uuid4().hex, **changes}, portal=portal)
        assert answer.status_code == 201, answer.json
        return answer.json

    return make


@pytest.fixture
def seen(desk) -> Callable[..., dict[str, Any]]:
    """A payment as its portal sees it now."""
    return lambda payment, portal="dvc-bo-tu-phap": desk.look(f"/payments/{payment['id']}", portal).json


@pytest.fixture
def receipt_of(seen) -> Callable[..., str]:
    """The one unapplied receipt of a payment."""
    return lambda payment, portal="dvc-bo-tu-phap": next(each["id"] for each in seen(payment, portal)["unapplied"])


@pytest.fixture
def paid_twice(pay, receipt_of) -> tuple[dict[str, Any], str]:
    """A payment that two attempts paid, and the receipt of the second."""
    payment = pay(pay_twice=True)
    return payment, receipt_of(payment)


@pytest.fixture
def overpaid(citizen, receipt_of) -> tuple[dict[str, Any], str]:
    """An open payment for which too much came, and the receipt that holds it."""
    assert citizen.says(citizen.try_(), amount=300_000) == "04"
    return citizen.payment, receipt_of(citizen.payment)


@pytest.fixture
def discrepancies(rows) -> Callable[[], list[tuple[Any, ...]]]:
    return lambda: rows("SELECT kind, amount::int, state FROM discrepancy ORDER BY id")


@pytest.fixture
def books_hold(hub) -> Callable[[], None]:
    """Hold every law against the rows now, and not only after the test."""

    def hold() -> None:
        broken = [law for law in prove(hub.db.engine, registry().laws) if not law.holds]
        assert not broken, broken

    return hold
