"""Whom a round kills and when: everything follows from its seed."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

TARGETS: Mapping[str, Sequence[str]] = {
    # victim: what of it is killed. The first is its main process; another is a process under that, which starts it again.
    "web": ("web", "web/worker"),
    "worker": ("worker", "worker/jobs"),
    "scheduler": ("scheduler",),
    "valkey": ("valkey",),
    "postgres": ("postgres", "postgres/backend"),
}
_CALM_S = (0.4, 2.0)
_PAUSE_S = (0.0, 1.2)
_TWO_AT_ONCE = 0.2
"""How often a strike hits two victims."""


@dataclass(frozen=True, slots=True)
class Strike:
    """So long after the last one these targets are killed, and so long after that started again, in this order."""

    calm_s: float
    targets: Sequence[str]
    pause_s: float


def victim_of(target: str) -> str:
    """Return whom a target belongs to."""
    return target.partition("/")[0]


def plan(seed: int, kills: int) -> list[Strike]:
    """Plan a round of so many kills; of five and more every victim has its share."""
    chance = random.Random(seed)
    victims = chance.sample(list(TARGETS), len(TARGETS)) + chance.choices(list(TARGETS), k=max(0, kills - len(TARGETS)))
    waiting = [chance.choice(TARGETS[victim]) for victim in victims[:kills]]
    strikes = []
    while waiting:
        targets = [waiting.pop(0)]
        if waiting and victim_of(waiting[0]) != victim_of(targets[0]) and chance.random() < _TWO_AT_ONCE:
            targets.append(waiting.pop(0))
        chance.shuffle(targets)
        strikes.append(Strike(chance.uniform(*_CALM_S), targets, chance.uniform(*_PAUSE_S)))
    return strikes
