"""A gateway's message as it came, how it is sealed, and how it is read again."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

import orjson

from gateways.base import Incoming, Notice
from payhub.accounts.models import GatewayAccount
from payhub.clock import local_date
from payhub.crypto import CryptoError, Sealed
from payhub.hub import Hub
from payhub.inbox.networks import listed
from payhub.payments.notices import by_form
from payhub.sealed import context_of
from webhooks.callbacks.errors import CallbackDestroyed, CallbackUnreadable
from webhooks.models import Callback

_KEPT_HEADERS = frozenset({"content-type", "user-agent", "content-length", "x-request-id"})


@dataclass(frozen=True, slots=True)
class Message:
    """A callback as it came, and who sent it."""

    account: GatewayAccount
    incoming: Incoming
    source: str
    received_at: datetime

    @property
    def raw(self) -> bytes:
        """The bytes that make it what it is."""
        return self.incoming.query + b"\0" + self.incoming.body

    @property
    def kept(self) -> bytes:
        """What is sealed: the bytes as they came and, after another NUL byte, the headers worth keeping."""
        headers = {name.lower(): value[:200] for name, value in self.incoming.headers.items() if name.lower() in _KEPT_HEADERS}
        return self.raw + b"\0" + orjson.dumps(headers)

    @property
    def digest(self) -> bytes:
        """What makes a verified message the same as another: its bytes, whatever headers they came with."""
        return hashlib.sha256(self.raw).digest()


def read(hub: Hub, message: Message) -> Notice:
    """Verify a message with the secrets that are live now and return what it says; raise `Forged` or `Malformed`."""
    gateway = hub.gateways[message.account.gateway]
    return by_form(gateway.read_callback(hub.registers.protocol_accounts[message.account.id], message.incoming))


def from_listed(hub: Hub, message: Message) -> bool:
    """Tell whether it came from where its gateway says that it calls back from, by the list in force now."""
    registers = hub.registers
    networks = registers.callback_networks.get(message.account.id)
    return not networks or listed(networks, message.source, local_date(hub.clock.now()))


def opened(hub: Hub, row: Callback) -> Message:
    """Return a kept message as it came; raise `CallbackDestroyed` where its bytes are gone."""
    if row.raw_key is None or row.raw is None:
        raise CallbackDestroyed
    try:
        kept = hub.keyring.open(Sealed(row.raw_key, row.raw), context_of("callback", id=row.id))
    except CryptoError:
        raise CallbackUnreadable from None
    raw, _, headers = kept.rpartition(b"\0")
    query, _, body = raw.partition(b"\0")
    account = hub.registers.gateway_accounts_by_id[row.gateway_account_id]
    return Message(account, Incoming(row.method, query, orjson.loads(headers), body), row.source, row.received_at)
