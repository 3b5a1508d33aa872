"""The contract between the hub and a gateway's protocol.

A gateway translates and decides nothing: what it cannot map stays `Outcome.UNKNOWN` with the raw code kept. Amounts are integer
minor units beside their ISO 4217 code, instants are aware datetimes. Records are frozen; a gateway holds no state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class Outcome(StrEnum):
    """What a gateway says of one order."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    """The citizen gave up at the gateway."""
    PENDING = "pending"
    """The gateway knows the order and has no money for it yet."""
    NOT_FOUND = "not_found"
    """The gateway, verified, knows no such order."""
    REVERSED = "reversed"
    """Debited at the bank and not kept by the gateway."""
    UNKNOWN = "unknown"
    """Anything else: neither paid nor unpaid until the gateway says so."""


class RefundOutcome(StrEnum):
    """What a gateway says of one try at giving money back."""

    ACCEPTED = "accepted"
    """The gateway took it: the money will go back."""
    REFUSED = "refused"
    """Final: of this try nothing will go back."""
    PROCESSING = "processing"
    """The gateway knows of it and has not decided."""
    NOT_FOUND = "not_found"
    """The gateway, verified, knows no such order to give back."""
    UNKNOWN = "unknown"
    """Anything else: the money may go back and may not."""


class Verdict(StrEnum):
    """What the hub made of a callback; each protocol has its own words for it (`Gateway.answer`)."""

    RECORDED = "recorded"
    REPEATED = "repeated"
    UNKNOWN_REFERENCE = "unknown_reference"
    WRONG_AMOUNT = "wrong_amount"
    FORGED = "forged"
    MALFORMED = "malformed"
    OUR_FAULT = "our_fault"


@dataclass(frozen=True, slots=True)
class Account:
    """The hub's account at a gateway. `secrets` are the live ones, the signing one first; all of them verify."""

    terminal: str
    secrets: tuple[str, ...] = field(repr=False)
    endpoints: Mapping[str, str]
    """Name of the call to absolute URL; the names are the gateway's own, see its module."""
    named_secrets: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    """The same by name, for protocols with several (`Gateway.secret_names`); `secrets` are those called `secret`."""


@dataclass(frozen=True, slots=True)
class Order:
    """One try at paying. `created_at` and `reference` are all that a later query needs."""

    reference: str
    amount: int
    currency: str
    description: str
    created_at: datetime
    expires_at: datetime
    return_url: str
    language: str
    client_ip: str


@dataclass(frozen=True, slots=True)
class Query:
    """A question about an order: `reference` and `created_at` as they were in it, `request_id` new for each question."""

    reference: str
    created_at: datetime
    request_id: str
    asked_at: datetime
    client_ip: str


@dataclass(frozen=True, slots=True)
class RefundOrder:
    """One try at giving back all or a part of a paid order; equal amounts are all of it."""

    reference: str
    """Ours, of this try; a new one for each."""
    original_reference: str
    original_transaction: str | None
    """The gateway's own number for the payment, if it told one."""
    original_created_at: datetime
    amount: int
    original_amount: int
    currency: str
    asked_by: str
    """A code for who asked; never a name, an address or a number of a person."""
    asked_at: datetime
    client_ip: str


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request to send."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    timeout_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Response:
    """The HTTP answer to a `Request`."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message from outside, untouched: `query` is the raw query string without the question mark."""

    method: str
    query: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the protocol wants to hear after a callback."""

    status: int
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Redirect:
    """Where to send the citizen's browser."""

    url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Notice:
    """A verified statement of a gateway about one order."""

    reference: str
    terminal: str
    outcome: Outcome
    raw_code: str
    amount: int | None
    """Minor units; None where this message does not state one."""
    currency: str
    transaction: str | None
    """The gateway's own number for the money, if it has one."""
    paid_at: datetime | None
    """The gateway's instant of the payment."""
    paid_at_text: str
    """The same as it was written."""
    method: str
    """Bank or instrument, as the gateway names it."""


@dataclass(frozen=True, slots=True)
class RefundNotice:
    """A verified statement of a gateway about one try at giving back."""

    reference: str
    """The try's."""
    original_reference: str
    terminal: str
    outcome: RefundOutcome
    raw_code: str
    amount: int | None
    """Minor units, as the gateway states it; None where this message does not."""
    currency: str
    transaction: str | None
    """The gateway's own number for the refund, if it has one; never the payment's."""


class Gateway(Protocol):
    """One protocol. Every method is pure; those that read raise `Forged` or `Malformed`."""

    @property
    def name(self) -> str:
        """As in URLs, settings and the register."""

    @property
    def secret_names(self) -> tuple[str, ...]:
        """What the secrets are called that it signs and verifies with, one after the other: `secret` where there is one."""

    def reference(self, code: str, created_at: datetime) -> str:
        """Our reference for the order whose attempt has this code, unique for ever within the account."""

    def start(self, account: Account, order: Order) -> Redirect | Request:
        """Where to send the citizen, or what to ask the gateway first (then `started` reads the answer)."""

    def started(self, account: Account, order: Order, response: Response) -> Redirect:
        """Read the answer to `start`."""

    def read_callback(self, account: Account, incoming: Incoming) -> Notice:
        """Verify a server-to-server message on its raw bytes, then read it."""

    def read_return(self, account: Account, incoming: Incoming) -> Notice:
        """The same for the citizen's browser coming back; it shows and never decides."""

    def answer(self, verdict: Verdict) -> Answer:
        """What this protocol prescribes as the answer to a callback."""

    def query(self, account: Account, query: Query) -> Request:
        """Ask what became of an order."""

    def queried(self, account: Account, query: Query, response: Response) -> Notice:
        """Verify and read the answer to `query`."""

    def refund(self, account: Account, order: RefundOrder) -> Request:
        """Ask for money to be given back. To be sent once: whoever does not know what became of it asks."""

    def refunded(self, account: Account, order: RefundOrder, response: Response) -> RefundNotice:
        """Verify and read the answer to `refund`."""

    def query_refund(self, account: Account, order: RefundOrder, query: Query) -> Request:
        """Ask what became of a refund. `query` has the try's reference and asked_at as its reference and created_at."""

    def refund_queried(self, account: Account, order: RefundOrder, query: Query, response: Response) -> RefundNotice:
        """Verify and read the answer to `query_refund`."""
