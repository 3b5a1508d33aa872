"""Connections to endpoints: to addresses that were judged, and never waited for beyond an instant.

An endpoint's name is looked up when a connection is opened, every address it has is judged, and the connection goes to an address
that was judged: a name that changes its mind in between gains nothing. TLS still verifies the certificate by the name. No proxy of
the environment is obeyed, no redirect followed, no cookie kept.

Whoever answers a byte a second is waited for no longer than whoever is silent: each single read may last as long as is left of the
whole time, and no more than a few bytes of a reply are read.
"""

from __future__ import annotations

import math
import select
import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from http.client import HTTPConnection, HTTPException, HTTPResponse, RemoteDisconnected
from pathlib import Path
from time import monotonic
from typing import Any, cast
from urllib.parse import urlsplit

import certifi

from webhooks.addresses import Resolve

CONNECT_S = 5.0
"""How long one address may take to answer a connection."""
BODY_S = 5.0
"""How long the first bytes of a reply's body may take: its status is what is waited for."""
FIRST_BYTES = 4096
"""How much of a reply is read; what is longer costs its sender a new connection."""
_MOST_ADDRESSES = 4
_LEAST_S = 0.001
_STALE = (RemoteDisconnected, ConnectionResetError, BrokenPipeError)


@dataclass(frozen=True, slots=True)
class Reply:
    """What an endpoint answered: as much as was read of it."""

    status: int
    retry_after: str | None
    first: bytes


class _Plain(socket.socket):
    """A socket on which nothing is waited for beyond an instant of `monotonic`."""

    until = math.inf

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """Read what comes in the time that is left."""
        self.settimeout(_left(self.until))
        return super().recv_into(buffer, nbytes, flags)


class _Tls(ssl.SSLSocket):
    """The same under TLS."""

    until = math.inf

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        """Read what comes in the time that is left."""
        self.settimeout(_left(self.until))
        return super().recv_into(buffer, nbytes, flags)


class Connection(HTTPConnection):
    """A way to one endpoint, opened when it is needed and kept while it holds. For one thread at a time."""

    def __init__(self, url: str, resolve: Resolve, ca_bundle: str = "") -> None:
        """`resolve` says which addresses a name has; who certifies, the authorities in `ca_bundle` or those of `certifi`."""
        parts = urlsplit(url)
        self._tls, self._ca_bundle = parts.scheme == "https", ca_bundle or certifi.where()
        # What the Host header leaves out.
        self.default_port = 443 if self._tls else 80
        super().__init__(parts.hostname or "", parts.port or self.default_port)
        self._asked = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._resolve, self._until = resolve, math.inf
        self._line: _Plain | _Tls | None = None

    def post(self, headers: Mapping[str, str], body: bytes, limit_s: float) -> Reply:
        """Send a message and return the reply; raise where there is none within so many seconds, all told."""
        self._until = monotonic() + limit_s
        if self.sock is not None and _readable(self.sock):
            self.close()
        kept = self.sock is not None
        try:
            return self._exchange(headers, body)
        except _STALE:
            self.close()
            if not kept:
                raise
            # The other side had closed what was kept open; what it took after all it knows again by its id.
            return self._exchange(headers, body)

    def connect(self) -> None:
        """Open a connection to the first judged address that answers."""
        failure: OSError = OSError("the name has no address")
        for address in self._resolve(self.host, self.port)[:_MOST_ADDRESSES]:
            try:
                self.sock = self._line = self._opened(address)
            except ssl.SSLError:
                raise
            except OSError as error:
                failure = error
            else:
                return
        raise failure

    def _opened(self, address: str) -> _Plain | _Tls:
        bare = socket.create_connection((address, self.port), min(CONNECT_S, _left(self._until)))
        bare.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        plain = _Plain(bare.family, bare.type, bare.proto, bare.detach())
        plain.settimeout(_left(self._until))
        if not self._tls:
            return plain
        with plain:
            trusted = _context(self._ca_bundle, Path(self._ca_bundle).stat().st_mtime_ns)
            secured = trusted.wrap_socket(plain, server_hostname=self.host)
        # The context below makes no others.
        return cast("_Tls", secured)

    def _exchange(self, headers: Mapping[str, str], body: bytes) -> Reply:
        try:
            if self.sock is None:
                self.connect()
            line = cast("_Plain | _Tls", self._line)
            line.until = self._until
            line.settimeout(_left(self._until))
            self.request("POST", self._asked, body, headers)
            with self.getresponse() as answer:
                line.until = min(self._until, monotonic() + BODY_S)
                first = _first(answer)
                whole = answer.length == 0 or answer.isclosed()
        except BaseException:
            # Whatever stopped it, a worker's end included: in the middle of an exchange nobody can use the connection again.
            self.close()
            raise
        if not whole:
            self.close()
        return Reply(answer.status, answer.getheader("Retry-After"), first)


def _first(answer: HTTPResponse) -> bytes:
    """Return the first bytes of a reply, as far as they come in time."""
    found = b""
    with suppress(OSError, HTTPException):
        while answer.length != 0 and len(found) < FIRST_BYTES and (more := answer.read1(FIRST_BYTES - len(found))):
            found += more
    return found


def _left(until: float) -> float:
    """Return the seconds until an instant; raise where it is over."""
    seconds = until - monotonic()
    if seconds < _LEAST_S:
        raise TimeoutError("there is no time left")
    return seconds


def _readable(line: socket.socket) -> bool:
    """Tell whether a connection that should be silent says something: it is closed, or what comes belongs to no message."""
    asked = select.poll()
    asked.register(line, select.POLLIN)
    return bool(asked.poll(0))


@lru_cache(maxsize=8)
def _context(ca_bundle: str, _changed_ns: int) -> ssl.SSLContext:
    """Return who is believed; reading the authorities takes longer than a hundred messages, so it is done when the file changes."""
    context = ssl.create_default_context(cafile=ca_bundle)
    context.sslsocket_class = _Tls
    return context
