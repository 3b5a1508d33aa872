"""The line to the gateways: it takes a moment, and a request of which the sender is gone by then never arrives."""

from __future__ import annotations

import select
import socket
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import requests

from payhub.demo.surroundings import HOST

_TIMEOUT_S = 30
_REFUNDS = {"/v2/gateway/api/refund", "/v2/refund"}
"""Where MoMo and ZaloPay are asked to give back; VNPAY is asked everything in one place."""


class Line:
    """A server before the gateways' APIs. `counts` are refund requests: `begun`, then `carried` to it or `cut` off."""

    def __init__(self, gateway: str, hold_s: float) -> None:
        self.gateway, self.hold_s = gateway, hold_s
        self.counts: Counter[str] = Counter()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Where it begins."""
        return f"http://{HOST}:{self._server.server_port}"

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


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, line: Line) -> None:
        self.line = line
        super().__init__((HOST, 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Take no notice of a sender that is killed in the middle."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        """Carry a request to the gateway and its answer back; where the gateway hangs up, hang up."""
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if not self.server.line.carries(self.connection, self.path, body):
            return
        try:
            headers = {"Content-Type": self.headers.get("Content-Type", "application/json")}
            answer = requests.post(f"{self.server.line.gateway}{self.path}", data=body, headers=headers, timeout=_TIMEOUT_S)
        except requests.RequestException:
            return
        self.send_response(answer.status_code)
        self.send_header("Content-Type", answer.headers.get("Content-Type", "application/json"))
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing."""
