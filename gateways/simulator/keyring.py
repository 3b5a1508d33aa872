"""The merchants' secrets: as configured, and as they are rotated by a driver while the gateways go on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from itertools import product

from gateways.simulator.books import Books
from gateways.simulator.config import SimulatorConfig
from gateways.simulator.protocols import PROTOCOLS


class Keyring:
    """Which secrets of an account are accepted, and which one signs now. At most two of a name are live."""

    def __init__(self, config: SimulatorConfig, books: Books) -> None:
        self._config, self._books = config, books

    def live(self, gateway: str, terminal: str) -> list[tuple[str, ...]]:
        """List the ways in which the account's secrets may be used together, as `merchants` has them; none for no such account."""
        protocol = PROTOCOLS[gateway]
        configured = protocol.merchants(self._config).get(terminal)
        if configured is None:
            return []
        named = [self.accepted(terminal, name, value) for name, value in zip(protocol.secrets, configured, strict=False)]
        return list(product(*named, *([value] for value in configured[len(named) :])))

    def accepted(self, terminal: str, name: str, configured: str) -> list[str]:
        """List what is accepted of one secret, the oldest first."""
        known = self._books.secrets.get((terminal, name), {"given": [], "forgotten": False})
        return [*([] if known["forgotten"] else [configured]), *(each["value"] for each in known["given"])]

    def signing(self) -> SimulatorConfig:
        """Return the settings with the secrets that sign now."""
        if not self._books.secrets:
            return self._config
        vnpay, momo, zalopay = (self._signing(name) for name in ("vnpay", "momo", "zalopay"))
        return replace(self._config, terminals=vnpay, momo=momo, zalopay=zalopay)

    def newest_signs(self, terminal: str, name: str) -> bool:
        """Whether the newest secret of this name signs already, or is the only one."""
        known = self._books.secrets.get((terminal, name))
        if known is None or (known["forgotten"] and len(known["given"]) == 1):
            return True
        return datetime.fromisoformat(known["given"][-1]["signs_from"]) <= self._config.clock()

    def _signing(self, gateway: str) -> Mapping[str, tuple[str, str]]:
        protocol = PROTOCOLS[gateway]
        signing: dict[str, tuple[str, str]] = {}
        for terminal, configured in protocol.merchants(self._config).items():
            values = list(configured)
            for place, name in enumerate(protocol.secrets):
                live = self.accepted(terminal, name, configured[place])
                values[place] = live[-1] if self.newest_signs(terminal, name) else live[0]
            first, second = values
            signing[terminal] = (first, second)
        return signing
