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
    """The bank refuses; code 51 unless another is given."""
    CANCELLED = "cancelled"
    """The citizen gives up at the bank's page."""
    SLOW = "slow"
    TWICE = "twice"
    LOST = "lost"
    """Paid and no IPN: only a query or the settlement tells."""
    FORGED = "forged"
    """A stranger's IPN with a bad signature comes before the true one."""
    EARLY = "early"
    """The IPN arrives before the browser is sent back."""
    WRONG_AMOUNT = "wrong_amount"
    """The IPN states 1,000 VND too much; the books are right."""
    REVERSED = "reversed"
    """Paid, and later TransactionStatus 04."""
    OUT_OF_ORDER = "out_of_order"
    """An IPN of a failed try, then the IPN of the one that succeeded."""
    STALE = "stale"
    """The IPN of the success, then an older one that still says not finished."""
    ABANDONED = "abandoned"
    """Never decided, whatever button is pressed."""
    LATE = "late"
    """The money comes after the order's expiry, and is taken."""


class Tells(StrEnum):
    """What one IPN says."""

    TRUTH = "truth"
    FORGED = "forged"
    WRONG_AMOUNT = "wrong_amount"
    FAILED = "failed"
    UNFINISHED = "unfinished"
    REVERSAL = "reversal"


@dataclass(frozen=True, slots=True)
class Ipn:
    """One IPN of a script: what it tells and which of the delays lies between it and the one before, or the decision."""

    tells: Tells = Tells.TRUTH
    after: str = "ipn_s"


@dataclass(frozen=True, slots=True)
class Script:
    """What the gateway books when the citizen pays, and the IPNs it sends, each first tried after the one before was."""

    code: str = "00"
    status: str = "00"
    ipns: tuple[Ipn, ...] = (Ipn(),)
    at_once: bool = False
    """The first IPN is sent while the browser waits."""
    held: bool = False
    """Nothing is booked before the first IPN is due, which is after the order's expiry."""


SCRIPTS: Mapping[Scenario, Script] = {
    Scenario.PAID: Script(),
    Scenario.REFUSED: Script(code="51", status="02"),
    Scenario.CANCELLED: Script(code="24", status="02"),
    Scenario.SLOW: Script(ipns=(Ipn(after="slow_s"),)),
    Scenario.TWICE: Script(ipns=(Ipn(), Ipn(after="twice_s"))),
    Scenario.LOST: Script(ipns=()),
    Scenario.FORGED: Script(ipns=(Ipn(Tells.FORGED), Ipn())),
    Scenario.EARLY: Script(at_once=True),
    Scenario.WRONG_AMOUNT: Script(ipns=(Ipn(Tells.WRONG_AMOUNT),)),
    Scenario.REVERSED: Script(ipns=(Ipn(), Ipn(Tells.REVERSAL, "reversed_s"))),
    Scenario.OUT_OF_ORDER: Script(ipns=(Ipn(Tells.FAILED), Ipn())),
    Scenario.STALE: Script(ipns=(Ipn(), Ipn(Tells.UNFINISHED))),
    Scenario.ABANDONED: Script(code="", status="01", ipns=()),
    Scenario.LATE: Script(ipns=(Ipn(after="late_s"),), held=True),
}

_OF_ANY_DECISION = {Tells.TRUTH, Tells.FORGED, Tells.WRONG_AMOUNT}


def unpaid(script: Script, code: str) -> Script:
    """The same delivery for an order that is refused or cancelled with this code instead of paid."""
    ipns = tuple(ipn for ipn in script.ipns if ipn.tells in _OF_ANY_DECISION and ipn.after != "late_s")
    if script.ipns and not ipns:
        ipns = (Ipn(),)
    return Script(code, "07" if code == "07" else "02", ipns, script.at_once)


def drawn(seed: int, mix: Mapping[str, int], key: str) -> Scenario:
    """The scenario of the order with this key: SHA-256 of seed and key, modulo the weights' sum, in the mix's order.

    The same seed, mix and key give the same scenario on every machine, in whatever order the orders come.
    """
    place = int.from_bytes(hashlib.sha256(f"{seed}|{key}".encode()).digest()) % sum(mix.values())
    for name, weight in mix.items():
        place -= weight
        if place < 0:
            return Scenario(name)
    raise AssertionError("the weights are positive")
