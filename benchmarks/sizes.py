"""How much is measured, and for how long."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """One run of the benchmarks. Every figure printed is the median of its rounds."""

    rounds: int = 5
    turns: int = 2
    """So often in each round creates, life-cycles and the floor take turns: a disturbance of seconds then meets all of them."""
    warm_up_s: float = 5.0
    creates_s: float = 1.5
    lifecycles_s: float = 2.0
    floor_s: int = 2
    arrivals_s: float = 4.0
    """So long in each round creates arrive at random, at `arrivals_share` of the rate the round has just reached."""
    arrivals_share: float = 0.7
    arrivals_connections: int = 64
    compared: int = 200
    """Life-cycles of each kind whose rows are counted and compared, a multiple of the floor's clients."""
    settled: int = 100_000
    """Paid payments of one settled day, and lines of its file; there are as many days as rounds."""
    inside: int = 400
    """Requests timed inside one process."""
    connections: int = 16
    workers: int = 2
    threads: int = 4


FULL = Sizes()
QUICK = Sizes(
    rounds=1, turns=1, warm_up_s=0.5, creates_s=1.0, lifecycles_s=1.0, floor_s=1, arrivals_s=1.0, compared=40, settled=2_000,
    inside=40, workers=1,
)  # fmt: skip
