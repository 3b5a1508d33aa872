"""The contract between the hub and a gateway's protocol.

A gateway translates and decides nothing: what it cannot map stays `Outcome.UNKNOWN` with the raw code kept. It holds no state.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import date, datetime
from typing import ClassVar

from gateways.codes import Codes
from gateways.errors import Malformed
from gateways.records import (
    Account,
    Answer,
    Bank,
    Incoming,
    Method,
    Notice,
    Order,
    Outcome,
    Query,
    Redirect,
    RefundNotice,
    RefundOrder,
    RefundOutcome,
    Request,
    Response,
    Verdict,
)

__all__ = [
    "Account",
    "Answer",
    "Bank",
    "Gateway",
    "Incoming",
    "ListsBanks",
    "ListsFiles",
    "Method",
    "Notice",
    "Order",
    "Outcome",
    "Query",
    "Queryable",
    "Redirect",
    "RefundNotice",
    "RefundOrder",
    "RefundOutcome",
    "Refundable",
    "Request",
    "Response",
    "Verdict",
]


class Gateway(ABC):
    """One protocol. Every method is pure; those that read raise `Forged` or `Malformed`.

    What a gateway can do besides taking money is what it inherits: `Queryable`, `Refundable`, `ListsBanks`, `ListsFiles`.
    """

    name: ClassVar[str]
    """As in URLs, settings and the register."""
    secret_names: ClassVar[tuple[str, ...]] = ("secret",)
    """What the secrets are called that it signs and verifies with, one after the other: `secret` where there is one."""
    endpoints: ClassVar[tuple[str, ...]]
    """The names of the addresses that an account of it must have."""
    methods: ClassVar[tuple[Method, ...]] = (Method("", "", ""),)
    """The ways to pay, the usual one first."""
    shortest_order_s: ClassVar[int] = 0
    """The gateway makes no order that lives less long, in seconds."""
    codes: ClassVar[Codes[Outcome]]

    @abstractmethod
    def reference(self, code: str, created_at: datetime) -> str:
        """Our reference for the order whose attempt has this code, unique for ever within the account."""

    @abstractmethod
    def start(self, account: Account, order: Order) -> Redirect | Request:
        """Where to send the citizen, or what to ask the gateway first (then `started` reads the answer)."""

    def started(self, account: Account, order: Order, response: Response) -> Redirect | Notice:  # noqa: ARG002 - a wallet's reads it
        """Read the answer to `start`: where to send the citizen, or what the gateway says of the order instead."""
        raise Malformed("an order of this gateway starts without asking it")

    @abstractmethod
    def read_callback(self, account: Account, incoming: Incoming) -> Notice:
        """Verify a server-to-server message on its raw bytes, then read it."""

    @abstractmethod
    def read_return(self, account: Account, incoming: Incoming) -> Notice:
        """The same for the citizen's browser coming back; it shows and never decides."""

    @abstractmethod
    def answer(self, verdict: Verdict) -> Answer:
        """What this protocol prescribes as the answer to a callback."""


class Queryable(Gateway):
    """A gateway that can be asked what became of an order."""

    @abstractmethod
    def query(self, account: Account, query: Query) -> Request:
        """Ask what became of an order."""

    @abstractmethod
    def queried(self, account: Account, query: Query, response: Response) -> Notice:
        """Verify and read the answer to `query`."""


class Refundable(Queryable):
    """A gateway that gives money back when it is asked to."""

    refund_codes: ClassVar[Codes[RefundOutcome]]
    """What its codes mean of a try at giving back."""

    def refund_reference(self, account: Account, code: str, asked_at: datetime) -> str:  # noqa: ARG002 - a gateway that dates its references reads them
        """Our reference for the try at giving back that has this code, unique for ever within the account."""
        return code

    @abstractmethod
    def refund(self, account: Account, order: RefundOrder) -> Request:
        """Ask for money to be given back. To be sent once: whoever does not know what became of it asks."""

    @abstractmethod
    def refunded(self, account: Account, order: RefundOrder, response: Response) -> RefundNotice:
        """Verify and read the answer to `refund`."""

    @abstractmethod
    def query_refund(self, account: Account, order: RefundOrder, query: Query) -> Request:
        """Ask what became of a refund. `query` has the try's reference and asked_at as its reference and created_at."""

    @abstractmethod
    def refund_queried(self, account: Account, order: RefundOrder, query: Query, response: Response) -> RefundNotice:
        """Verify and read the answer to `query_refund`."""


class ListsBanks(Gateway):
    """A gateway that says which banks a citizen may choose before being sent there. Nothing depends on the list."""

    most_banks: ClassVar[int] = 60
    """It is shown on a small page: of a longer list the first ones are taken, in the gateway's own order."""

    @abstractmethod
    def banks_request(self, account: Account) -> Request:
        """Ask for the account's banks. It reads only, so it may be repeated, and is not waited for long."""

    @abstractmethod
    def banks(self, response: Response) -> tuple[Bank, ...]:
        """Read the answer to `banks_request`, no code twice; what of it cannot be read is left out. Raises Malformed."""


class ListsFiles(Gateway):
    """A gateway that gives out its settlement files itself: their names by day, and each by its name."""

    @abstractmethod
    def files_request(self, account: Account, day: date) -> Request:
        """Ask for the names of a day's files. It reads only, so it may be repeated."""

    @abstractmethod
    def files(self, response: Response) -> tuple[str, ...]:
        """Read the answer to `files_request`, no name twice. Raises Malformed."""

    @abstractmethod
    def file_request(self, account: Account, name: str) -> Request:
        """Ask for one of these files. It reads only, so it may be repeated."""

    @abstractmethod
    def file(self, response: Response) -> bytes:
        """Read the answer to `file_request`: the file as it is. Raises Malformed."""
