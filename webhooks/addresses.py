"""Where a webhook may go: to the public network only, unless the settings say otherwise."""

from __future__ import annotations

import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

Resolve = Callable[[str, int], list[str]]
_NAT64 = IPv6Network("64:ff9b::/96")


class AddressRefused(Exception):
    """The name leads to an address that no webhook may go to."""


def is_public(text: str) -> bool:
    """Tell whether an address belongs to a stranger on the public network, whatever it is wrapped in."""
    address = _unwrapped(ip_address(text))
    site_local = isinstance(address, IPv6Address) and address.is_site_local
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified or site_local)


def _unwrapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that an IPv6 one stands for (mapped, 6to4, Teredo, NAT64), or the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else address)


def anywhere(host: str, port: int) -> list[str]:
    """Return the addresses of a host in the system's order, whatever they are: for hubs in closed networks."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def public_only(host: str, port: int) -> list[str]:
    """Return the addresses of a host; raise `AddressRefused` where one of them is not public."""
    addresses = anywhere(host, port)
    if not all(map(is_public, addresses)):
        raise AddressRefused(host)
    return addresses
