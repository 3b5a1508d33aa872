"""A portal that does not let go: it sends the same request with the same key until it is answered, and remembers every answer."""

from __future__ import annotations

import hashlib
import threading
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import requests

from payhub.demo.errors import DemoFailed
from payhub.demo.portal import Portal

PATIENCE_S = 90.0
AGAIN_S = 0.25
_TIMEOUT_S = 10
_PASSING = {"request_in_flight"}


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of a portal: its key, its body, and the payment it was answered with."""

    key: str
    body: Mapping[str, Any]
    payment: Mapping[str, Any]


class PersistentPortal(Portal):
    """One portal; `over` ends its patience."""

    def __init__(self, code: str, api: str, over: threading.Event) -> None:
        super().__init__(code, api)
        self._over, self._noting = over, threading.Lock()
        self.asked: list[Asked] = []
        self.failures: Counter[str] = Counter()
        """Answers that said nothing, by status."""
        self.differed: list[str] = []
        """Keys that were answered differently when they were sent again."""
        self.ids: defaultdict[tuple[str, int], set[str]] = defaultdict(set)
        """Under which `webhook-id`s the portal heard of each event, by payment and sequence."""
        self.bodies: defaultdict[str, set[bytes]] = defaultdict(set)
        """The digests of all that came under a `webhook-id`."""

    def ask(self, body: Mapping[str, Any], *, twice: bool = False) -> dict[str, Any]:
        """Ask for a payment until there is an answer."""
        key = str(uuid.uuid4())
        payment = self._post(body, key)
        asked = Asked(key, body, payment)
        with self._noting:
            self.asked.append(asked)
        if twice:
            self.ask_again(asked)
        return payment

    def ask_again(self, asked: Asked) -> None:
        """Send a request that was answered once more, and note whether the answer is another."""
        if self._post(asked.body, asked.key) != asked.payment:
            with self._noting:
                self.differed.append(asked.key)

    def hear(self, headers: Mapping[str, str], body: bytes) -> int:
        """Take one message in, and note under which id it came."""
        status = super().hear(headers, body)
        message_id = headers.get("webhook-id", "")
        with self._noting:
            if status != HTTPStatus.UNAUTHORIZED and message_id in self.heard:
                told = self.heard[message_id]["data"]
                self.ids[told["payment"], told["sequence"]].add(message_id)
                self.bodies[message_id].add(hashlib.sha256(body).digest())
        return status

    def _post(self, body: Mapping[str, Any], key: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.key}", "Idempotency-Key": key}
        deadline, latest = time.monotonic() + PATIENCE_S, ""
        while time.monotonic() < deadline:
            try:
                answer = self._http.post(f"{self._api}/v1/payments", json=body, headers=headers, timeout=_TIMEOUT_S)
            except requests.RequestException as error:
                latest = type(error).__name__
            else:
                if answer.status_code == HTTPStatus.CREATED:
                    payment: dict[str, Any] = answer.json()
                    return payment
                latest = f"{answer.status_code}: {answer.text[:300]}"
                if not _passes(answer):
                    break
                with self._noting:
                    self.failures[f"{answer.status_code} POST v1"] += 1
            if self._over.wait(AGAIN_S):
                break
        raise DemoFailed(f"POST /v1/payments of {self.code} with the key {key} ended with {latest}")


def _passes(answer: requests.Response) -> bool:
    """Tell whether the hub may answer otherwise in a moment."""
    return answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.json().get("code") in _PASSING
