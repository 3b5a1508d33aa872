"""The day after at the bank: what the gateways pay over arrives, or not as they said, and the treasury hands the statements in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import requests

from payhub.demo.closing import Planned, Treasury
from payhub.demo.simulator import TERMINALS
from payhub.demo.tables import rows

Payout = Mapping[str, Any]

_TIMEOUT_S = 60
_OPENING, _SINCE = 1_000_000, "2020-01-01"
_FORMS = {"camt053": "camt053.xml", "mt940": "mt940.txt"}
_MONTHLY, _CORRECTION, _GAP = 33_000, 2_000, 5_000
_SHORT, _BROKEN_OFF = "momo-main", "zalopay-main"
"""Whose last payout lacks something, and in whose bank's statements something is left out."""


@dataclass(frozen=True, slots=True)
class Bank:
    """A bank account of the hub, and which gateways pay there."""

    code: str
    number: str
    form: str
    accounts: Sequence[str]

    @property
    def terminals(self) -> list[str]:
        """The same as the gateways call them."""
        return [TERMINALS[account] for account in self.accounts]


def banks(sample: Path) -> list[Bank]:
    """Return the hub's bank accounts as the sample registers have them."""
    paid = {row["code"]: row["bank_account"] for row in rows(sample, "gateway_accounts")}
    return [
        Bank(row["code"], row["number"], row["statements"], [account for account, code in paid.items() if code == row["code"]])
        for row in rows(sample, "bank_accounts")
    ]


def open_banks(simulator_url: str, found: Sequence[Bank]) -> None:
    """Tell the simulated bank whose accounts it keeps."""
    told = [{"account": bank.number, "opening": _OPENING, "from": _SINCE, "terminals": bank.terminals} for bank in found]
    _tell(simulator_url, "bank-accounts", told)


def withhold(simulator_url: str, days: Sequence[date]) -> None:
    """Have every gateway take its monthly fee and correct something of last month, besides the fees of the day's lines."""
    lines = (("fee", _MONTHLY), ("adjust_out", _CORRECTION))
    _tell(
        simulator_url,
        "lines",
        [
            {"kind": kind, "terminal": terminal, "date": f"{day}", "amount": amount}
            for terminal in TERMINALS.values()
            for day in days
            for kind, amount in lines
        ],
    )


def payouts(simulator_url: str) -> list[Payout]:
    """Return what the gateways say they pay over, and what of it the bank shows: what the hub should find out."""
    answer = requests.get(f"{simulator_url}/simulator/payouts", timeout=_TIMEOUT_S)
    answer.raise_for_status()
    found: list[Payout] = answer.json()["payouts"]
    return found


def plan_disagreements(simulator_url: str, found: Sequence[Bank], announced: Sequence[Payout]) -> list[Planned]:
    """Ask the bank to show some things otherwise; return what must come of each."""
    told: list[dict[str, Any]] = []
    planned = []
    accounts = {terminal: account for account, terminal in TERMINALS.items()}
    last = {accounts[each["terminal"]]: each for each in announced if each["net"] > 1}
    if _SHORT in last:
        payout = last[_SHORT]
        told.append({"kind": "short", "terminal": payout["terminal"], "date": payout["day"], "amount": payout["net"] // 2})
        planned.append(Planned(_SHORT, "short", payout["reference"], "banked_differs", f"{_SHORT}/payout/{payout['reference']}"))
    if _BROKEN_OFF in last:
        [bank] = (bank for bank in found if _BROKEN_OFF in bank.accounts)
        on = date.fromisoformat(last[_BROKEN_OFF]["due_on"])
        told.append({"kind": "gap", "account": bank.number, "date": f"{on}", "amount": _GAP})
        after = on + timedelta(days=1)
        planned.append(Planned(bank.code, "gap", f"{after}", "statement_gap", f"{bank.code}/statement/{after}"))
    for bank in found:
        on = max(date.fromisoformat(each["due_on"]) for each in announced)
        here = {"account": bank.number, "date": f"{on}"}
        told.append({"kind": "foreign", **here, "amount": 150_000, "text": "NGUYEN VAN A NOP LE PHI"})
        told.append({"kind": "charge", **here, "amount": 22_000})
    _tell(simulator_url, "bank-disagreements", told)
    return planned


def statements(found: Sequence[Bank], announced: Sequence[Payout]) -> Iterator[tuple[Bank, date]]:
    """List the statements that show the payouts of a day: from the day itself until the day after the last is due."""
    first = min(date.fromisoformat(each["day"]) for each in announced)
    last = max(date.fromisoformat(each["due_on"]) for each in announced) + timedelta(days=1)
    for step in range((last - first).days + 1):
        for bank in found:
            yield bank, first + timedelta(days=step)


def hand_in(treasury: Treasury, simulator_url: str, told: Iterable[tuple[Bank, date]], folder: Path) -> None:
    """Fetch each statement from the bank and hand it in."""
    folder.mkdir(exist_ok=True)
    for bank, day in told:
        name = f"{day}.{_FORMS[bank.form]}"
        file = requests.get(f"{simulator_url}/simulator/bank-accounts/{bank.number}/{name}", timeout=_TIMEOUT_S)
        file.raise_for_status()
        (folder / f"{bank.code}-{name}").write_bytes(file.content)
        treasury.hand_in_statement(bank.code, file.content)


def _tell(simulator_url: str, what: str, told: Sequence[Mapping[str, Any]]) -> None:
    requests.post(f"{simulator_url}/simulator/{what}", json=told, timeout=_TIMEOUT_S).raise_for_status()
