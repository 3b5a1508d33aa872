"""On what terms a gateway keeps a merchant's account: what it withholds of each line, and when it pays over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """What is withheld of one line, in whole VND: a share in basis points and a fixed part, within a minimum and a maximum."""

    basis_points: int = 0
    fixed: int = 0
    minimum: int = 0
    maximum: int | None = None

    def fee(self, amount: int) -> int:
        """Return the fee of an amount; its share is rounded half up."""
        least = max(self.minimum, self.fixed + (2 * amount * self.basis_points + 10_000) // 20_000)
        return least if self.maximum is None else min(least, self.maximum)

    @property
    def possible(self) -> bool:
        """Whether there can be such a tariff."""
        parts = (self.basis_points, self.fixed, self.minimum, self.minimum if self.maximum is None else self.maximum)
        return all(type(part) is int and part >= 0 for part in parts) and parts[3] >= self.minimum


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The terms of one merchant's account. Who says nothing pays nothing and is paid the next working day."""

    payments: Tariff = Tariff()
    refunds: Tariff = Tariff()
    lag_days: int = 0
    """How many working days later than the next one a day's money is paid over."""

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> Terms:
        """Read terms that were written down as plain values."""
        tariffs = {name: Tariff(**told[name]) for name in ("payments", "refunds") if name in told}
        return cls(**{**told, **tariffs})

    @property
    def possible(self) -> bool:
        """Whether there can be such terms."""
        lag = type(self.lag_days) is int and 0 <= self.lag_days <= 365
        return lag and self.payments.possible and self.refunds.possible


USUAL = Terms()
