"""Where a webhook may go: to the public network only, unless the settings say otherwise.

An endpoint's name is looked up when a connection is opened, every address it has is judged, and the connection goes to an address
that was judged: a name that changes its mind in between gains nothing. TLS still verifies the certificate by the name.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import NameResolutionError, NewConnectionError

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


def session(resolve: Resolve, ca_bundle: str = "") -> requests.Session:
    """Return an HTTP session that connects to addresses `resolve` returns, and obeys no proxy of the environment.

    It believes the authorities in `ca_bundle`, or those of `certifi` where there is none.
    """
    http = requests.Session()
    http.trust_env = False
    http.verify = ca_bundle or True
    http.mount("http://", _PinnedAdapter(resolve))
    http.mount("https://", _PinnedAdapter(resolve))
    return http


class _Pinned(HTTPConnection):
    """A connection that goes to an address `resolve` returned and to no other."""

    resolve: Resolve

    def _new_conn(self) -> socket.socket:
        name, failure = self.host, NewConnectionError(self, "the name has no address")
        try:
            addresses = self.resolve(name, self.port or 0)
        except OSError as error:
            raise NameResolutionError(name, self, socket.gaierror(str(error))) from error
        for address in addresses:
            try:
                self.host = address
                return super()._new_conn()
            except NewConnectionError as error:
                failure = error
            finally:
                # The Host header and the certificate go by the name.
                self.host = name
        raise failure


class _PinnedTls(_Pinned, HTTPSConnection):
    """The same under TLS."""


class _PinnedAdapter(HTTPAdapter):
    """Opens connections of the two kinds above."""

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = staticmethod(resolve)
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        """Give the pools their connections."""
        super().init_poolmanager(*arguments, **named)
        plain = type("Plain", (_Pinned,), {"resolve": self._resolve})
        tls = type("Tls", (_PinnedTls,), {"resolve": self._resolve})
        self.poolmanager.pool_classes_by_scheme = {
            "http": type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
            "https": type("TlsPool", (HTTPSConnectionPool,), {"ConnectionCls": tls}),
        }
