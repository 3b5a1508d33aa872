"""How portals are told: settings. Who does it is in the room `webhooks`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Webhooks:
    """Telling portals: when to try again after each failure, in seconds; after the last step a delivery is dead.

    Each wait is longer by up to `spread_percent`. Tries are kept for `log_days`.
    """

    retry_s: tuple[int, ...] = (5, 60, 300, 1800, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)
    spread_percent: int = 20
    log_days: int = 30
    timeout_s: float = 15.0
    private_addresses: bool = False
    ca_bundle: str = ""
    """A PEM file of every authority whose certificates are believed; without it, those of the `certifi` package are."""

    @property
    def sound(self) -> bool:
        """Tell whether waits are spread by a share of themselves, and tries kept for a while."""
        return 0 <= self.spread_percent <= 100 and self.log_days >= 1
