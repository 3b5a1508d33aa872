"""The ways to pay that the hub has: each gateway account with each method it offers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateways.base import Bank, ListsBanks, Method
from payhub.accounts.models import GatewayAccount
from payhub.hub import Hub
from payhub.registers import Registers


@dataclass(frozen=True, slots=True)
class Way:
    """One gateway account by one of its methods."""

    account: GatewayAccount
    method: Method

    @property
    def code(self) -> str:
        """As in the page's form."""
        return f"{self.account.code}/{self.method.name}" if self.method.name else self.account.code

    @property
    def minimum(self) -> int:
        """The least it takes, minor units."""
        return max(self.account.minimum, self.method.minimum)

    @property
    def maximum(self) -> int:
        """The most it takes, minor units."""
        return min(self.account.maximum, self.method.maximum)

    def takes(self, amount: int, currency: str) -> bool:
        """Whether a payment of this amount can be paid this way."""
        return self.account.currency == currency and self.minimum <= amount <= self.maximum


def open_ways(hub: Hub, registers: Registers, now: datetime) -> Sequence[Way]:
    """Return the ways that are in use now, in the accounts' order."""
    return [way for account in registers.gateway_accounts.values() if _in_use(hub, account, now) for way in _ways_of(hub, account)]


def way_of(hub: Hub, registers: Registers, code: str, now: datetime) -> Way | None:
    """Return the way that a form names, or None where it is not in use."""
    account = registers.gateway_accounts.get(code.partition("/")[0])
    if account is None or not _in_use(hub, account, now):
        return None
    return next((way for way in _ways_of(hub, account) if way.code == code), None)


def banks_of(hub: Hub, way: Way) -> Sequence[Bank]:
    """Return the banks that can be chosen before being sent this way; none where no list is kept."""
    if not isinstance(hub.gateways[way.account.gateway], ListsBanks):
        return []
    # One that is called like the method itself is no choice.
    name = way.method.name
    return [bank for bank in hub.banks.of(way.account.id) if bank.code != name and name in {"", bank.method}]


def method_of(hub: Hub, way: Way, bank: str) -> str:
    """Return what the gateway is told of how to pay: the bank that was chosen, or else the way's method.

    A bank that is not on the list as it is now counts as none. The list may have changed or gone since the page was shown, and the
    gateway asks again itself: stopping a citizen who wants to pay would be the greater harm.
    """
    return bank if bank and any(bank == each.code for each in banks_of(hub, way)) else way.method.name


def _in_use(hub: Hub, account: GatewayAccount, now: datetime) -> bool:
    return account.gateway in hub.gateways and account.in_use(now)


def _ways_of(hub: Hub, account: GatewayAccount) -> Sequence[Way]:
    known = hub.gateways[account.gateway].methods
    chosen = [method for method in known if method.name in account.methods]
    return [Way(account, method) for method in chosen or known[:1]]
