"""Letting portals in: the key, where it comes from, how fast, and whether it may do this."""

from __future__ import annotations

from payhub.counting import counter
from payhub.errors import Forbidden, PayHubError, Text, Unauthenticated
from payhub.hub import Hub
from payhub.identifiers import network_address, within
from payhub.portals.errors import AddressNotAllowed, RateLimited
from payhub.portals.keys import Caller, authenticate
from payhub.portals.limits import Allowance, Limit

_refused = counter("payhub_api_refused", "Calls that were turned away at the door, by why", ["code"])


def enter(hub: Hub, authorization: str, source: str | None) -> Caller:
    """Return who calls, from an address that the key may be used from; raise `Unauthenticated` or `AddressNotAllowed`."""
    kind, _, key = authorization.partition(" ")
    if kind.lower() != "bearer":
        raise Unauthenticated
    registers = hub.registers
    caller = authenticate(registers, key.strip(), hub.settings.mode, hub.clock.now())
    networks = registers.key_networks.get(caller.key.id)
    if networks and not within(networks, address := network_address(source)):
        seen = address or "?"
        raise AddressNotAllowed(
            Text(f"Cuộc gọi đến từ {seen}; các dải được phép do người quản trị khai báo cho khóa này",
                 f"The call comes from {seen}; the networks this key may be used from are kept by the hub's operators")
        )  # fmt: skip
    return caller


def allow(hub: Hub, caller: Caller) -> Allowance | None:
    """Take one call of what the caller's key may make; None where it has no limit. What was taken is not given back."""
    key, usual = caller.key, hub.limits.usual
    limit = usual if key.rate is None or key.burst is None else Limit(key.rate, key.burst)
    return hub.limits.take(key.id, limit)


def demand(caller: Caller, allowance: Allowance | None, scope: str) -> None:
    """Raise `RateLimited` or `Forbidden` where the caller may not go on."""
    if allowance is not None and not allowance.taken:
        raise RateLimited(allowance.wait_s)
    if not caller.may(scope):
        raise Forbidden(Text(f"Khóa API cần quyền {scope}", f"The API key needs the scope {scope}"))


def count(error: PayHubError) -> None:
    """Count a call that was turned away."""
    _refused.labels(error.code).inc()
