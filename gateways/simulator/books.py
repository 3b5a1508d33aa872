"""The simulated gateway's own books: facts appended under one lock, optionally to a file that outlives the process."""

from __future__ import annotations

import json
import os
import threading
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from gateways.simulator.refunds import Refund

Fact = dict[str, Any]

_FIRST_NUMBER = 14_000_000


class OtherContents(Exception):
    """The terminal has used this reference today, for another order."""


@dataclass(slots=True)
class Message:
    """One IPN: its query string, when it is due (Unix time), what it books when it is, and how its tries went."""

    id: str
    order: str
    tells: str
    query: str = field(repr=False)
    due_at: float
    after: str = ""
    books: Fact = field(default_factory=dict)
    tries: list[Fact] = field(default_factory=list)

    def finished(self, most: int) -> bool:
        """Whether it was accepted (RspCode 00 or 02) or sent often enough. A forgery is sent once."""
        tried = len(self.tries)
        return tried > 0 and (tried >= most or self.tells == "forged" or self.tries[-1]["rsp_code"] in {"00", "02"})


@dataclass(slots=True)
class Order:
    """One order as the gateway knows it. Amount in VND; times are GMT+7 as yyyyMMddHHmmss."""

    terminal: str
    reference: str
    amount: int
    info: str
    created: str
    expires: str
    return_url: str
    contents: dict[str, str]
    booked_at: str
    ordinal: int = 0
    repeat: int = 0
    """How many orders of the same terminal and OrderInfo came before."""
    decision: str = ""
    scenario: str = ""
    code: str = ""
    status: str = "01"
    transaction: str = ""
    bank: str = ""
    pay_date: str = ""
    messages: list[Message] = field(default_factory=list)
    queries: list[Fact] = field(default_factory=list)

    @property
    def key(self) -> str:
        """Terminal, day and reference: what VNPAY asks to be unique."""
        return f"{self.terminal}/{self.created[:8]}/{self.reference}"


class Books:
    """Every change is one fact, written to the file before it counts; reading the file again gives the same books."""

    def __init__(self, path: Path | None = None) -> None:
        self.lock = threading.RLock()
        self.orders: dict[str, Order] = {}
        self.messages: dict[str, Message] = {}
        self.scenarios: dict[str, Fact] = {}
        self.disagreements: list[Fact] = []
        self.refunds: list[Refund] = []
        self.refund_scenarios: dict[str, str] = {}
        self.asked: set[tuple[str, str, str]] = set()
        self._infos: Counter[tuple[str, str]] = Counter()
        self._numbers = _FIRST_NUMBER
        facts = _remembered(path) if path else []
        self._file = path.open("a", encoding="utf-8") if path else None
        for fact in facts:
            self._apply(fact)

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()

    def record(self, fact: Fact) -> None:
        """Append a fact and let it count."""
        with self.lock:
            if self._file:
                self._file.write(json.dumps(fact) + "\n")
                self._file.flush()
            self._apply(fact)

    def book(self, order: Order) -> Order:
        """Book a new order, or give back the one with the same contents. Raises OtherContents."""
        with self.lock:
            known = self.orders.get(order.key)
            if known is None:
                self.record({"fact": "booked", "order": asdict(order)})
            elif known.contents != order.contents:
                raise OtherContents
            return self.orders[order.key]

    def number(self) -> str:
        """Take the next transaction number."""
        with self.lock:
            self.record({"fact": "numbered", "number": self._numbers + 1})
            return str(self._numbers)

    def find(self, terminal: str, reference: str, created: str) -> Order | None:
        """Find the order with this reference and vnp_CreateDate."""
        order = self.orders.get(f"{terminal}/{created[:8]}/{reference}")
        return order if order and order.created == created else None

    def ask(self, terminal: str, request_id: str, day: str) -> bool:
        """Note the id of a request to the API; False if the terminal has used it that day."""
        with self.lock:
            if (terminal, day, request_id) in self.asked:
                return False
            self.record({"fact": "asked", "terminal": terminal, "day": day, "request_id": request_id})
            return True

    def of_terminal(self, terminal: str | None) -> list[Order]:
        """List the orders of one terminal, or all, in the order they were booked."""
        with self.lock:
            return [order for order in self.orders.values() if terminal in {None, order.terminal}]

    def refund(self, refund: Refund) -> None:
        """Book a request to give back and what becomes of it."""
        self.record({"fact": "refunded", "refund": asdict(refund)})

    def refunds_of(self, order: Order) -> list[Refund]:
        """List what was asked to be given back of one order, in the order it was asked."""
        with self.lock:
            return [refund for refund in self.refunds if refund.order_key == order.key]

    def _apply(self, fact: Fact) -> None:
        getattr(self, f"_{fact['fact']}")(fact)

    def _booked(self, fact: Fact) -> None:
        order = Order(**fact["order"])
        order.ordinal = len(self.orders) + 1
        order.repeat = self._infos[order.terminal, order.info]
        self._infos[order.terminal, order.info] += 1
        self.orders[order.key] = order

    def _decided(self, fact: Fact) -> None:
        order = self.orders[fact["key"]]
        self._change(order, fact["books"])
        for each in fact["messages"]:
            message = Message(**each)
            order.messages.append(message)
            self.messages[message.id] = message

    def _changed(self, fact: Fact) -> None:
        self._change(self.orders[fact["key"]], fact["books"])

    def _change(self, order: Order, books: Fact) -> None:
        for name, value in books.items():
            setattr(order, name, value)

    def _tried(self, fact: Fact) -> None:
        self.messages[fact["message"]].tries.append(fact["try"])

    def _numbered(self, fact: Fact) -> None:
        self._numbers = fact["number"]

    def _asked(self, fact: Fact) -> None:
        self.asked.add((fact["terminal"], fact["day"], fact["request_id"]))

    def _answered(self, fact: Fact) -> None:
        self.orders[fact["key"]].queries.append(fact["query"])

    def _planned(self, fact: Fact) -> None:
        self.scenarios[fact["reference"]] = fact["plan"]

    def _refunded(self, fact: Fact) -> None:
        self.refunds.append(Refund(**fact["refund"]))

    def _refund_planned(self, fact: Fact) -> None:
        self.refund_scenarios[fact["reference"]] = fact["scenario"]

    def _disagreed(self, fact: Fact) -> None:
        self.disagreements.append(fact["disagreement"])


def _remembered(path: Path) -> list[Fact]:
    """Read the facts of an earlier life; a line that a crash cut short never counted and is cut off."""
    if not path.exists():
        return []
    whole = path.read_bytes()
    kept = whole[: whole.rfind(b"\n") + 1]
    if kept != whole:
        os.truncate(path, len(kept))
    return [json.loads(line) for line in kept.splitlines()]
