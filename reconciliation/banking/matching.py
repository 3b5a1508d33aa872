"""Which entry at the bank is which payout: a function of rows and of nothing else, so that no order of arrival matters.

By name: an entry whose text names one payout and has its net is that payout. By amount and date alone only where exactly one
entry and one payout fit each other; and even then it is a suggestion, unless the account's terms say what must stand in the text.
A payout is banked whole or not at all.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

REACH = timedelta(days=60)
"""How far from its due date an entry may be that names a payout."""
_EARLY = timedelta(days=1)

Key = tuple[uuid.UUID, str, str]
"""Gateway account, reference, currency: what a payout is."""


@dataclass(frozen=True, slots=True)
class Payout:
    """What settlements that count say of one payment of a gateway to us."""

    key: Key
    net: int
    due_on: date
    awaited_until: date
    marked: bool = False
    """Whether amount and date are enough where the account's mark stands in the text."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One movement that counts, and what its text says."""

    id: uuid.UUID
    identity: bytes
    booked_on: date
    amount: int
    currency: str
    names: frozenset[tuple[uuid.UUID, str]] = frozenset()
    marks: frozenset[uuid.UUID] = frozenset()


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two people's word that these entries are these payouts."""

    id: uuid.UUID
    entries: frozenset[uuid.UUID]
    payouts: frozenset[Key]


@dataclass(frozen=True, slots=True)
class Decision:
    """Where a payout stands. `told`: the entries that name it, in the order of time."""

    state: str
    entry: Entry | None = None
    suggested: Entry | None = None
    told: Sequence[Entry] = ()
    alone: Collection[uuid.UUID] = field(default=frozenset())
    """Those of them that name no other payout."""
    agreement: uuid.UUID | None = None
    """By which people said that `told` are it, alone or with other payouts."""

    @property
    def credited(self) -> int:
        """What arrived of it and stayed, as far as the entries name nothing else."""
        return sum(entry.amount for entry in self.told if entry.id in self.alone)


def decide(
    payouts: Iterable[Payout], entries: Iterable[Entry], covered: Callable[[Payout], bool], agreements: Iterable[Agreement] = ()
) -> dict[Key, Decision]:
    """Return where each payout stands. `covered` tells whether every statement is in that could show it in time."""
    known, there = {payout.key: payout for payout in payouts}, {entry.id: entry for entry in entries}
    agreed = _by_agreement(known, there, agreements)
    # What people have said of a payout is said instead of what follows by itself, and no part of it is anything else.
    taken = {entry.id for each in agreed.values() for entry in each.told}
    known = {key: payout for key, payout in known.items() if key not in agreed}
    naming, unnamed = _named(known, [entry for entry in there.values() if entry.id not in taken])
    decided = {key: _by_name(known[key], told, naming) for key, told in _by_payout(naming).items()}
    rest = [payout for key, payout in known.items() if key not in decided]
    decided |= {payout.key: Decision("banked") for payout in rest if payout.net == 0}
    decided |= _by_amount([payout for payout in rest if payout.net], unnamed)
    for payout in known.values():
        found = decided.get(payout.key)
        if found is None or found.state == "awaited":
            suggested = None if found is None else found.suggested
            decided[payout.key] = Decision("missing" if covered(payout) else "awaited", suggested=suggested)
    return decided | agreed


def within_reach(payout: Payout, booked_on: date) -> bool:
    """Tell whether an entry of this day may be about the payout."""
    return abs(booked_on - payout.due_on) <= REACH


def _by_agreement(
    known: Mapping[Key, Payout], there: Mapping[uuid.UUID, Entry], agreements: Iterable[Agreement]
) -> dict[Key, Decision]:
    """Return what people have said that still holds: all of it is there, the sums are the same, the bank says nothing else."""
    naming, _ = _named(known, there.values())
    decided = {}
    for agreement in agreements:
        told = sorted((there[each] for each in agreement.entries if each in there), key=_in_time)
        meant = [known[key] for key in agreement.payouts if key in known]
        if (len(told), len(meant)) != (len(agreement.entries), len(agreement.payouts)):
            continue
        # What names a payout besides, and was not taken back itself, is news: the money was returned, say, or came again.
        others = [entry for entry, keys in naming.values() if entry.id not in agreement.entries and agreement.payouts & set(keys)]
        if _standing(sorted(others, key=_in_time)) or sum(each.amount for each in told) != sum(each.net for each in meant):
            continue
        for payout in meant:
            decided[payout.key] = Decision("banked", told=told, agreement=agreement.id)
    return decided


_Naming = Mapping[uuid.UUID, tuple[Entry, Sequence[Key]]]


def _named(known: Mapping[Key, Payout], entries: Iterable[Entry]) -> tuple[_Naming, list[Entry]]:
    """Part the entries into those that name payouts, with these, and the others."""
    naming: dict[uuid.UUID, tuple[Entry, Sequence[Key]]] = {}
    unnamed = []
    for entry in entries:
        keys = [(account, reference, entry.currency) for account, reference in sorted(entry.names)]
        meant = [key for key in keys if key in known and within_reach(known[key], entry.booked_on)]
        if meant:
            naming[entry.id] = entry, meant
        else:
            unnamed.append(entry)
    return naming, unnamed


def _by_payout(naming: _Naming) -> Mapping[Key, Sequence[Entry]]:
    told: defaultdict[Key, list[Entry]] = defaultdict(list)
    for entry, keys in naming.values():
        for key in keys:
            told[key].append(entry)
    return {key: sorted(found, key=_in_time) for key, found in told.items()}


def _in_time(entry: Entry) -> tuple[date, bytes]:
    return entry.booked_on, entry.identity


def _by_name(payout: Payout, told: Sequence[Entry], naming: _Naming) -> Decision:
    alone = frozenset(entry.id for entry in told if len(naming[entry.id][1]) == 1)
    left = _standing(told)
    if len(left) == 1 and left[0].id in alone and left[0].amount == payout.net:
        return Decision("banked", left[0], told=told, alone=alone)
    return Decision("differs", told=told, alone=alone)


def _standing(told: Sequence[Entry]) -> list[Entry]:
    """Return what is left when every entry that was taken back is left out, with what took it back."""
    left: list[Entry] = []
    for entry in told:
        opposite = next((each for each in left if each.amount == -entry.amount), None)
        if opposite is None:
            left.append(entry)
        else:
            left.remove(opposite)
    return left


def _by_amount(payouts: Sequence[Payout], entries: Sequence[Entry]) -> dict[Key, Decision]:
    """Find the pairs of one payout and one entry that fit each other and nothing else."""
    alike: defaultdict[tuple[int, str], list[Entry]] = defaultdict(list)
    for entry in entries:
        alike[entry.amount, entry.currency].append(entry)
    fitting = {
        payout.key: [
            entry
            for entry in alike.get((payout.net, payout.key[2]), ())
            if payout.due_on - _EARLY <= entry.booked_on <= payout.awaited_until
        ]
        for payout in payouts
    }
    wanted: defaultdict[uuid.UUID, int] = defaultdict(int)
    for found in fitting.values():
        for entry in found:
            wanted[entry.id] += 1
    decided = {}
    for payout in payouts:
        found = fitting[payout.key]
        if len(found) != 1 or wanted[found[0].id] != 1:
            continue
        if payout.marked and payout.key[0] in found[0].marks:
            decided[payout.key] = Decision("banked", found[0])
        else:
            decided[payout.key] = Decision("awaited", suggested=found[0])
    return decided
