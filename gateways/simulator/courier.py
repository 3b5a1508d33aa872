"""Sends messages to the hub: each when it is due, again until its protocol has enough, never two of one order out of turn."""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from gateways.simulator.books import Books
from gateways.simulator.config import SimulatorConfig
from gateways.simulator.encoding import with_query
from gateways.simulator.orders import Fact, Message, Order, State
from gateways.simulator.protocol import Told
from gateways.simulator.protocols import PROTOCOLS
from gateways.simulator.scenarios import Tells

_SENDERS = 8
_ANSWER_KEPT = 2000


class Courier:
    """A thread that waits for what is due and a few that send it."""

    def __init__(
        self, config: SimulatorConfig, books: Books, now: Callable[[str], str], signing: Callable[[], SimulatorConfig]
    ) -> None:
        self._config = config
        self._books = books
        self._now, self._signing = now, signing
        self._due: list[tuple[float, str]] = []
        self._wake = threading.Condition()
        self._closing = False
        self._senders = ThreadPoolExecutor(_SENDERS, thread_name_prefix="ipn")
        self._waiter = threading.Thread(target=self._wait, name="ipn-due", daemon=True)

    def start(self) -> None:
        """Start sending, first what an earlier life of the books left unsent."""
        for message in self._books.messages.values():
            before = self._books.messages.get(message.after)
            if not self.finished(message) and (before is None or before.tries):
                self.schedule(message)
        self._waiter.start()

    def close(self) -> None:
        """Stop, and wait for what is under way."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._waiter.join()
        self._senders.shutdown(cancel_futures=True)

    def finished(self, message: Message) -> bool:
        """Whether a message will not be sent again."""
        return message.finished(PROTOCOLS[self._books.orders[message.order].gateway].tries(self._config))

    def schedule(self, message: Message, at: float = 0.0) -> None:
        """Send a message at this Unix time, and not before it is due."""
        with self._wake:
            heapq.heappush(self._due, (max(at, message.due_at), message.id))
            self._wake.notify()

    def send(self, message: Message) -> None:
        """Send a message once, now; then see to its next try and to the message after it."""
        order = self._books.orders[message.order]
        if message.books and not message.tries:
            taken_back = message.books["state"] == State.REVERSED
            told_now = {"reversed_at": self._now(order.gateway)} if taken_back else {}
            self._books.record({"fact": "changed", "key": message.order, "books": message.books | told_now})
        self._sign(order, message)
        told = {"at": self._config.clock().isoformat(), "status": 0, "rsp_code": "", "end": "", "answer": "", "error": ""}
        self._books.record({"fact": "tried", "message": message.id, "try": told | self._said(order, message)})
        if not self.finished(message):
            self.schedule(message, time.time() + self._config.delays.retry_s)
        if len(message.tries) == 1:
            for following in order.messages:
                if following.after == message.id:
                    self.schedule(following)

    def _sign(self, order: Order, message: Message) -> None:
        """Sign with the secret that signs now: it may be another one than when the message was written."""
        if message.tells == Tells.FORGED or not self._books.secrets:
            return
        written = Told(message.method, message.query, message.body)
        signed = PROTOCOLS[order.gateway].signed(self._signing(), order, written)
        if signed != written:
            self._books.record({"fact": "signed", "message": message.id, "query": signed.query, "body": signed.body})

    def _said(self, order: Order, message: Message) -> Fact:
        protocol, terminal = PROTOCOLS[order.gateway], self._config.terminal(order.terminal)
        address = order.callback_url or (terminal.ipn_url if terminal else "")
        if not address:
            return {"error": "no address"}
        said = exchanged(message, with_query(address, message.query), protocol.timeout_s(self._config))
        if "error" in said:
            return said
        word, end = protocol.judged(said["status"], said.pop("body"))
        return {**said, "rsp_code": word, "end": end}

    def _wait(self) -> None:
        while True:
            with self._wake:
                while not self._closing and (not self._due or self._due[0][0] > time.time()):
                    self._wake.wait(self._due[0][0] - time.time() if self._due else None)
                if self._closing:
                    return
                _, due = heapq.heappop(self._due)
            self._senders.submit(self.send, self._books.messages[due])


def exchanged(message: Message, url: str, timeout_s: float) -> Fact:
    """Send a message to a URL as it is written, which no library that tidies URLs does, and give back the answer."""
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=timeout_s)
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    headers = {"Accept": "application/json"} | ({"Content-Type": "application/json; charset=UTF-8"} if message.body else {})
    try:
        connection.request(message.method, target, message.body.encode() or None, headers)
        response = connection.getresponse()
        body = response.read(_ANSWER_KEPT)
    except (OSError, HTTPException) as error:
        return {"error": type(error).__name__}
    finally:
        connection.close()
    return {"status": response.status, "body": body, "answer": body.decode("utf-8", "replace")}
