"""The hub's bank: its accounts, what is booked on them, and the statement of a day. Nothing here knows a format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from gateways.simulator.config import GMT7
from gateways.simulator.orders import Fact
from gateways.simulator.payouts import Arrival, Payout, arrivals_of, payouts_of
from gateways.simulator.protocols import PROTOCOLS, merchants
from gateways.simulator.scenarios import draw
from gateways.simulator.simulation import Simulation

NAME, BIC = "PAYHUB", "SIMUVNVX"
_OPENS_S, _OPEN_S = 8 * 3600, 8 * 3600
"""When in the day the bank books, in seconds."""
_CHARGE = "THU PHI QUAN LY TAI KHOAN"


class EntryKind(StrEnum):
    """What an entry is for the bank."""

    TRANSFER = "transfer"
    RETURNED = "returned"
    """A credit that is taken back."""
    CHARGE = "charge"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line on an account. Whole VND, negative for a debit; `booked_at` is GMT+7."""

    reference: str
    """The bank's own."""
    booked_at: datetime
    value_on: date
    amount: int
    text: str
    kind: EntryKind = EntryKind.TRANSFER
    payer: str = ""
    payouts: tuple[tuple[Payout, int], ...] = ()
    """How much of which payout it is: what the bank does not know."""

    @property
    def booked_on(self) -> date:
        """The day on whose statement it is."""
        return self.booked_at.date()


@dataclass(frozen=True, slots=True)
class Statement:
    """A day of an account: opening and entries are the closing."""

    account: Fact
    day: date
    opening: int
    entries: tuple[Entry, ...]

    @property
    def closing(self) -> int:
        """The balance at the end of the day."""
        return self.opening + sum(entry.amount for entry in self.entries)


def accounts_of(gateway: Simulation) -> list[Fact]:
    """List the bank accounts with the merchants' accounts whose payouts go there; the configured one has the rest."""
    told = {number: dict(account) for number, account in gateway.books.bank_accounts.items()}
    taken = {terminal for account in told.values() for terminal in account["terminals"]}
    usual = {"account": gateway.config.bank_account, "opening": 0, "from": "", "bic": BIC, "name": NAME, "terminals": []}
    kept = told.setdefault(gateway.config.bank_account, usual)
    kept["terminals"] = [*kept["terminals"], *(each for each in merchants(gateway.config) if each not in taken)]
    return list(told.values())


def entries_of(gateway: Simulation, account: Fact) -> list[Entry]:
    """List what is booked on an account, ever, in the order of booking."""
    entries = [entry for terminal in account["terminals"] for entry in _paid_over(gateway, terminal)]
    entries += _told(gateway, account["account"])
    since = account["from"]
    kept = [entry for entry in entries if not since or entry.booked_on >= date.fromisoformat(since)]
    return sorted(kept, key=lambda entry: (entry.booked_at, entry.reference))


def statement(gateway: Simulation, account: Fact, day: date) -> Statement:
    """Write a day's statement from the books as they are now. Its opening is the closing before, but for planned gaps."""
    entries = entries_of(gateway, account)
    gaps = (each for each in gateway.books.bank_disagreements if each["kind"] == "gap" and each["account"] == account["account"])
    told = sum(each["amount"] for each in gaps if account["from"] <= each["date"] < day.isoformat())
    before = sum(entry.amount for entry in entries if entry.booked_on < day)
    return Statement(account, day, account["opening"] + told + before, tuple(each for each in entries if each.booked_on == day))


def _paid_over(gateway: Simulation, terminal: str) -> Iterator[Entry]:
    payouts = {payout.day: payout for payout in payouts_of(gateway, terminal)}
    told = [each for each in gateway.books.bank_disagreements if each.get("terminal") == terminal]
    alike: Counter[str] = Counter()
    for arrival in arrivals_of(payouts.values(), told):
        parts = tuple((payouts[day], amount) for day, amount in arrival.parts)
        name = "|".join([terminal, *(payout.reference for payout, _ in parts), str(arrival.returned)])
        alike[name] += 1
        key = f"{name}|{alike[name]}"
        yield Entry(
            reference=_reference(gateway, key, arrival.on),
            booked_at=_booked_at(gateway, key, arrival.on),
            value_on=arrival.on,
            amount=arrival.amount,
            text=_text(arrival, [payout for payout, _ in parts]),
            kind=EntryKind.RETURNED if arrival.returned else EntryKind.TRANSFER,
            payer=PROTOCOLS[parts[0][0].gateway].title.upper(),
            payouts=parts,
        )


def _told(gateway: Simulation, number: str) -> Iterator[Entry]:
    for each in gateway.books.bank_disagreements:
        if each["kind"] not in {"foreign", "charge"} or each["account"] != number:
            continue
        key, on, charged = f"{number}|{each['number']}", date.fromisoformat(each["date"]), each["kind"] == "charge"
        yield Entry(
            reference=_reference(gateway, key, on),
            booked_at=_booked_at(gateway, key, on),
            value_on=date.fromisoformat(each["value_on"]),
            amount=-each["amount"] if charged else each["amount"],
            text=each.get("text", _CHARGE),
            kind=EntryKind.CHARGE if charged else EntryKind.TRANSFER,
            payer=each.get("payer", ""),
        )


def _text(arrival: Arrival, payouts: list[Payout]) -> str:
    """Write what a bank shows of a payout: what the gateway told it, in capitals and without accents."""
    words = ["HOAN TRA"] if arrival.returned else []
    words += [PROTOCOLS[payouts[0].gateway].title.upper(), "CHI TRA" if arrival.amount > 0 or arrival.returned else "THU HOI"]
    words += [payout.reference for payout in payouts] if arrival.named else []
    words += ["NGAY", " ".join(f"{payout.day:%d/%m/%Y}" for payout in payouts), "TK", payouts[0].terminal]
    return " ".join([*words, *(["LAN", arrival.place] if arrival.place else [])])


def _reference(gateway: Simulation, key: str, on: date) -> str:
    return f"FT{on:%y%j}{draw(f'{gateway.config.seed}|bank|{key}', 10**8):08d}"


def _booked_at(gateway: Simulation, key: str, on: date) -> datetime:
    second = _OPENS_S + draw(f"{gateway.config.seed}|booked|{key}", _OPEN_S)
    return datetime(on.year, on.month, on.day, tzinfo=GMT7) + timedelta(seconds=second)
