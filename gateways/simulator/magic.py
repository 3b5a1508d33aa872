"""What an amount's last three digits mean in a sandbox (`SimulatorConfig.magic_amounts`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateways.simulator.refunds import RefundScenario
from gateways.simulator.scenarios import Scenario
from gateways.simulator.troubles import Trouble


@dataclass(frozen=True, slots=True)
class Magic:
    """What becomes of an order, why it is refused, what becomes of its refunds, and how the call that makes it fails."""

    scenario: Scenario = Scenario.PAID
    cause: str = ""
    """One of a protocol's `causes`."""
    refund: RefundScenario = RefundScenario.ACCEPTED
    trouble: Trouble | None = None


_USUAL = Magic()

MAGIC: Mapping[int, Magic] = {
    1: Magic(Scenario.REFUSED),
    2: Magic(Scenario.CANCELLED),
    3: Magic(Scenario.SLOW),
    4: Magic(Scenario.LOST),
    5: Magic(Scenario.TWICE),
    6: Magic(Scenario.OUT_OF_ORDER),
    7: Magic(Scenario.EARLY),
    8: Magic(Scenario.LATE),
    9: Magic(Scenario.DAYS_LATE),
    10: Magic(Scenario.FORGED),
    11: Magic(Scenario.WRONG_AMOUNT),
    12: Magic(Scenario.OTHER_CURRENCY),
    13: Magic(Scenario.REVERSED),
    14: Magic(Scenario.STALE),
    15: Magic(Scenario.ABANDONED),
    51: Magic(Scenario.REFUSED, "funds"),
    52: Magic(Scenario.REFUSED, "limit"),
    53: Magic(Scenario.REFUSED, "account"),
    54: Magic(Scenario.REFUSED, "issuer"),
    101: Magic(refund=RefundScenario.REFUSED),
    102: Magic(refund=RefundScenario.SLOW),
    103: Magic(refund=RefundScenario.REFUSED_LATER),
    104: Magic(refund=RefundScenario.LOST),
    105: Magic(refund=RefundScenario.UNKNOWN_DONE),
    106: Magic(refund=RefundScenario.UNKNOWN_NOT_DONE),
    201: Magic(trouble=Trouble.ERRORS),
    202: Magic(trouble=Trouble.HANG),
    203: Magic(trouble=Trouble.MAINTENANCE),
}


def magic_of(amount: int) -> Magic:
    """What this amount, in VND, stands for; any other is paid and given back as usual."""
    return MAGIC.get(amount % 1000, _USUAL)
