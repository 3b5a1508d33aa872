"""A portal as an outside party: it asks for payments over the API, and hears of them at an HTTP address of its own."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import requests
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from payhub.demo.errors import DemoFailed
from payhub.demo.listening import STUMBLES, Listener

_TRIES = 5
_BUSY = {HTTPStatus.CONFLICT, HTTPStatus.SERVICE_UNAVAILABLE}
_PASSING = {"request_in_flight", "unavailable"}


class Portal(Listener):
    """One portal: its key, and its server, which verifies every message with the published library of the standard."""

    def __init__(self, code: str, api: str) -> None:
        super().__init__(code)
        self._api, self.key, self.secret = api, "", ""
        self.heard: dict[str, dict[str, Any]] = {}
        """Verified messages by `webhook-id`."""
        self._local = threading.local()

    def ask(self, body: Mapping[str, Any], *, twice: bool = False) -> dict[str, Any]:
        """Ask for a payment, and ask again with the same key when `twice` or when the hub is busy; return the payment."""
        key = str(uuid.uuid4())
        payment = self._post(body, key)
        if twice and self._post(body, key) != payment:
            raise DemoFailed(f"the same request of {self.code} was answered differently the second time")
        return payment

    def answer(self, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        """Take one message in; return the status to answer with."""
        return self.hear(headers, body), b""

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
