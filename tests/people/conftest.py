"""A person who pays, a clerk who looks, an approver who agrees, and a gateway that may or may not bring the money."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from payhub.hub import Hub
from payhub.people import jobs

PAYER = {
    "name": "Nguyễn Văn A",
    "id_number": "001 099 012 345",
    "phone": "+84 912 345 678",
    "email": "Nguyen.A@thu.example",
    "address": "12 Ngõ Kín, Hà Nội",
}


@pytest.fixture
def payer() -> dict[str, str]:
    return dict(PAYER)


@pytest.fixture
def asked(ask, order, payer) -> Callable[..., Any]:
    """Ask for a payment of the person; return the answer's JSON."""

    def new(**more: Any) -> Any:
        mark = uuid.uuid4().hex[:12]
        answer = ask({**order, "portal_reference": f"HS-{mark}", "dossier": f"H53.12-{mark}", "payer": payer, **more})
        assert answer.status_code == 201, answer.text
        return answer.json

    return new


@pytest.fixture
def auditor(hire) -> Any:
    return hire("kiem", "auditor")


@dataclass
class Office:
    """What people of the staff do about who pays."""

    client: Any
    clerk: Any
    approver: Any

    def look(self, payment: str, who: Any = None) -> Any:
        return (who or self.clerk).get(self.client, f"/v1/staff/payments/{payment}/payer")

    def reveal(self, payment: str, who: Any = None, reason: str = "refund") -> Any:
        return (who or self.clerk).post(self.client, f"/v1/staff/payments/{payment}/payer/reveal", {"reason": reason})

    def search(self, field: str, value: str, who: Any = None, **more: Any) -> Any:
        return (who or self.clerk).post(self.client, "/v1/staff/payers/search", {"field": field, "value": value, **more})

    def found(self, field: str, value: str) -> list[str]:
        return [each["payment"] for each in self.search(field, value).json["data"]]

    def propose(self, *payments: str, key: str | None = None) -> Any:
        body: dict[str, Any] = {"reason": "requested_by_person"}
        if len(payments) == 1:
            return self.clerk.post(self.client, f"/v1/staff/payments/{payments[0]}/payer/erase", body, key)
        return self.clerk.post(self.client, "/v1/staff/payers/erase", {**body, "payments": list(payments)}, key)

    def agree(self, proposal: str) -> Any:
        self.approver.hub.clock.pass_(seconds=30)
        return self.approver.post(self.client, f"/v1/proposals/{proposal}/approve", {"totp": self.approver.code()})

    def erase(self, *payments: str) -> None:
        proposed = self.propose(*payments)
        assert proposed.status_code == 201, proposed.text
        agreed = self.agree(proposed.json["proposal"])
        assert (agreed.status_code, agreed.json["state"]) == (200, "executed"), agreed.text


@pytest.fixture
def office(client, lan, minh) -> Office:
    return Office(client, lan, minh)


@pytest.fixture
def destroy(hub: Hub) -> Callable[..., Any]:
    """Run the job that destroys what is past its term."""
    return lambda **sizes: jobs.run(hub, **sizes)


@pytest.fixture
def keys_of(rows) -> Callable[[], set[str]]:
    """Which keys are still there, over all payments."""

    def read() -> set[str]:
        held = {
            "words": "SELECT count(*) FROM payment WHERE words_key IS NOT NULL OR words IS NOT NULL",
            "basis": "SELECT count(*) FROM payment WHERE basis_key IS NOT NULL OR basis IS NOT NULL",
            "record": "SELECT count(*) FROM payer WHERE record_key IS NOT NULL OR record IS NOT NULL",
            "contact": "SELECT count(*) FROM payer WHERE contact_key IS NOT NULL OR contact IS NOT NULL",
            "index": "SELECT count(*) FROM payer_index",
            "callback": "SELECT count(*) FROM callback WHERE raw_key IS NOT NULL OR raw IS NOT NULL",
            "note": "SELECT count(*) FROM refund WHERE note_key IS NOT NULL OR note IS NOT NULL",
        }
        return {name for name, statement in held.items() if rows(statement)[0][0]}

    return read
