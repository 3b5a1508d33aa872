"""When a gateway account counts as failing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Breaker:
    """When breakers open and close."""

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

    @property
    def longest_s(self) -> int:
        """The longest wait for a probe."""
        return max(600, self.open_s)
