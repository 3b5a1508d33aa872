"""What a hub is told about keeping registers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Registers:
    """A new account waits for `cooling_days` working days of `calendar` after two people agreed on it."""

    cooling_days: int = 3
    calendar: str = "kbnn"

    @property
    def waits(self) -> bool:
        """Tell whether an account waits at all, and not for ever."""
        return 1 <= self.cooling_days <= 30
