"""What a gateway pays over of a day, when, and what of it arrives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

from gateways.simulator.collected import Collected
from gateways.simulator.orders import Fact
from gateways.simulator.protocols import protocol_of_terminal
from gateways.simulator.scenarios import draw
from gateways.simulator.settlement import Kind, Line
from gateways.simulator.simulation import Simulation
from gateways.simulator.terms import USUAL

_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Payout:
    """One account's day as it is paid over: whole VND, `adjustments` with their sign, all else positive."""

    gateway: str
    terminal: str
    day: date
    reference: str
    """The gateway's own."""
    due_on: date
    lines: int
    gross: int
    refunds: int
    reversals: int
    fees: int
    adjustments: int

    @property
    def net(self) -> int:
        """What is to arrive; below nothing, what the gateway collects."""
        return self.gross - self.refunds - self.reversals - self.fees + self.adjustments


@dataclass(frozen=True, slots=True)
class Arrival:
    """One entry at the bank that pays payouts: how much of which day, when, and what its text says."""

    parts: tuple[tuple[date, int], ...]
    on: date
    named: bool = True
    place: str = ""
    """Which of how many, of a payout that comes in several."""
    returned: bool = False

    @property
    def amount(self) -> int:
        """The entry's amount: negative for a debit."""
        return sum(amount for _, amount in self.parts)

    def of(self, day: date) -> bool:
        """Whether money of this day is in it."""
        return any(part == day for part, _ in self.parts)


def reference_of(seed: int, terminal: str, day: date) -> str:
    """Name the payout of an account's day: the same for the same seed."""
    return f"PO{day:%y%m%d}{draw(f'{seed}|payout|{terminal}|{day}', 10**8):08d}"


def working(day: date) -> date:
    """Return the day itself, or the Monday after a weekend."""
    return day + timedelta(days=7 - day.weekday() if day.weekday() >= _SATURDAY else 0)


def due_on(day: date, lag_days: int) -> date:
    """When a day is paid over: the next working day, and so many working days later."""
    for _ in range(lag_days + 1):
        day = working(day + timedelta(days=1))
    return day


def payouts_of(gateway: Simulation, terminal: str) -> list[Payout]:
    """List the payouts of an account, one for each day that has lines."""
    collected = Collected(gateway, terminal)
    of_days = ((day, collected.on(day)) for day in collected.days())
    return [_payout(gateway, terminal, day, lines) for day, lines in of_days if lines]


def arrivals_of(payouts: Iterable[Payout], disagreements: Iterable[Fact]) -> list[Arrival]:
    """List what arrives of an account's payouts: each on its due date as it is, but for what was planned, in that order."""
    arrivals = [Arrival(((payout.day, payout.net),), payout.due_on) for payout in payouts]
    for told in disagreements:
        change, day = PAYOUT_DISAGREEMENTS[told["kind"]], date.fromisoformat(told["date"])
        arrivals = change(arrivals, day, told)
    return [arrival for arrival in arrivals if arrival.amount]


def _payout(gateway: Simulation, terminal: str, day: date, lines: list[Line]) -> Payout:
    protocol = protocol_of_terminal(gateway.config, terminal)
    sums = {kind: sum(line.amount for line in lines if line.kind is kind) for kind in Kind}
    return Payout(
        gateway=protocol.name if protocol else "",
        terminal=terminal,
        day=day,
        reference=reference_of(gateway.config.seed, terminal, day),
        due_on=due_on(day, gateway.config.terms.get(terminal, USUAL).lag_days),
        lines=len(lines),
        gross=sums[Kind.PAYMENT],
        refunds=sums[Kind.REFUND],
        reversals=sums[Kind.REVERSAL],
        fees=sum(line.fee for line in lines) + sums[Kind.FEE],
        adjustments=sums[Kind.ADJUST_IN] - sums[Kind.ADJUST_OUT],
    )


def _unpaid(arrivals: list[Arrival], day: date, _told: Fact) -> list[Arrival]:
    return [replace(each, parts=tuple(part for part in each.parts if part[0] != day)) for each in arrivals]


def _late(arrivals: list[Arrival], day: date, told: Fact) -> list[Arrival]:
    return [replace(each, on=_later(each.on, told["days"])) if each.of(day) else each for each in arrivals]


def _short(arrivals: list[Arrival], day: date, told: Fact) -> list[Arrival]:
    first = next((each for each in arrivals if each.of(day)), None)
    if first is None:
        return arrivals
    parts = tuple((part, max(0, amount - told["amount"]) if part == day and amount > 0 else amount) for part, amount in first.parts)
    return [replace(each, parts=parts) if each is first else each for each in arrivals]


def _split(arrivals: list[Arrival], day: date, told: Fact) -> list[Arrival]:
    first = next((each for each in arrivals if each.of(day)), None)
    if first is None:
        return arrivals
    whole = dict(first.parts)[day]
    cut = min(told.get("amount", whole // 2), whole)
    parts = tuple((part, cut if part == day else amount) for part, amount in first.parts)
    pieces = [replace(first, parts=parts, place="1/2"), replace(first, parts=((day, whole - cut),), place="2/2")]
    return [piece for each in arrivals for piece in (pieces if each is first else [each])]


def _merged(arrivals: list[Arrival], day: date, told: Fact) -> list[Arrival]:
    days = {day, date.fromisoformat(told["with"])}
    joined = [each for each in arrivals if not each.returned and any(each.of(part) for part in days)]
    if len(joined) < 2:
        return arrivals
    sums: dict[date, int] = {}
    for part, amount in (part for each in joined for part in each.parts):
        sums[part] = sums.get(part, 0) + amount
    one = replace(joined[0], parts=tuple(sorted(sums.items())), on=max(each.on for each in joined), place="")
    return [one if each is joined[0] else each for each in arrivals if each is joined[0] or each not in joined]


def _unnamed(arrivals: list[Arrival], day: date, _told: Fact) -> list[Arrival]:
    return [replace(each, named=False) if each.of(day) else each for each in arrivals]


def _returned(arrivals: list[Arrival], day: date, told: Fact) -> list[Arrival]:
    back = [
        replace(each, parts=tuple((part, -amount) for part, amount in each.parts), on=_later(each.on, told["days"]), returned=True)
        for each in arrivals
        if each.of(day) and not each.returned
    ]
    return [*arrivals, *back]


def _later(day: date, days: int) -> date:
    return working(day + timedelta(days=days))


PAYOUT_DISAGREEMENTS: Mapping[str, Callable[[list[Arrival], date, Fact], list[Arrival]]] = {
    "unpaid": _unpaid,
    "late": _late,
    "short": _short,
    "split": _split,
    "merged": _merged,
    "unnamed": _unnamed,
    "returned": _returned,
}
"""How what arrives of a payout differs from what was announced."""
