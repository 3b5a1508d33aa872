"""A clerk who hears what banks want back, and a second person who agrees that it is gone."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from payhub.app import registry
from payhub.ledger.prove import prove


class Bank:
    """What a citizen's bank asks for and decides, as the staff write it down."""

    def __init__(self, client: Any, clerk: Any, approver: Any, clock: Any) -> None:
        self.client, self.clerk, self.approver, self.clock = client, clerk, approver, clock

    def asks(self, payment: dict[str, Any], *amounts: int, case: str | None = None, **more: Any) -> Any:
        """Open a dispute about amounts of the lines, the first line's first; about all of every line without any."""
        wanted = amounts or tuple(line["amount"] for line in payment["lines"])
        lines = [{"number": number, "amount": amount} for number, amount in enumerate(wanted, start=1) if amount]
        body = {"gateway_case": case or f"CB-{uuid.uuid4().hex[:8]}", "lines": lines, **more}
        return self.clerk.post(self.client, f"/v1/staff/payments/{payment['id']}/disputes", body)

    def opened(self, payment: dict[str, Any], *amounts: int, **more: Any) -> dict[str, Any]:
        answer = self.asks(payment, *amounts, **more)
        assert answer.status_code == 201, answer.json
        return answer.json

    def won(self, dispute: dict[str, Any]) -> Any:
        return self.clerk.post(self.client, f"/v1/staff/disputes/{dispute['id']}/won")

    def proposed_lost(self, dispute: dict[str, Any]) -> Any:
        return self.clerk.post(self.client, f"/v1/staff/disputes/{dispute['id']}/lost")

    def approved(self, dispute: dict[str, Any]) -> Any:
        """Let the second person approve; each code works once, so time passes."""
        self.clock.pass_(seconds=30)
        return self.approver.post(self.client, f"/v1/proposals/{dispute['proposal']}/approve", {"totp": self.approver.code()})

    def lost(self, dispute: dict[str, Any]) -> dict[str, Any]:
        """Propose and approve that it is lost; return it as it then is."""
        proposed = self.proposed_lost(dispute)
        assert proposed.status_code == 200, proposed.json
        approved = self.approved(proposed.json)
        assert approved.status_code == 200, approved.json
        return self.seen(dispute)

    def seen(self, dispute: dict[str, Any]) -> dict[str, Any]:
        return self.approver.get(self.client, f"/v1/staff/disputes/{dispute['id']}").json


@pytest.fixture
def bank(client, lan, minh, clock) -> Bank:
    return Bank(client, lan, minh, clock)


@pytest.fixture
def twice(rows) -> Callable[[], list[tuple[Any, ...]]]:
    """What stands before a person as gone twice, disputes only."""
    return lambda: rows(
        "SELECT amount::int, state FROM discrepancy WHERE kind = 'refund_and_reversal' AND key LIKE '%/dispute/%' ORDER BY id"
    )


@pytest.fixture
def books_hold(hub) -> Callable[[], None]:
    """Hold every law against the rows now, and not only after the test."""

    def hold() -> None:
        broken = [law for law in prove(hub.db.engine, registry().laws) if not law.holds]
        assert not broken, broken

    return hold
