"""A portal that does not let go: it sends the same request with the same key until it is answered, and remembers every answer."""

from __future__ import annotations

import hashlib
import threading
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
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
_PAYMENTS = "/v1/payments"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of a portal: its key, its path and body, and the payment or refund it was answered with."""

    key: str
    path: str
    body: Mapping[str, Any]
    answer: Mapping[str, Any]


class PersistentPortal(Portal):
    """One portal; `over` ends its patience."""

    def __init__(self, code: str, api: str, over: threading.Event) -> None:
        super().__init__(code, api)
        self._over, self._noting = over, threading.Lock()
        self.asked: list[Asked] = []
        self.asked_back: list[Asked] = []
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
        payment = self._answered(_PAYMENTS, body, key)
        asked = Asked(key, _PAYMENTS, body, payment)
        with self._noting:
            self.asked.append(asked)
        if twice:
            self.ask_again(asked)
        return payment

    def ask_back(self, payment: Mapping[str, Any], lines: Sequence[Mapping[str, int]]) -> dict[str, Any] | None:
        """Ask for money of a payment to be given back until there is an answer; None where there is none to give."""
        key, path = str(uuid.uuid4()), f"{_PAYMENTS}/{payment['id']}/refunds"
        body = {"lines": list(lines), "reason": "requested_by_citizen"}
        refund = self._sent(path, body, key, refusal="not_refundable")
        if refund is not None:
            with self._noting:
                self.asked_back.append(Asked(key, path, body, refund))
        return refund

    def ask_again(self, asked: Asked) -> None:
        """Send a request that was answered once more, and note whether the answer is another."""
        if self._answered(asked.path, asked.body, asked.key) != asked.answer:
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

    def _answered(self, path: str, body: Mapping[str, Any], key: str) -> dict[str, Any]:
        answer = self._sent(path, body, key)
        if answer is None:
            raise DemoFailed(f"POST {path} of {self.code} with the key {key} was refused")
        return answer

    def _sent(self, path: str, body: Mapping[str, Any], key: str, refusal: str = "") -> dict[str, Any] | None:
        """Post until there is an answer; None where it is this refusal."""
        headers = {"Authorization": f"Bearer {self.key}", "Idempotency-Key": key}
        deadline, latest = time.monotonic() + PATIENCE_S, ""
        while time.monotonic() < deadline:
            try:
                answer = self._http.post(f"{self._api}{path}", json=body, headers=headers, timeout=_TIMEOUT_S)
            except requests.RequestException as error:
                latest = type(error).__name__
            else:
                if answer.status_code == HTTPStatus.CREATED:
                    made: dict[str, Any] = answer.json()
                    return made
                if refusal and answer.status_code == HTTPStatus.CONFLICT and answer.json().get("code") == refusal:
                    return None
                latest = f"{answer.status_code}: {answer.text[:300]}"
                if not _passes(answer):
                    break
                with self._noting:
                    self.failures[f"{answer.status_code} POST v1"] += 1
            if self._over.wait(AGAIN_S):
                break
        raise DemoFailed(f"POST {path} of {self.code} with the key {key} ended with {latest}")


def _passes(answer: requests.Response) -> bool:
    """Tell whether the hub may answer otherwise in a moment."""
    return answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.json().get("code") in _PASSING
