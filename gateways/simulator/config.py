"""What a simulator is told when it starts."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Literal, NamedTuple

from gateways.simulator.terms import Terms

GMT7 = timezone(timedelta(hours=7))
ACCOUNT = re.compile("[0-9A-Za-z]{1,34}")
"""The number of a bank account."""
INSTANT = "%Y%m%d%H%M%S"
"""How VNPAY writes times, in GMT+7."""


class SimulatorRefused(RuntimeError):
    """The simulator does not start: beside real money it has no place."""


class Terminal(NamedTuple):
    """A merchant's terminal at VNPAY: the shared secret and where its IPNs go."""

    secret: str
    ipn_url: str

    def __repr__(self) -> str:
        return f"Terminal(ipn_url={self.ipn_url!r})"


class Partner(NamedTuple):
    """A merchant at MoMo: the access key, which is signed and never sent back, and the secret that signs."""

    access_key: str
    secret_key: str

    def __repr__(self) -> str:
        return "Partner()"


class App(NamedTuple):
    """A merchant's app at ZaloPay: `key1` signs what the merchant asks, `key2` what ZaloPay tells."""

    key1: str
    key2: str

    def __repr__(self) -> str:
        return "App()"


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
    days_late_s: float = 259_200.0
    twice_s: float = 60.0
    reversed_s: float = 3600.0
    late_s: float = 60.0
    """From an order's expiry to the money that comes late."""
    refund_s: float = 900.0
    """From a refund in process to one sent to the bank, or refused."""
    refund_soon_s: float = 5.0
    """The same where a gateway has every refund in process first, as ZaloPay does."""
    hang_s: float = 120.0
    """How long a connection is held that is never answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorConfig:
    """All settings of one simulator: who its merchants are, and how it behaves."""

    mode: str
    """The deployment's; other than "test" is refused."""
    terminals: Mapping[str, tuple[str, str]] = field(default_factory=dict, repr=False)
    """VNPAY: terminal code to its secret and IPN URL."""
    momo: Mapping[str, tuple[str, str]] = field(default_factory=dict, repr=False)
    """MoMo: partnerCode to access key and secret key. Where its IPNs go is said with each order."""
    zalopay: Mapping[str, tuple[str, str]] = field(default_factory=dict, repr=False)
    """ZaloPay: app_id to key1 and key2. Where its callbacks go is said with each order."""
    file_keys: Mapping[str, tuple[str, str]] = field(default_factory=dict, repr=False)
    """Merchant's account to its bearer token and RSA public key (PEM): who may fetch files by day, as NAPAS gives them."""
    host: str = "127.0.0.1"
    port: int = 8089
    seed: int = 1
    mix: Mapping[str, int] = field(default_factory=lambda: {"paid": 1})
    """Scenario to weight, for orders nobody gave a scenario."""
    mix_by: Literal["order_info", "ordinal"] = "order_info"
    """What the mix depends on besides the seed: the order's text and how often it came before, or the order's ordinal."""
    magic_amounts: bool = False
    """Whether an amount's last three digits say what becomes of its order (`magic.py`): for a sandbox, where they are no fees."""
    delays: Delays = field(default_factory=Delays)
    tries: int = 10
    """How often one message is sent at most: VNPAY's own number, and MoMo's, which is not published. ZaloPay sends four times."""
    expired_status: Literal["01", "02"] = "01"
    """What querydr says of an expired order that nobody decided; VNPAY's own habit is not published."""
    query_tells: Literal["refund", "payment"] = "refund"
    """What querydr speaks of after a refund: the last refund, or the payment still. VNPAY's habit is not published."""
    refund_lines_by: Literal["refund", "order"] = "refund"
    """Whose reference a refund's line in the settlement file has: the refund's own or the order's."""
    terms: Mapping[str, Terms] = field(default_factory=dict)
    """Merchant's account to what is withheld of its lines and when it is paid; who is not named pays nothing."""
    bank_account: str = "1000000001"
    """Where payouts go of merchants' accounts that no told bank account is for."""
    momo_expires_s: float = 6000.0
    """How long an order can be paid at MoMo unless it says so itself (orderExpireTime, in minutes). Public code disagrees."""
    zalopay_expires_s: float = 900.0
    """The same at ZaloPay (expire_duration_seconds)."""
    books_path: Path | None = None
    """A JSON Lines file that outlives the process; None keeps the books in memory only."""
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC), repr=False)
    """The instant the books are written with. Delays pass in real time."""

    def terminal(self, code: str) -> Terminal | None:
        """Look a terminal of VNPAY's up by its code."""
        found = self.terminals.get(code)
        return Terminal(*found) if found else None

    def partner(self, code: str) -> Partner | None:
        """Look a partner of MoMo's up by its partnerCode."""
        found = self.momo.get(code)
        return Partner(*found) if found else None

    def app(self, app_id: str) -> App | None:
        """Look an app at ZaloPay up by its app_id."""
        found = self.zalopay.get(app_id)
        return App(*found) if found else None
