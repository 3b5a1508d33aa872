"""The ways to pay that a bill's page shows: those that take the amount, then those that do not, with their limits as the reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from payhub.accounts.models import GatewayAccount
from payhub.hub import Hub
from payhub.payments.attempts import offered, open_accounts


@dataclass(frozen=True, slots=True)
class Way:
    """One gateway account, and whether it takes the amount now."""

    account: GatewayAccount
    takes: bool


def ways(hub: Hub, total: int, currency: str) -> Sequence[Way]:
    """Return the ways to pay a total, those that take it first; what is closed or of another currency is no way at all."""
    registers = hub.registers
    taking = offered(hub, registers, total, currency)
    others = [each for each in open_accounts(hub, registers) if each not in taking and each.currency == currency]
    return [*(Way(account, takes=True) for account in taking), *(Way(account, takes=False) for account in others)]
