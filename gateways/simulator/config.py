"""What a simulator is told when it starts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Literal, NamedTuple

GMT7 = timezone(timedelta(hours=7))
INSTANT = "%Y%m%d%H%M%S"
"""How VNPAY writes times, in GMT+7."""


class SimulatorRefused(RuntimeError):
    """The simulator does not start: beside real money it has no place."""


class Terminal(NamedTuple):
    """A merchant's terminal at the simulated gateway: the shared secret and where its IPNs go."""

    secret: str
    ipn_url: str

    def __repr__(self) -> str:
        return f"Terminal(ipn_url={self.ipn_url!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delays:
    """Seconds. The retry interval and the number of tries are VNPAY's published ones, the others are plausible."""

    ipn_s: float = 1.0
    """From the decision to the IPN."""
    retry_s: float = 300.0
    """From an IPN that was not accepted to the next try."""
    timeout_s: float = 30.0
    """How long the hub may take to answer an IPN."""
    slow_s: float = 900.0
    twice_s: float = 60.0
    reversed_s: float = 3600.0
    late_s: float = 60.0
    """From an order's expiry to the money that comes late."""
    refund_s: float = 900.0
    """From a refund in process to one sent to the bank, or refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorConfig:
    """All settings of one simulator. `terminals` maps a terminal's code to its secret and IPN URL."""

    terminals: Mapping[str, tuple[str, str]] = field(repr=False)
    mode: str
    """The deployment's; other than "test" is refused."""
    host: str = "127.0.0.1"
    port: int = 8089
    seed: int = 1
    mix: Mapping[str, int] = field(default_factory=lambda: {"paid": 1})
    """Scenario to weight, for orders nobody gave a scenario."""
    mix_by: Literal["order_info", "ordinal"] = "order_info"
    """What the mix depends on besides the seed: vnp_OrderInfo and how often it came before, or the order's ordinal."""
    delays: Delays = field(default_factory=Delays)
    tries: int = 10
    """How often one IPN is sent at most."""
    expired_status: Literal["01", "02"] = "01"
    """What querydr says of an expired order that nobody decided; VNPAY's own habit is not published."""
    query_tells: Literal["refund", "payment"] = "refund"
    """What querydr speaks of after a refund: the last refund, or the payment still. VNPAY's habit is not published."""
    refund_lines_by: Literal["refund", "order"] = "refund"
    """Whose reference a refund's line in the settlement file has: the refund's own (vnp_RequestId) or the order's (vnp_TxnRef)."""
    books_path: Path | None = None
    """A JSON Lines file that outlives the process; None keeps the books in memory only."""
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC), repr=False)
    """The instant the books are written with. Delays pass in real time."""

    def terminal(self, code: str) -> Terminal | None:
        """Look a terminal up by its code."""
        found = self.terminals.get(code)
        return Terminal(*found) if found else None
