"""When a gateway account counts as failing, and how much of a process it may take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Breaker:
    """When breakers open and close, and what else holds of every gateway account alike."""

    window_s: int = 60
    least_calls: int = 10
    """In the window, below which nothing is concluded."""
    worst_percent: int = 50
    """Of them bad, from which on it opens."""
    slow_s: float = 10.0
    open_s: int = 30
    """Until the first probe; twice as long after each that is bad, up to ten minutes."""
    fresh_s: float = 1.0
    """How old a process' view of the others may be."""
    orders_at_once: int = 0
    """How many orders one web process asks one account for at the same time; 0: as many as half of its threads."""
    banks: bool = True
    """Whether gateways are asked for the banks that a citizen may choose."""

    @property
    def longest_s(self) -> int:
        """The longest wait for a probe."""
        return max(600, self.open_s)

    def orders_of(self, threads: int) -> int:
        """How many orders a process of so many threads has under way at one account: all but one of them at most."""
        return max(1, min(self.orders_at_once or threads // 2, threads - 1))
