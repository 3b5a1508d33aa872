"""The simulated gateways' own books: facts appended under one lock, optionally to a file that outlives the process."""

from __future__ import annotations

import json
import os
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from gateways.simulator.orders import Fact, Message, Order
from gateways.simulator.refunds import Refund

_FIRST_NUMBER = 14_000_000


class OtherContents(Exception):
    """The merchant has used this reference for another order."""


class Books:
    """Every change is one fact, written to the file before it counts; reading the file again gives the same books."""

    def __init__(self, path: Path | None = None) -> None:
        self.lock = threading.RLock()
        self.orders: dict[str, Order] = {}
        self.messages: dict[str, Message] = {}
        self.scenarios: dict[tuple[str, str], Fact] = {}
        """Gateway and reference, either empty for any, to what was planned."""
        self.disagreements: list[Fact] = []
        self.refunds: list[Refund] = []
        self.refund_scenarios: dict[tuple[str, str], str] = {}
        self.troubles: dict[tuple[str, str], Fact] = {}
        """Gateway and trouble to what was said of it."""
        self.planned_lines: list[Fact] = []
        """Fees and adjustments that a day's file and payout will have."""
        self.bank_accounts: dict[str, Fact] = {}
        self.bank_disagreements: list[Fact] = []
        self.secrets: dict[tuple[str, str], Fact] = {}
        """Merchant's account and name of the secret to the newer ones, `given`, and whether the one before is `forgotten`."""
        self.asked: set[tuple[str, str, str]] = set()
        self.replies: dict[str, Fact] = {}
        """Gateway, merchant and request id to what was asked and answered, for protocols that answer a repeat the same."""
        self.underway: set[str] = set()
        """Requests of that kind that are being answered; a restart forgets them."""
        self._infos: Counter[tuple[str, str]] = Counter()
        self._numbers = _FIRST_NUMBER
        facts = _remembered(path) if path else []
        if path:
            # Secrets that were given here are in it.
            path.touch(mode=0o600)
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

    def number(self) -> int:
        """Take the next transaction number."""
        with self.lock:
            self.record({"fact": "numbered", "number": self._numbers + 1})
            return self._numbers

    def find(self, gateway: str, terminal: str, reference: str, day: str = "") -> Order | None:
        """Find the order with this reference, of this day where a reference is unique for a day."""
        return self.orders.get("/".join(part for part in (gateway, terminal, day, reference) if part))

    def numbered(self, gateway: str, terminal: str, transaction: str) -> Order | None:
        """Find the order that has this transaction number."""
        with self.lock:
            orders = [order for order in self.orders.values() if (order.gateway, order.terminal) == (gateway, terminal)]
        return next((order for order in orders if transaction and order.transaction == transaction), None)

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

    def refund_named(self, gateway: str, terminal: str, reference: str) -> Refund | None:
        """Find the first request to give back that had this reference of the merchant's."""
        with self.lock:
            asked = [each for each in self.refunds if (each.gateway, each.terminal) == (gateway, terminal)]
        return next((refund for refund in asked if refund.reference == reference), None)

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
        _change(order, fact["books"])
        for each in fact["messages"]:
            message = Message(**each)
            order.messages.append(message)
            self.messages[message.id] = message

    def _changed(self, fact: Fact) -> None:
        _change(self.orders[fact["key"]], fact["books"])

    def _tried(self, fact: Fact) -> None:
        self.messages[fact["message"]].tries.append(fact["try"])

    def _numbered(self, fact: Fact) -> None:
        self._numbers = fact["number"]

    def _asked(self, fact: Fact) -> None:
        self.asked.add((fact["terminal"], fact["day"], fact["request_id"]))

    def _replied(self, fact: Fact) -> None:
        self.replies[fact["request"]] = fact["reply"]

    def _answered(self, fact: Fact) -> None:
        self.orders[fact["key"]].queries.append(fact["query"])

    def _planned(self, fact: Fact) -> None:
        self.scenarios[fact.get("gateway", ""), fact["reference"]] = fact["plan"]

    def _refunded(self, fact: Fact) -> None:
        self.refunds.append(Refund(**fact["refund"]))

    def _refund_planned(self, fact: Fact) -> None:
        self.refund_scenarios[fact.get("gateway", ""), fact["reference"]] = fact["scenario"]

    def _disagreed(self, fact: Fact) -> None:
        self.disagreements.append(fact["disagreement"])

    def _listed(self, fact: Fact) -> None:
        self.planned_lines.append(fact["line"])

    def _banked(self, fact: Fact) -> None:
        self.bank_accounts[fact["account"]["account"]] = fact["account"]

    def _bank_disagreed(self, fact: Fact) -> None:
        self.bank_disagreements.append(fact["disagreement"])

    def _secret_given(self, fact: Fact) -> None:
        known = self.secrets.setdefault((fact["terminal"], fact["name"]), {"given": [], "forgotten": False})
        known["given"].append({"value": fact["value"], "signs_from": fact["signs_from"]})

    def _secret_forgotten(self, fact: Fact) -> None:
        known = self.secrets[fact["terminal"], fact["name"]]
        known["given"], known["forgotten"] = known["given"][-1:], True

    def _signed(self, fact: Fact) -> None:
        message = self.messages[fact["message"]]
        message.query, message.body = fact["query"], fact["body"]

    def _troubled(self, fact: Fact) -> None:
        told = fact["trouble"]
        if told["trouble"] == "none":
            self.troubles = {key: value for key, value in self.troubles.items() if key[0] != told["gateway"]}
        else:
            self.troubles[told["gateway"], told["trouble"]] = told


def _change(order: Order, books: Mapping[str, object]) -> None:
    for name, value in books.items():
        setattr(order, name, value)


def _remembered(path: Path) -> list[Fact]:
    """Read the facts of an earlier life; a line that a crash cut short never counted and is cut off."""
    if not path.exists():
        return []
    whole = path.read_bytes()
    kept = whole[: whole.rfind(b"\n") + 1]
    if kept != whole:
        os.truncate(path, len(kept))
    return [json.loads(line) for line in kept.splitlines()]
