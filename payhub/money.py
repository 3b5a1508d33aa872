"""Money: an integer of minor units with its currency."""

from __future__ import annotations

from dataclasses import dataclass

MAX_AMOUNT = 10**15
"""The largest amount accepted anywhere, in minor units: far above any fee, far below 64 bits, so sums never overflow."""


class CurrencyMismatch(ValueError):
    """Two currencies met in one sum."""


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount in minor units (VND has none) and its ISO 4217 code."""

    amount: int
    currency: str = "VND"

    def __add__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.amount + other.amount, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.amount - other.amount, self.currency)

    def _same(self, other: Money) -> None:
        if self.currency != other.currency:
            raise CurrencyMismatch(f"{self.currency} and {other.currency} cannot be added")

    def __str__(self) -> str:
        return f"{format_amount(self.amount)} {self.currency}"


def format_amount(amount: int) -> str:
    """Write minor units as Vietnam does, with a dot between thousands: 1.234.567."""
    return f"{amount:,}".replace(",", ".")


def share(amount: int, basis_points: int) -> int:
    """Return the part of an amount that basis points take, rounded down to a whole unit."""
    return amount * basis_points // 10_000
