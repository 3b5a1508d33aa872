"""Giving back under load: whole payments and parts of them, at a gateway that takes it, refuses, takes its time or hangs up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import requests

from gateways.simulator import RefundScenario
from payhub.demo.crash.portal import PersistentPortal
from payhub.demo.crash.treasury import Treasury

_TURNS = (
    RefundScenario.ACCEPTED, RefundScenario.LOST, RefundScenario.ACCEPTED, RefundScenario.SLOW, RefundScenario.ACCEPTED,
    RefundScenario.REFUSED, RefundScenario.ACCEPTED,
)  # fmt: skip
"""What becomes of a payment's refunds, in turn; as many as there are is odd, so that each happens to wholes and to parts."""
_TIMEOUT_S = 10


class Refunds:
    """The portals' wish to give back, the treasury's consent, and what the gateway will do with it.

    `parts` are given back one after the other, which takes its time where the first is not answered.
    """

    def __init__(self, simulator_url: str, treasury: Treasury, *, parts: bool) -> None:
        self._simulator_url, self._treasury, self._in_parts = simulator_url, treasury, parts

    def give_back(self, portal: PersistentPortal, payment: Mapping[str, Any], turn: int, references: Sequence[str]) -> None:
        """Give a payment back that these orders were to pay, whole or in two parts, as far as it was paid."""
        self._plan(references, _TURNS[turn % len(_TURNS)])
        for lines in _parts(payment["lines"], whole=turn % 2 == 0 or not self._in_parts):
            refund = portal.ask_back(payment, lines)
            if refund is None:
                return
            self._treasury.approve(refund["proposal"])

    def _plan(self, references: Sequence[str], scenario: RefundScenario) -> None:
        told = [{"reference": reference, "scenario": scenario} for reference in references]
        requests.post(f"{self._simulator_url}/simulator/refund-scenarios", json=told, timeout=_TIMEOUT_S).raise_for_status()


def _parts(lines: Sequence[Mapping[str, Any]], *, whole: bool) -> list[list[dict[str, int]]]:
    """Return the lines whole, or first a third of each and then the rest."""
    amounts = {line["number"]: line["amount"] for line in lines}
    first = amounts if whole else {number: amount // 3 for number, amount in amounts.items()}
    rest = {number: amount - first[number] for number, amount in amounts.items()}
    parts = [[{"number": number, "amount": amount} for number, amount in part.items() if amount] for part in (first, rest)]
    return [part for part in parts if part]
