"""HTTP servers of the demo's own: portals as they listen to what they are told, and when they are not there."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from payhub.demo.surroundings import HOST

Owner = TypeVar("Owner")
STUMBLES = 7
"""Of so many messages a portal takes one only when it comes again, as portals do that are being restarted."""


class Server(ThreadingHTTPServer, Generic[Owner]):
    """A server on a free port of this machine, from `with` to its end; `owner` is whose it is."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, owner: Owner, handler: type[BaseHTTPRequestHandler]) -> None:
        self.owner = owner
        super().__init__((HOST, 0), handler)
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def origin(self) -> str:
        """Where it begins."""
        return f"http://{HOST}:{self.server_port}"

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Answer nobody any more."""
        self.shutdown()
        self.server_close()
        self._thread.join()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Take no notice of a sender that hangs up or is killed in the middle: it comes again."""


class Handler(BaseHTTPRequestHandler):
    """Answers without a word in the terminal."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing."""


class Listener(ABC):
    """Whoever listens at an address of its own; what it hears is for its kind to judge."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.counts: Counter[str] = Counter()
        self.away = threading.Event()
        """While it is set nobody answers: whoever comes is hung up on."""
        self._lock = threading.Lock()
        self._server = Server(self, _Handler)

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.stop()

    @property
    def origin(self) -> str:
        """Where citizens come back to."""
        return self._server.origin

    @property
    def told_at(self) -> str:
        """Where it wants to be told."""
        return f"{self.origin}/told"

    @abstractmethod
    def answer(self, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        """Take one message in; return the status and body to answer with."""

    def missed(self) -> None:
        """Count a message that found nobody."""
        with self._lock:
            self.counts["missed"] += 1


class _Handler(Handler):
    protocol_version = "HTTP/1.1"
    server: Server[Listener]

    def do_POST(self) -> None:
        """Take a message in."""
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        listener = self.server.owner
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

    def _answer(self, status: int, body: bytes, content_type: str) -> None:
        self.send_response(status)
        if status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
