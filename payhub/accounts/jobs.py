"""The gateway accounts' periodic work."""

from __future__ import annotations

from gateways.base import Bank, ListsBanks
from gateways.errors import GatewayError
from payhub import jobs, log
from payhub.accounts.models import GatewayAccount
from payhub.exchange import ExchangeError, send
from payhub.hub import Hub

_log = log.get(__name__)


def fetch_banks() -> None:
    """Ask for the lists of banks that are due."""
    hub = jobs.hub()
    if hub.settings.gateways.banks:
        fetch(hub)


def fetch(hub: Hub) -> int:
    """Ask each account that lists its banks and is offered, at most once an hour; return how many lists came.

    One that fails is not asked again before: what was kept serves until then, and nothing depends on it.
    """
    registers, now, came = hub.registers, hub.clock.now(), 0
    for account in registers.gateway_accounts.values():
        gateway = hub.gateways.get(account.gateway)
        if not isinstance(gateway, ListsBanks) or not account.in_use(now) or account.id in registers.held:
            continue
        banks = _asked(hub, gateway, account) if hub.banks.claim(account.id) else None
        if banks is not None:
            hub.banks.keep(account.id, banks)
            came += 1
    return came


def _asked(hub: Hub, gateway: ListsBanks, account: GatewayAccount) -> tuple[Bank, ...] | None:
    # Not counted for the account's health: a list that does not come keeps nobody from paying.
    try:
        return gateway.banks(send(gateway.banks_request(hub.registers.protocol_accounts[account.id])))
    except (ExchangeError, GatewayError) as error:
        _log.warning("banks.not_told", gateway=account.code, kind=type(error).__name__)
        return None
