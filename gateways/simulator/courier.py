"""Sends IPNs: each when it is due, again until it is accepted, never two of one order out of turn."""

from __future__ import annotations

import heapq
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from gateways.simulator.books import Books, Fact, Message
from gateways.simulator.config import SimulatorConfig

_SENDERS = 8
_ANSWER_KEPT = 2000


class Courier:
    """A thread that waits for what is due and a few that send it."""

    def __init__(self, config: SimulatorConfig, books: Books) -> None:
        self._config = config
        self._books = books
        self._due: list[tuple[float, str]] = []
        self._wake = threading.Condition()
        self._closing = False
        self._senders = ThreadPoolExecutor(_SENDERS, thread_name_prefix="ipn")
        self._waiter = threading.Thread(target=self._wait, name="ipn-due", daemon=True)

    def start(self) -> None:
        """Start sending, first what an earlier life of the books left unsent."""
        for message in self._books.messages.values():
            before = self._books.messages.get(message.after)
            if not message.finished(self._config.tries) and (before is None or before.tries):
                self.schedule(message)
        self._waiter.start()

    def close(self) -> None:
        """Stop, and wait for what is under way."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._waiter.join()
        self._senders.shutdown(cancel_futures=True)

    def schedule(self, message: Message, at: float = 0.0) -> None:
        """Send a message at this Unix time, and not before it is due."""
        with self._wake:
            heapq.heappush(self._due, (max(at, message.due_at), message.id))
            self._wake.notify()

    def send(self, message: Message) -> None:
        """Send a message once, now; then see to its next try and to the message after it."""
        if message.books and not message.tries:
            self._books.record({"fact": "changed", "key": message.order, "books": message.books})
        order = self._books.orders[message.order]
        terminal = self._config.terminal(order.terminal)
        said = (
            fetched(f"{terminal.ipn_url}?{message.query}", self._config.delays.timeout_s) if terminal else {"error": "no terminal"}
        )
        told = {"at": self._config.clock().isoformat(), "status": 0, "rsp_code": "", "answer": "", "error": ""} | said
        self._books.record({"fact": "tried", "message": message.id, "try": told})
        if not message.finished(self._config.tries):
            self.schedule(message, time.time() + self._config.delays.retry_s)
        if len(message.tries) == 1:
            for following in order.messages:
                if following.after == message.id:
                    self.schedule(following)

    def _wait(self) -> None:
        while True:
            with self._wake:
                while not self._closing and (not self._due or self._due[0][0] > time.time()):
                    self._wake.wait(self._due[0][0] - time.time() if self._due else None)
                if self._closing:
                    return
                _, due = heapq.heappop(self._due)
            self._senders.submit(self.send, self._books.messages[due])


def fetched(url: str, timeout_s: float) -> Fact:
    """GET a URL as it is written, which no library that tidies URLs does, and read the RspCode of the JSON answer."""
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=timeout_s)
    try:
        connection.request("GET", f"{parts.path or '/'}?{parts.query}", headers={"Accept": "application/json"})
        response = connection.getresponse()
        body = response.read(_ANSWER_KEPT)
    except (OSError, HTTPException) as error:
        return {"error": type(error).__name__}
    finally:
        connection.close()
    return {"status": response.status, "rsp_code": _rsp_code(response.status, body), "answer": body.decode("utf-8", "replace")}


def _rsp_code(status: int, body: bytes) -> str:
    try:
        answer = json.loads(body)
    except ValueError:
        return ""
    return str(answer.get("RspCode", "")) if status == 200 and isinstance(answer, dict) else ""
