"""The end of the day at the treasury: the gateways' files, with deliberate disagreements, are handed in and reconciled."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import requests

from payhub.demo.processes import Processes
from payhub.demo.simulator import TERMINALS

Run = Mapping[str, Any]

_TIMEOUT_S = 60
_RUN_S = 60.0


@dataclass(frozen=True, slots=True)
class Planned:
    """A disagreement the gateway was asked for, and the discrepancy it must become; None where a person need not look."""

    account: str
    asked: str
    reference: str
    kind: str | None
    key: str


# What the gateway does to its file, and what the hub must call it: kind, and the key after the account's code.
_DISAGREEMENTS: Mapping[str, tuple[str | None, str]] = {
    "omit": ("missing_at_gateway", "payment/{reference}"),
    "amount": ("amount_differs", "payment/{reference}"),
    "duplicate": ("duplicate_at_gateway", "payment/{reference}/{day}/2"),
    "refund": ("missing_at_hub", "refund/{reference}"),
    "midnight": (None, "payment/{reference}"),
}
_APART = 2
"""How many kinds the next account begins further on: on a small day the accounts have all kinds between them."""
STRANGER = "LA20261231"
"""A reference of nobody's, for the line that the hub knows nothing of."""


@dataclass(frozen=True, slots=True)
class Treasury:
    """The treasury's office as an outside party: what it asks of the API with its own key."""

    api: str
    key: str

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """Ask for something as JSON."""
        answer = requests.get(f"{self.api}{path}", query, headers=self._headers, timeout=_TIMEOUT_S)
        answer.raise_for_status()
        read: dict[str, Any] = answer.json()
        return read

    def totals(self, day: date, account: str = "", until: date | None = None) -> dict[str, Any]:
        """Ask for the totals of a business day, or of all until another, of one gateway account or of all."""
        asked = {"gateway_account": account} if account else {}
        return self.get("/v1/reports/agency-totals", date=f"{day}", until=f"{until or day}", **asked)

    def hand_in(self, account: str, day: date, file: bytes) -> str:
        """Hand in an account's settlement file of a day; return the id of the run over it."""
        url = f"{self.api}/v1/settlements/{account}/{day}"
        answer = requests.put(url, data=file, headers={**self._headers, "Content-Type": "text/csv"}, timeout=_TIMEOUT_S)
        answer.raise_for_status()
        return str(answer.json()["run"])

    def hand_in_statement(self, bank: str, file: bytes) -> None:
        """Hand in a statement of one of the hub's bank accounts."""
        headers = {**self._headers, "Content-Type": "application/octet-stream"}
        requests.put(f"{self.api}/v1/statements/{bank}", data=file, headers=headers, timeout=_TIMEOUT_S).raise_for_status()

    def payouts(self) -> list[dict[str, Any]]:
        """List what gateways say they pay over, as the hub found it."""
        return self._all("/v1/payouts")

    def discrepancies(self) -> list[dict[str, Any]]:
        """List all that is open."""
        return self._all("/v1/discrepancies", state="open")

    def _all(self, path: str, **query: str) -> list[dict[str, Any]]:
        page = self.get(path, **query, limit="200")
        found = list(page["data"])
        while page["next"]:
            page = self.get(path, **query, limit="200", cursor=page["next"])
            found += page["data"]
        return found

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}", "Accept-Language": "en"}


def plan_disagreements(simulator_url: str, usual: Mapping[str, Sequence[Mapping[str, Any]]], seed: int) -> list[Planned]:
    """Ask each gateway for disagreements about orders that went the usual way, by account; return what must come of each."""
    planned = []
    for place, (account, orders) in enumerate(usual.items()):
        told, found = _disagreements(account, orders, random.Random(f"{account} {seed}"), place)
        planned += found
        requests.post(f"{simulator_url}/simulator/disagreements", json=told, timeout=_TIMEOUT_S).raise_for_status()
    return planned


def _disagreements(
    account: str, orders: Sequence[Mapping[str, Any]], chance: random.Random, first: int
) -> tuple[list[dict[str, str]], list[Planned]]:
    """Choose one of each kind as far as there are orders, one more of each for every 200, beginning elsewhere in each account."""
    kinds, terminal = list(_DISAGREEMENTS.items()), TERMINALS[account]
    many = min(len(orders), len(kinds) * (1 + len(orders) // 200))
    told, planned = [], []
    for place, order in enumerate(chance.sample(orders, many), start=first * _APART):
        asked, (kind, key) = kinds[place % len(kinds)]
        reference, day = order["reference"], gateway_day(order)
        told.append({"kind": asked, "terminal": terminal, "reference": reference})
        planned.append(Planned(account, asked, reference, kind, f"{account}/{key.format(reference=reference, day=day)}"))
    if orders:
        told.append({"kind": "extra", "terminal": terminal, "date": f"{gateway_day(orders[0])}", "reference": STRANGER})
        planned.append(Planned(account, "extra", STRANGER, "missing_at_hub", f"{account}/payment/{STRANGER}"))
    return told, planned


def gateway_day(order: Mapping[str, Any]) -> date:
    """Return the gateway's day on which an order was paid."""
    return date.fromisoformat(str(order["pay_date"])[:8])


def is_paid(order: Mapping[str, Any]) -> bool:
    """Tell whether the gateway has an order's money."""
    return bool(order["state"] == "paid")


def settle(processes: Processes, treasury: Treasury, simulator_url: str, days: Sequence[date], folder: Path) -> list[Run]:
    """Fetch each account's file of each day, hand it in, and wait for the runs; return the runs."""
    folder.mkdir(exist_ok=True)
    asked = []
    for account, terminal in TERMINALS.items():
        for day in days:
            file = requests.get(f"{simulator_url}/simulator/settlements/{terminal}/{day}.csv", timeout=_TIMEOUT_S)
            file.raise_for_status()
            (folder / f"{account}-{day}.csv").write_bytes(file.content)
            asked.append(treasury.hand_in(account, day, file.content))
    runs: list[Run] = []

    def done() -> bool:
        runs[:] = [treasury.get(f"/v1/runs/{run}") for run in asked]
        return all(run["state"] in {"done", "failed"} for run in runs)

    processes.wait_until(done, lambda: f"runs {asked}", _RUN_S)
    return runs
