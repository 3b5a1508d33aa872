"""A portal's own HTTP server in the demo: what comes to it, and when it is not there."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from payhub.demo.surroundings import HOST

STUMBLES = 7
"""Of so many messages a portal takes one only when it comes again, as portals do that are being restarted."""


class Listener:
    """Whoever listens at an address of its own; what it hears is for its kind to judge."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.counts: Counter[str] = Counter()
        self.away = threading.Event()
        """While it is set nobody answers: whoever comes is hung up on."""
        self._lock = threading.Lock()
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
    def origin(self) -> str:
        """Where citizens come back to."""
        return f"http://{HOST}:{self._server.server_port}"

    @property
    def told_at(self) -> str:
        """Where it wants to be told."""
        return f"{self.origin}/told"

    def answer(self, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        """Take one message in; return the status and body to answer with."""
        raise NotImplementedError

    def missed(self) -> None:
        """Count a message that found nobody."""
        with self._lock:
            self.counts["missed"] += 1


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        super().__init__((HOST, 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Take no notice of a sender that hangs up in the middle: it comes again."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        """Take a message in."""
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        listener = self.server.listener
        if listener.away.is_set():
            listener.missed()
            self.close_connection = True
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, said = listener.answer(headers, body)
        self._answer(status, said, "application/json")

    def do_GET(self) -> None:
        """Welcome a citizen back."""
        self._answer(HTTPStatus.OK, b"<!doctype html><title>Portal</title><p>Welcome back.", "text/html; charset=utf-8")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing."""

    def _answer(self, status: int, body: bytes, content_type: str) -> None:
        self.send_response(status)
        if status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
