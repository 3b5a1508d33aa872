"""What the hub and a gateway's protocol say to each other, as frozen records.

Amounts are integer minor units beside their ISO 4217 code, instants are aware datetimes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


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
    callback_url: str = ""
    """Where the gateway is to send its word, for protocols that are told with each order."""
    method: str = ""
    """The name of one of the gateway's methods, or the code of a bank that the citizen chose from its list."""


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
    repeatable: bool = False
    """Whether sending the very same again does nothing more at the gateway."""


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
    paid_at_text: str
    """The gateway's instant of the payment, and the same as it was written."""
    method: str
    """Bank or instrument, as the gateway names it."""
    not_paid: bool = False
    """Said after the order has expired there, it is the gateway's own proof that no money came and none will."""


@dataclass(frozen=True, slots=True)
class RefundNotice:
    """A verified statement of a gateway about one try at giving back, by the try's reference."""

    reference: str
    original_reference: str
    terminal: str
    outcome: RefundOutcome
    raw_code: str
    amount: int | None
    """Minor units, as the gateway states it; None where this message does not."""
    currency: str
    transaction: str | None
    """The gateway's own number for the refund, if it has one; never the payment's."""
    names_try: bool = True
    """Whether it is of this very try; False where the gateway was asked about the order, and may speak of another refund of it."""


@dataclass(frozen=True, slots=True)
class Method:
    """One way to pay within an account, by the gateway's own name; empty where the citizen chooses at the gateway."""

    name: str
    vi: str
    en: str
    minimum: int = 1
    maximum: int = 10**15
    """Minor units that the gateway takes this way, both included; the account's own limits hold besides."""


@dataclass(frozen=True, slots=True)
class Bank:
    """One bank that a citizen may choose before being sent to the gateway; its code is then the order's method."""

    code: str
    name: str
    """As the gateway writes it, for people; it is neither empty nor holds what cannot be printed."""
    method: str
    """The name of the method it belongs to; empty where the gateway does not say, so that it fits only the citizen's own choice."""
