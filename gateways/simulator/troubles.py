"""What can be wrong with a whole gateway for a while, and how a call to it then goes."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from enum import StrEnum
from typing import TYPE_CHECKING

from flask import Response, request

from gateways.simulator.scenarios import draw

if TYPE_CHECKING:
    from gateways.simulator.books import Books
    from gateways.simulator.orders import Fact

_STATUSES = (500, 502, 503, 504)


class Trouble(StrEnum):
    """What befalls a share of a gateway's calls, or its clock."""

    ERRORS = "errors"
    """HTTP 500, 502, 503 and 504; nothing is done."""
    HANG = "hang"
    """The connection is accepted and never answered; nothing is done."""
    DEAF = "deaf"
    """What was asked is done, and the connection is dropped instead of an answer."""
    SLOW = "slow"
    """The answer comes `by_s` late."""
    MAINTENANCE = "maintenance"
    """The protocol's own word for being closed."""
    SKEW = "skew"
    """The gateway's clock, and so every time it writes or checks, is `by_s` ahead."""


class Troubles:
    """The troubles in the books, as calls meet them: each by its share, drawn from the seed and the call's number."""

    def __init__(self, books: Books, seed: int) -> None:
        self._books, self._seed = books, seed
        self._calls: Counter[tuple[str, str]] = Counter()
        self.closing = threading.Event()

    def now(self) -> list[Fact]:
        """List what is wrong now."""
        with self._books.lock:
            return [each for each in self._books.troubles.values() if each["until"] > time.time()]

    def skew_s(self, gateway: str) -> float:
        """How far the gateway's clock is ahead."""
        return sum(float(each["by_s"]) for each in self._of(gateway) if each["trouble"] == Trouble.SKEW)

    def met(self, gateway: str, call: str) -> tuple[Trouble, float] | None:
        """Which trouble the next call of this kind meets, and its `by_s`."""
        found = [each for each in self._of(gateway) if call in each["calls"]]
        if not found:
            return None
        with self._books.lock:
            self._calls[gateway, call] += 1
            number = self._calls[gateway, call]
        for each in found:
            if draw(f"{self._seed}|{gateway}|{call}|{number}|{each['trouble']}", 100) < each["share"]:
                return Trouble(each["trouble"]), float(each["by_s"])
        return None

    def _of(self, gateway: str) -> list[Fact]:
        return [each for each in self.now() if each["gateway"] == gateway]


def failed(number: int) -> Response:
    """Answer with an error of a server or of a proxy before it, which is no JSON."""
    return Response("<html><body><h1>Service error</h1></body></html>", _STATUSES[number % len(_STATUSES)], mimetype="text/html")


def hung(closing: threading.Event, for_s: float) -> Response:
    """Hold the connection, then drop it."""
    closing.wait(for_s)
    return hung_up()


def hung_up() -> Response:
    """Drop the connection instead of answering."""
    connection = request.environ.get("werkzeug.socket")
    if isinstance(connection, socket.socket):
        connection.shutdown(socket.SHUT_RDWR)
    # For a server that does not let go of its connection.
    return Response(status=504)
