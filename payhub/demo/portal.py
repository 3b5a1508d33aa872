"""A portal as an outside party: it asks for payments over the API, and hears of them at an HTTP address of its own."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections import Counter
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import requests
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from payhub.demo.errors import DemoFailed
from payhub.demo.surroundings import HOST

_TRIES = 5
_BUSY = {HTTPStatus.CONFLICT, HTTPStatus.SERVICE_UNAVAILABLE}
_PASSING = {"request_in_flight", "unavailable"}
STUMBLES = 7
"""Of so many messages a portal takes one only when it comes again, as portals do that are being restarted."""


class Portal:
    """One portal: its key, and its server, which verifies every message with the published library of the standard."""

    def __init__(self, code: str, api: str) -> None:
        self.code, self._api, self.key, self.secret = code, api, "", ""
        self.heard: dict[str, dict[str, Any]] = {}
        """Verified messages by `webhook-id`."""
        self.counts: Counter[str] = Counter()
        self._lock, self._local = threading.Lock(), threading.local()
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
    def webhook_url(self) -> str:
        """Where it wants to be told."""
        return f"{self.origin}/webhooks"

    def ask(self, body: Mapping[str, Any], *, twice: bool = False) -> dict[str, Any]:
        """Ask for a payment, and ask again with the same key when `twice` or when the hub is busy; return the payment."""
        key = str(uuid.uuid4())
        payment = self._post(body, key)
        if twice and self._post(body, key) != payment:
            raise DemoFailed(f"the same request of {self.code} was answered differently the second time")
        return payment

    def hear(self, headers: Mapping[str, str], body: bytes) -> int:
        """Take one message in; return the status to answer with."""
        message_id = headers.get("webhook-id", "")
        try:
            Webhook(self.secret).verify(body, dict(headers))
        except WebhookVerificationError:
            with self._lock:
                self.counts["refused"] += 1
            return HTTPStatus.UNAUTHORIZED
        with self._lock:
            self.counts["verified"] += 1
            if self.counts["verified"] % STUMBLES == 0 and message_id not in self.heard:
                self.counts["stumbled"] += 1
                return HTTPStatus.SERVICE_UNAVAILABLE
            self.counts["again"] += message_id in self.heard
            self.heard[message_id] = json.loads(body)
        return HTTPStatus.NO_CONTENT

    def _post(self, body: Mapping[str, Any], key: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.key}", "Idempotency-Key": key}
        for _ in range(_TRIES):
            answer = self._http.post(f"{self._api}/v1/payments", json=body, headers=headers, timeout=30)
            if answer.status_code not in _BUSY or answer.json().get("code") not in _PASSING:
                break
            time.sleep(float(answer.headers.get("Retry-After", "1")))
        if answer.status_code != HTTPStatus.CREATED:
            raise DemoFailed(f"POST /v1/payments answered {answer.status_code}: {answer.text[:300]}")
        payment: dict[str, Any] = answer.json()
        return payment

    @property
    def _http(self) -> requests.Session:
        """The session of this thread: its connection is used again and again."""
        if not hasattr(self._local, "http"):
            self._local.http = requests.Session()
        http: requests.Session = self._local.http
        return http


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, portal: Portal) -> None:
        self.portal = portal
        super().__init__((HOST, 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Take no notice of a sender that hangs up in the middle: it comes again."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        """Take a webhook in."""
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self._answer(self.server.portal.hear(headers, body), b"")

    def do_GET(self) -> None:
        """Welcome a citizen back."""
        self._answer(HTTPStatus.OK, b"<!doctype html><title>Portal</title><p>Welcome back.")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing."""

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        if status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
