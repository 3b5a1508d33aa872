"""An order and a message about it, as any gateway has them in its books."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Fact = dict[str, Any]


class State(StrEnum):
    """How an order stands, whatever its gateway calls that."""

    OPEN = "open"
    PAID = "paid"
    UNPAID = "unpaid"
    """Refused, cancelled or expired: final."""
    REVERSED = "reversed"


class End(StrEnum):
    """What a hub's answer to a message means for the message."""

    ACCEPTED = "accepted"
    GIVEN_UP = "given_up"
    """The protocol does not send again after this answer."""
    AGAIN = ""


@dataclass(slots=True)
class Message:
    """One HTTP request to the hub: when it is due (Unix time), what it books when it is, and how its tries went."""

    id: str
    order: str
    tells: str
    due_at: float
    method: str = "GET"
    query: str = field(default="", repr=False)
    body: str = field(default="", repr=False)
    after: str = ""
    books: Fact = field(default_factory=dict)
    tries: list[Fact] = field(default_factory=list)

    def finished(self, most: int) -> bool:
        """Whether it was accepted, given up, or sent often enough. A forgery is sent once."""
        tried = len(self.tries)
        return tried > 0 and (tried >= most or self.tells == "forged" or bool(self.tries[-1].get("end")))


@dataclass(slots=True)
class Order:
    """One order as its gateway knows it. Amount in VND; times are GMT+7 as yyyyMMddHHmmss."""

    gateway: str
    terminal: str
    """The merchant's account there: terminal, partnerCode or app_id."""
    reference: str
    amount: int
    info: str
    created: str
    expires: str
    return_url: str
    contents: dict[str, str]
    booked_at: str
    callback_url: str = ""
    """Where the hub wants to be told; empty where that is the terminal's setting."""
    day: str = ""
    """The day within which the reference is unique (yyyyMMdd); empty where it is unique for ever."""
    ordinal: int = 0
    repeat: int = 0
    """How many orders of the same terminal and text came before."""
    decision: str = ""
    scenario: str = ""
    state: str = State.OPEN
    code: str = ""
    status: str = ""
    """`code` and `status` are the gateway's own words."""
    transaction: str = ""
    bank: str = ""
    pay_date: str = ""
    reversed_at: str = ""
    messages: list[Message] = field(default_factory=list)
    queries: list[Fact] = field(default_factory=list)

    @property
    def key(self) -> str:
        """What its gateway asks to be unique."""
        return "/".join(part for part in (self.gateway, self.terminal, self.day, self.reference) if part)
