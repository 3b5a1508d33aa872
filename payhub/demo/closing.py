"""The end of the day at the treasury: the gateway's files, with deliberate disagreements, are handed in and reconciled."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import requests

from payhub.demo.processes import Processes
from payhub.demo.simulator import ACCOUNT, TERMINAL

Run = Mapping[str, Any]

_TIMEOUT_S = 60
_RUN_S = 60.0


@dataclass(frozen=True, slots=True)
class Planned:
    """A disagreement the gateway was asked for, and the discrepancy it must become; None where a person need not look."""

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

    def hand_in(self, day: date, file: bytes) -> str:
        """Hand in a day's settlement file; return the id of the run over it."""
        url = f"{self.api}/v1/settlements/{ACCOUNT}/{day}"
        answer = requests.put(url, data=file, headers={**self._headers, "Content-Type": "text/csv"}, timeout=_TIMEOUT_S)
        answer.raise_for_status()
        return str(answer.json()["run"])

    def discrepancies(self) -> list[dict[str, Any]]:
        """List all that is open."""
        page = self.get("/v1/discrepancies", state="open", limit="200")
        found = list(page["data"])
        while page["next"]:
            page = self.get("/v1/discrepancies", state="open", limit="200", cursor=page["next"])
            found += page["data"]
        return found

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}", "Accept-Language": "en"}


def plan_disagreements(simulator_url: str, usual: Sequence[Mapping[str, Any]], seed: int) -> list[Planned]:
    """Ask the gateway for disagreements of every kind about orders that went the usual way; return what must come of each."""
    chance = random.Random(seed)
    # One of each kind, and one more of each for every 200 payments.
    each = min(len(usual) // len(_DISAGREEMENTS), 1 + len(usual) // 200)
    chosen = chance.sample(usual, each * len(_DISAGREEMENTS))
    told, planned = [], []
    for place, order in enumerate(chosen):
        asked, (kind, key) = list(_DISAGREEMENTS.items())[place % len(_DISAGREEMENTS)]
        reference, day = order["reference"], gateway_day(order)
        told.append({"kind": asked, "terminal": TERMINAL, "reference": reference})
        planned.append(Planned(asked, reference, kind, f"{ACCOUNT}/{key.format(reference=reference, day=day)}"))
    if chosen:
        told.append({"kind": "extra", "terminal": TERMINAL, "date": f"{gateway_day(chosen[0])}", "reference": STRANGER})
        planned.append(Planned("extra", STRANGER, "missing_at_hub", f"{ACCOUNT}/payment/{STRANGER}"))
        requests.post(f"{simulator_url}/simulator/disagreements", json=told, timeout=_TIMEOUT_S).raise_for_status()
    return planned


def gateway_day(order: Mapping[str, Any]) -> date:
    """Return the gateway's day on which an order was paid."""
    return date.fromisoformat(str(order["pay_date"])[:8])


def is_paid(order: Mapping[str, Any]) -> bool:
    """Tell whether the gateway has an order's money."""
    return bool(order["status"] == "00")


def settle(processes: Processes, treasury: Treasury, simulator_url: str, days: Sequence[date], folder: Path) -> list[Run]:
    """Fetch the gateway's file of each day, hand it in, and wait for the runs; return the runs."""
    folder.mkdir(exist_ok=True)
    asked = []
    for day in days:
        file = requests.get(f"{simulator_url}/simulator/settlements/{TERMINAL}/{day}.csv", timeout=_TIMEOUT_S)
        file.raise_for_status()
        (folder / f"{ACCOUNT}-{day}.csv").write_bytes(file.content)
        asked.append(treasury.hand_in(day, file.content))
    runs: list[Run] = []

    def done() -> bool:
        runs[:] = [treasury.get(f"/v1/runs/{run}") for run in asked]
        return all(run["state"] in {"done", "failed"} for run in runs)

    processes.wait_until(done, lambda: f"runs {asked}", _RUN_S)
    return runs
