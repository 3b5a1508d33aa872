"""What a citizen is offered for one payment, in which order, and why.

Only what can take this amount now and brings every line to its own agency: a *direct* account pays one agency, and is offered only
where all lines are that agency's. The order is a rule: the agency's own account, then what costs less, then what works more often,
then the order of the register. Where everything that is left is failing, it is offered all the same: a way that may work is better
than none.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import pairwise

from payhub.accounts.health import Condition
from payhub.hub import Hub
from payhub.payments.ways import Way, open_ways
from payhub.registers import Registers

_RATE_STEP = 20
"""Rates are compared in steps of one twentieth: less is chance."""


class Refusal(StrEnum):
    """Why a way is shown and cannot be chosen."""

    LIMITS = "limits"
    HELD = "held"
    FAILING = "failing"


class Because(StrEnum):
    """By what one way stands before the next."""

    AGENCY = "agency"
    COST = "cost"
    RATE = "rate"
    RANK = "rank"
    LAST = "last"


@dataclass(frozen=True, slots=True)
class Offer:
    """One way for one payment."""

    way: Way
    refusal: Refusal | None
    because: Because = Because.LAST

    @property
    def usable(self) -> bool:
        """Whether it can be chosen."""
        return self.refusal is None


def offers(
    hub: Hub, registers: Registers, amount: int, currency: str, agencies: AbstractSet[uuid.UUID], now: datetime
) -> Sequence[Offer]:
    """Return the ways for a payment, those that can be chosen first; what could never pay it is not among them."""
    reaching = [way for way in open_ways(hub, registers, now) if way.account.currency == currency and _reaches(way, agencies)]
    seen = {way: _refusal(hub, registers, way, amount, currency) for way in reaching}
    if not any(refusal is None for refusal in seen.values()):
        seen = {way: None if refusal is Refusal.FAILING else refusal for way, refusal in seen.items()}
    keys = {way: _key(hub, way, agencies) for way in reaching}
    usable = sorted((way for way in reaching if seen[way] is None), key=lambda way: keys[way])
    reasons = [_because(keys[one], keys[next_]) for one, next_ in pairwise(usable)] + [Because.LAST]
    chosen = [Offer(way, None, because) for way, because in zip(usable, reasons, strict=False)]
    return [*chosen, *(Offer(way, seen[way]) for way in reaching if seen[way] is not None)]


def refused(hub: Hub, registers: Registers, way: Way, now: datetime) -> Refusal | None:
    """Return why a way takes no attempt now, whatever the payment: held, or failing while another is not."""
    if way.account.id in registers.held:
        return Refusal.HELD
    if not _failing(hub, way):
        return None
    others = (other for other in open_ways(hub, registers, now) if other.account.id not in registers.held)
    return Refusal.FAILING if any(not _failing(hub, other) for other in others) else None


def _reaches(way: Way, agencies: AbstractSet[uuid.UUID]) -> bool:
    return way.account.settlement == "pooled" or agencies == {way.account.owner_agency_id}


def _refusal(hub: Hub, registers: Registers, way: Way, amount: int, currency: str) -> Refusal | None:
    if not way.takes(amount, currency):
        return Refusal.LIMITS
    if way.account.id in registers.held:
        return Refusal.HELD
    # What this process already waits for at its limit would turn the next citizen away.
    return Refusal.FAILING if _failing(hub, way) or hub.bulkhead.full(way.account.id) else None


def _failing(hub: Hub, way: Way) -> bool:
    return hub.health.standing(way.account.id).condition is Condition.FAILING


def _key(hub: Hub, way: Way, agencies: AbstractSet[uuid.UUID]) -> tuple[int, int, int, int]:
    rate = hub.health.standing(way.account.id).rate
    worse = round((1 - rate) * _RATE_STEP) if rate is not None else 0
    return 0 if agencies == {way.account.owner_agency_id} else 1, way.account.cost_bp, worse, way.account.rank


def _because(one: Sequence[int], other: Sequence[int]) -> Because:
    named = zip((Because.AGENCY, Because.COST, Because.RATE), one, other, strict=False)
    return next((because for because, mine, theirs in named if mine != theirs), Because.RANK)
