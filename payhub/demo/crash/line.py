"""The line to the gateways: it takes a moment, and a request of which the sender is gone by then never arrives."""

from __future__ import annotations

import select
import socket
from collections import Counter
from types import TracebackType
from typing import Self

import requests

from payhub.demo.listening import Handler, Server

_TIMEOUT_S = 30
_REFUNDS = {"/v2/gateway/api/refund", "/v2/refund"}
"""Where MoMo and ZaloPay are asked to give back; VNPAY is asked everything in one place."""


class Line:
    """A server before the gateways' APIs. `counts` are refund requests: `begun`, then `carried` to it or `cut` off."""

    def __init__(self, gateway: str, hold_s: float) -> None:
        self.gateway, self.hold_s = gateway, hold_s
        self.counts: Counter[str] = Counter()
        self._server = Server(self, _Handler)

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.stop()

    @property
    def url(self) -> str:
        """Where it begins."""
        return self._server.origin

    @property
    def busy(self) -> bool:
        """Tell whether a refund is on its way: whoever sends it and is killed now has written it and never sent it."""
        return self.counts["begun"] > self.counts["carried"] + self.counts["cut"]

    def carries(self, sender: socket.socket, path: str, body: bytes) -> bool:
        """Tell whether a request reaches the gateway; one for a refund is on its way for a moment, and ends with its sender."""
        if path not in _REFUNDS and b'"vnp_Command":"refund"' not in body.replace(b" ", b""):
            return True
        self.counts["begun"] += 1
        heard, _, _ = select.select([sender], [], [], self.hold_s)
        gone = bool(heard) and not sender.recv(1, socket.MSG_PEEK)
        self.counts["cut" if gone else "carried"] += 1
        return not gone


class _Handler(Handler):
    server: Server[Line]

    def do_POST(self) -> None:  # noqa: N802 - the name is the base class's
        """Carry a request to the gateway and its answer back; where the gateway hangs up, hang up."""
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if not self.server.owner.carries(self.connection, self.path, body):
            return
        try:
            headers = {"Content-Type": self.headers.get("Content-Type", "application/json")}
            answer = requests.post(f"{self.server.owner.gateway}{self.path}", data=body, headers=headers, timeout=_TIMEOUT_S)
        except requests.RequestException:
            return
        self.send_response(answer.status_code)
        self.send_header("Content-Type", answer.headers.get("Content-Type", "application/json"))
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)
