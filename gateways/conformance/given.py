"""What a contract test is given by the gateway under test, and the messages that are made of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import unquote_plus

from gateways.base import (
    Account,
    Bank,
    Gateway,
    Incoming,
    Notice,
    Order,
    Outcome,
    Query,
    Queryable,
    Redirect,
    Refundable,
    RefundNotice,
    RefundOrder,
    RefundOutcome,
    Request,
    Response,
    Verdict,
)
from gateways.codes import Code, Codes
from gateways.errors import GatewayError

Sent = Incoming | Response
Read = Notice | RefundNotice | Redirect

REQUEST_ID = "Q2611210001"
GOOD = (Outcome.SUCCEEDED, RefundOutcome.ACCEPTED)


@dataclass(frozen=True, slots=True)
class Said:
    """What a message is to say; `codes` as the rows of the gateway's table have them, empty where one is not stated."""

    codes: tuple[str, ...]
    reference: str
    amount: int
    at: datetime
    transaction: str
    request_id: str = REQUEST_ID
    currency: str = "VND"


@dataclass(frozen=True, slots=True)
class Message:
    """One kind of message: what a genuine one says, how it is written with an account's newest secrets, and what reads it."""

    reader: str
    said_by: str
    said: Said
    table: Codes[Any]
    write: Callable[[Account, Said], Any]
    read: Callable[[Account, Any], Read]
    signed: bool

    def reading(self, account: Account, sent: Sent) -> Read | None:
        """Read a message; None is a refusal. Anything but a `GatewayError` is a mistake and comes out."""
        try:
            return self.read(account, sent)
        except GatewayError:
            return None

    def refusal(self, account: Account, sent: Sent) -> GatewayError | None:
        """Return how a message is refused, or None if it is not."""
        try:
            self.read(account, sent)
        except GatewayError as refusal:
            return refusal
        return None


class Given:
    """What only the gateway knows. Its writers sign with the newest secret of the account they are given, as the gateway would."""

    gateway: ClassVar[Gateway]
    account: ClassVar[Account]
    """With two live secrets of each name."""
    other_account: ClassVar[Account]
    """Of another customer of the same gateway: another terminal, other secrets."""
    order: ClassVar[Order]
    refund_order: ClassVar[RefundOrder]
    """Of a part of it, by a gateway that is `Refundable`."""
    answers: ClassVar[Mapping[Verdict, tuple[int, object]]]
    """Status and body of the answer to a callback: what the JSON says, or None for none."""
    tomorrow: ClassVar[Mapping[str, tuple[str, ...]]]
    """Codes that the gateway has not published, by the method that reads them."""
    tells: ClassVar[Mapping[str, Collection[str]]]
    """Which of `description`, `client_ip` and `asked_by` each request tells the gateway, by the method that builds it."""
    opened: ClassVar[tuple[str, ...]] = ()
    """The codes of an answer to create that sends the citizen to pay."""
    unsigned: ClassVar[Collection[str]] = ()
    """The methods that read what the gateway does not sign; never a callback."""
    maybe_unsigned: ClassVar[Collection[str]] = ()
    """The methods that read what the gateway may leave unsigned; where a signature is stated it counts."""
    listed: ClassVar[tuple[Bank, ...]] = ()
    """Banks as a list of a gateway that is `ListsBanks` names them, of every method that has some."""
    transaction: ClassVar[str] = "2611210001"
    """A number as the gateway gives them to money."""

    # The writers are not abstract: a gateway has only those of the messages it sends.

    def write_callback(self, account: Account, said: Said) -> Incoming:
        """Write a callback."""
        raise NotImplementedError

    def write_return(self, account: Account, said: Said) -> Incoming:
        """Write what the browser brings back; the callback where it is the same."""
        return self.write_callback(account, said)

    def write_started(self, account: Account, said: Said) -> Response:
        """Write the answer to create."""
        raise NotImplementedError

    def write_queried(self, account: Account, said: Said) -> Response:
        """Write the answer to a query."""
        raise NotImplementedError

    def write_refunded(self, account: Account, said: Said) -> Response:
        """Write the answer to a refund."""
        raise NotImplementedError

    def write_refund_queried(self, account: Account, said: Said) -> Response:
        """Write the answer to a query about a refund."""
        raise NotImplementedError

    def write_banks(self, banks: Sequence[Bank]) -> Response:
        """Write a list of banks, in this order, as JSON."""
        raise NotImplementedError

    @property
    def question(self) -> Query:
        """A query about the order."""
        at = self.order.created_at
        return Query(self.order.reference, at, REQUEST_ID, at + timedelta(minutes=20), self.order.client_ip)

    @property
    def refund_question(self) -> Query:
        """A query about the refund."""
        at = self.refund_order.asked_at
        return Query(self.refund_order.reference, at, REQUEST_ID, at + timedelta(minutes=20), self.refund_order.client_ip)

    def messages(self) -> Iterator[Message]:
        """Every kind of message that the gateway sends, with what a genuine one says."""
        gateway, order = self.gateway, self.order
        returns = "return" if any("return" in row.said_by.split() for row in gateway.codes.rows) else "callback"
        yield self._message("read_callback", "callback", self.write_callback, gateway.read_callback)
        yield self._message("read_return", returns, self.write_return, gateway.read_return)
        if isinstance(gateway.start(self.account, order), Request):
            yield self._message("started", "create", self.write_started, lambda by, told: gateway.started(by, order, told))
        if isinstance(gateway, Queryable):
            yield self._message("queried", "query", self.write_queried, lambda by, told: gateway.queried(by, self.question, told))
        if isinstance(gateway, Refundable):
            back = self.refund_order
            yield self._message("refunded", "refund", self.write_refunded, lambda by, told: gateway.refunded(by, back, told))
            yield self._message(
                "refund_queried", "query", self.write_refund_queried,
                lambda by, told: gateway.refund_queried(by, back, self.refund_question, told),
            )  # fmt: skip

    def genuine(self) -> Iterator[tuple[Message, Any, Read]]:
        """Every kind of message, a genuine one, and what it says."""
        for message in self.messages():
            sent = message.write(self.account, message.said)
            yield message, sent, message.read(self.account, sent)

    def landing(self, message: Message, row: Code[Any]) -> list[tuple[str, ...]]:
        """Return the codes of which this row is the first that fits, with a code of tomorrow where any will do."""
        strange = self.strange(message)
        choices = ([strange[place]] if part == "*" else part.split() for place, part in enumerate(row.parts))
        codes = [tuple("" if code == "-" else code for code in each) for each in itertools.product(*choices)]
        return [each for each in codes if message.table.read(message.said_by, *each) is row]

    def strange(self, message: Message) -> tuple[str, ...]:
        """Return codes of tomorrow for this kind of message."""
        return self.tomorrow.get(message.reader) or self.tomorrow["read_callback"]

    def _message(self, reader: str, said_by: str, write: Callable[..., Sent], read: Callable[..., Read]) -> Message:
        refund = reader in {"refunded", "refund_queried"}
        of: Order | RefundOrder = self.refund_order if refund else self.order
        at = (of.asked_at if isinstance(of, RefundOrder) else of.created_at) + timedelta(minutes=1)
        table: Codes[Any] = self.gateway.refund_codes if refund and isinstance(self.gateway, Refundable) else self.gateway.codes
        said = Said((), of.reference, of.amount, at, self.transaction)
        message = Message(reader, said_by, said, table, write, read, reader not in self.unsigned)
        rows = sorted((row for row in table.rows if said_by in row.said_by.split()), key=lambda row: row.outcome not in GOOD)
        codes = self.opened if reader == "started" else self.landing(message, rows[0])[0]
        return replace(message, said=replace(said, codes=codes))


def with_secrets(account: Account, change: Callable[[str, tuple[str, ...]], tuple[str, ...]]) -> Account:
    """Return the account with its secrets changed, each by its name."""
    named = {name: change(name, live) for name, live in account.named_secrets.items()}
    return replace(account, secrets=change("secret", account.secrets), named_secrets=named)


def every_secret(*accounts: Account) -> list[str]:
    """Return the secrets of all of them."""
    return [secret for each in accounts for live in (each.secrets, *each.named_secrets.values()) for secret in live]


def readings(made: Redirect | Request) -> list[str]:
    """Return what is sent, as it is and decoded."""
    written = f"{made.url} {made.headers} {made.body.decode()}" if isinstance(made, Request) else made.url
    decoded = unquote_plus(written)
    return [written, decoded, decoded.encode().decode("unicode_escape", "replace")]
