"""Files that a gateway lists by day (`gateways.base.ListsFiles`)."""

from __future__ import annotations

from datetime import date
from typing import IO

from gateways.base import Account, ListsFiles, Request, Response
from gateways.errors import GatewayError
from payhub.exchange import ExchangeError, send
from payhub.hub import Hub
from reconciliation.receiving.errors import TooLarge, Unreachable

WAY = "gateway"
LARGEST = 256 * 1024 * 1024
"""What is listed comes in one answer, which is held in memory."""


def names_on(hub: Hub, code: str, day: date) -> tuple[str, ...]:
    """Return the names of a day's files; raise `Unreachable`."""
    gateway, account = _lister(hub, code)
    response = _sent(gateway.files_request(account, day))
    try:
        return gateway.files(response)
    except GatewayError:
        raise Unreachable("answer_unreadable") from None


def content_of(hub: Hub, code: str, name: str) -> bytes:
    """Return one file; raise `Unreachable`."""
    gateway, account = _lister(hub, code)
    response = _sent(gateway.file_request(account, name))
    try:
        body = gateway.file(response)
    except GatewayError:
        raise Unreachable("answer_unreadable") from None
    most = min(LARGEST, hub.settings.files.most_bytes)
    if len(body) > most:
        raise TooLarge(most)
    return body


def fetch(hub: Hub, code: str, name: str, out: IO[bytes]) -> None:
    """Copy one file."""
    out.write(content_of(hub, code, name))


def _lister(hub: Hub, code: str) -> tuple[ListsFiles, Account]:
    account = hub.registers.gateway_accounts[code]
    gateway = hub.gateways.get(account.gateway)
    if not isinstance(gateway, ListsFiles):
        raise Unreachable("lists_no_files")
    return gateway, hub.registers.protocol_accounts[account.id]


def _sent(request: Request) -> Response:
    try:
        return send(request, largest=2 * LARGEST)
    except ExchangeError:
        raise Unreachable("unreachable") from None
