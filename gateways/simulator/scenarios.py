"""What can become of an order, as data."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Scenario(StrEnum):
    """What the gateway does with an order once the citizen decides to pay."""

    PAID = "paid"
    REFUSED = "refused"
    """The bank or the wallet refuses, with the usual code unless another is given."""
    CANCELLED = "cancelled"
    """The citizen gives up at the gateway's page."""
    SLOW = "slow"
    DAYS_LATE = "days_late"
    TWICE = "twice"
    LOST = "lost"
    """Paid and no message: only a query or the settlement tells."""
    FORGED = "forged"
    """A stranger's message with a bad signature comes before the true one."""
    EARLY = "early"
    """The message arrives before the hub has its answer to create, or the browser is sent back."""
    WRONG_AMOUNT = "wrong_amount"
    """The message states 1,000 VND too much; the books are right."""
    OTHER_CURRENCY = "other_currency"
    """The message states US dollars; the books are right."""
    REVERSED = "reversed"
    """Paid, and later taken back."""
    OUT_OF_ORDER = "out_of_order"
    """A message of a failed try, then the one of the try that succeeded."""
    STALE = "stale"
    """The message of the success, then an older one that still says not finished."""
    ABANDONED = "abandoned"
    """Never decided, whatever button is pressed."""
    LATE = "late"
    """The money comes after the order's expiry, and is taken."""


class Ending(StrEnum):
    """How the citizen's part of an order ends."""

    PAID = "paid"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Tells(StrEnum):
    """What one message says."""

    TRUTH = "truth"
    FORGED = "forged"
    WRONG_AMOUNT = "wrong_amount"
    OTHER_CURRENCY = "other_currency"
    FAILED = "failed"
    UNFINISHED = "unfinished"
    REVERSAL = "reversal"


@dataclass(frozen=True, slots=True)
class Telling:
    """One message of a script: what it tells and which of the delays lies between it and the one before, or the decision."""

    tells: Tells = Tells.TRUTH
    after: str = "ipn_s"


@dataclass(frozen=True, slots=True)
class Script:
    """What the gateway books when the citizen pays, and the messages it sends, each first tried after the one before was."""

    ending: Ending = Ending.PAID
    messages: tuple[Telling, ...] = (Telling(),)
    at_once: bool = False
    """The first message is sent while the browser, or the hub's request, waits."""
    held: bool = False
    """Nothing is booked before the first message is due, which is after the order's expiry."""


SCRIPTS: Mapping[Scenario, Script] = {
    Scenario.PAID: Script(),
    Scenario.REFUSED: Script(Ending.REFUSED),
    Scenario.CANCELLED: Script(Ending.CANCELLED),
    Scenario.SLOW: Script(messages=(Telling(after="slow_s"),)),
    Scenario.DAYS_LATE: Script(messages=(Telling(after="days_late_s"),)),
    Scenario.TWICE: Script(messages=(Telling(), Telling(after="twice_s"))),
    Scenario.LOST: Script(messages=()),
    Scenario.FORGED: Script(messages=(Telling(Tells.FORGED), Telling())),
    Scenario.EARLY: Script(at_once=True),
    Scenario.WRONG_AMOUNT: Script(messages=(Telling(Tells.WRONG_AMOUNT),)),
    Scenario.OTHER_CURRENCY: Script(messages=(Telling(Tells.OTHER_CURRENCY),)),
    Scenario.REVERSED: Script(messages=(Telling(), Telling(Tells.REVERSAL, "reversed_s"))),
    Scenario.OUT_OF_ORDER: Script(messages=(Telling(Tells.FAILED), Telling())),
    Scenario.STALE: Script(messages=(Telling(), Telling(Tells.UNFINISHED))),
    Scenario.ABANDONED: Script(messages=()),
    Scenario.LATE: Script(messages=(Telling(after="late_s"),), held=True),
}

_OF_ANY_DECISION = {Tells.TRUTH, Tells.FORGED, Tells.WRONG_AMOUNT, Tells.OTHER_CURRENCY}


def unpaid(script: Script, ending: Ending) -> Script:
    """The same delivery for an order that is not paid but ends like this."""
    messages = tuple(each for each in script.messages if each.tells in _OF_ANY_DECISION and each.after != "late_s")
    if script.messages and not messages:
        messages = (Telling(),)
    return Script(ending, messages, script.at_once)


def drawn(seed: int, mix: Mapping[str, int], key: str) -> Scenario:
    """The scenario of the order with this key: SHA-256 of seed and key, modulo the weights' sum, in the mix's order.

    The same seed, mix and key give the same scenario on every machine, in whatever order the orders come.
    """
    place = draw(f"{seed}|{key}", sum(mix.values()))
    for name, weight in mix.items():
        place -= weight
        if place < 0:
            return Scenario(name)
    raise AssertionError("the weights are positive")


def draw(key: str, of: int) -> int:
    """A number from 0 to below `of` that depends on the key only."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()) % of
