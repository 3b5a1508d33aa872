"""What a bank statement is read as: its head, its entries, and the proof that these lead from balance to balance."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field, replace
from datetime import date
from typing import NamedTuple

from payhub.identifiers import identifier, is_identifier
from reconciliation.errors import BalanceDiffers
from reconciliation.files.chunks import BATCH
from reconciliation.files.lines import Reject, Tally

LONGEST_TEXT = 4_000
_LOST = "\N{REPLACEMENT CHARACTER}"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


@dataclass(frozen=True, slots=True)
class StatementHead:
    """Whose statement this is, of which days, and its balances; None is what the file does not say."""

    account: str | None
    currency: str
    number: str | None = None
    from_on: date | None = None
    to_on: date | None = None
    opening: int | None = None
    closing: int | None = None


class Entry(NamedTuple):
    """One booking: `amount` is above zero for money that came in, below for money that left.

    `text` is the bank's and the payer's own words and may tell of a person: it never stands in an error or a log.
    """

    number: int
    booked_on: date
    value_on: date
    amount: int
    currency: str
    bank_reference: str | None
    transaction_code: str | None
    text: str
    reference: str | None = None
    """What whoever sent the money called it."""
    reversal: bool = False


@dataclass(frozen=True, slots=True)
class StatementBatch:
    """Some thousand entries of one of a file's statements; only the head of a statement's last batch is whole."""

    statement: int
    """Which of the file's statements, from 1."""
    head: StatementHead
    entries: list[Entry]
    ends: bool


@dataclass(slots=True)
class Gathering:
    """Entries as a reader finds them, handed out by the batch; `ready` is emptied by whoever iterates."""

    tally: Tally = field(default_factory=Tally)
    ready: list[StatementBatch] = field(default_factory=list)
    head: StatementHead = field(default_factory=lambda: StatementHead(None, ""))
    total: int | None = 0
    """What the statement's entries add up to; None once the amount of one cannot be told."""
    _statement: int = 0
    _entries: list[Entry] = field(default_factory=list)
    _first_on: date = date.max
    _last_on: date = date.min

    def begin(self, head: StatementHead) -> None:
        """A statement begins."""
        self.head, self.total = head, 0
        self._statement += 1
        self._first_on, self._last_on = date.max, date.min

    def say(self, **known: object) -> None:
        """Something more is known of the statement."""
        self.head = replace(self.head, **known)  # type: ignore[arg-type] # names and types are the head's own

    def add(self, entry: Entry) -> None:
        """Take an entry."""
        self.tally.take((entry.booked_on,), 1, entry.amount)
        self._first_on, self._last_on = min(self._first_on, entry.booked_on), max(self._last_on, entry.booked_on)
        if self.total is not None:
            # Money of another currency than the account's adds up to nothing.
            self.total = self.total + entry.amount if entry.currency == (self.head.currency or entry.currency) else None
        self._entries.append(entry)
        if len(self._entries) == BATCH:
            self._hand_out(ends=False)

    def set_aside(self, reject: Reject, amount: int | None) -> None:
        """Count an entry that cannot be read; `amount` is signed, None where it cannot be told."""
        self.tally.set_aside(reject, amount)
        self.total = None if self.total is None or amount is None else self.total + amount

    def end(self, row: int | None, name: str) -> None:
        """A statement ends: its entries must lead from one balance to the other. `name` is what the file calls the latter."""
        head = self.head
        if self._last_on >= self._first_on:
            head = replace(head, from_on=head.from_on or self._first_on, to_on=head.to_on or self._last_on)
        self.head = head
        if head.opening is not None and head.closing is not None and self.total not in (None, head.closing - head.opening):
            read = head.opening + (self.total or 0)
            raise BalanceDiffers(
                f"số dư cuối {head.closing}, tính được {read}", f"a closing balance of {head.closing} declared, {read} read",
                row=row, field=name, declared=head.closing, read=read,
            )  # fmt: skip
        self._hand_out(ends=True)

    def _hand_out(self, *, ends: bool) -> None:
        self.ready.append(StatementBatch(self._statement, self.head, self._entries, ends))
        self._entries = []


def tidy(text: str) -> str:
    """Return free text in one line, composed, and no longer than is kept."""
    return " ".join(unicodedata.normalize("NFC", _CONTROL.sub(" ", text)).split())[:LONGEST_TEXT]


def named(value: str) -> str | None:
    """Return what somebody calls a thing, in the form that names have; None where it is not called anything, or a part is lost."""
    value = _CONTROL.sub(" ", value).strip()
    return identifier(value) if value and _LOST not in value else None


def coded(value: str) -> str | None:
    """Return a code, None for anything that has not the form of one."""
    return value if value and is_identifier(value) else None
