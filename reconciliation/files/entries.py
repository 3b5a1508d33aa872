"""Statements in a bank's own layout: rows of a CSV file or a workbook, read through a mapping."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date

from reconciliation.errors import BalanceDiffers, HeaderWrong
from reconciliation.files.frames import Frame
from reconciliation.files.layouts import chunks
from reconciliation.files.lines import BadRow, Reject
from reconciliation.files.mapping import Mapping
from reconciliation.files.rows import CURRENCY, RowReader, direction
from reconciliation.files.sources import Source
from reconciliation.files.statements import Entry, Gathering, StatementBatch, StatementHead, coded, named, tidy

_ACCOUNT = re.compile(r"[0-9A-Z][0-9A-Z._/-]{3,33}")


class Entries:
    """The one statement of a file in a bank's own layout."""

    def __init__(self, source: Source, mapping: Mapping, gathering: Gathering) -> None:
        self._frame, self._mapping, self._gathering = Frame(mapping), mapping, gathering
        self._chunks = chunks(source, self._frame)
        self._rows = RowReader(mapping)
        self._balance: int | None = None
        self._before: int | None = None
        self._whole = True

    def __iter__(self) -> Iterator[StatementBatch]:
        gathering, begun = self._gathering, False
        for chunk in self._chunks:
            if not begun:
                gathering.begin(self._head())
                begun = True
            for number, row in zip(chunk.numbers, chunk.rows(), strict=True):
                self._take(number, row)
            yield from gathering.ready
            gathering.ready.clear()
        if not begun:
            gathering.begin(self._head())
        self._end()
        yield from gathering.ready
        gathering.ready.clear()

    def _take(self, number: int, row: Sequence[str]) -> None:
        amount = None
        try:
            currency, amount = self._money(row)
            entry = self._entry(number, row, amount, currency)
            self._follow(number, row, amount)
        except BadRow as bad:
            self._whole = False
            heading = (
                self._mapping.heading(bad.what) if bad.what else self._mapping.names[min(len(row), len(self._mapping.names)) - 1]
            )
            self._gathering.set_aside(Reject(number, heading, bad.reason), amount)
        else:
            self._gathering.add(entry)

    def _entry(self, number: int, row: Sequence[str], amount: int, currency: str) -> Entry:
        cell = self._rows.cell
        booked = self._mapping.happened.read(cell("booked", row))
        if booked is None:
            raise BadRow("booked", "not_a_time")
        written = cell("value", row)
        value = self._mapping.value.read(written) if written else booked
        if value is None:
            raise BadRow("value", "not_a_time")
        return Entry(
            number, booked.date(), value.date(), amount, currency, named(cell("bank_reference", row)),
            coded(cell("transaction_code", row)), tidy(cell("text", row)), named(cell("reference", row)),
        )  # fmt: skip

    def _money(self, row: Sequence[str]) -> tuple[str, int]:
        if self._rows.width is not None and len(row) != self._rows.width:
            raise BadRow("", "columns")
        currency = self._currency(row)
        size, way = direction(self._mapping, row, self._rows.cell, currency)
        if not size:
            raise BadRow("amount", "not_an_amount")
        return currency, size * (way or 1)

    def _currency(self, row: Sequence[str]) -> str:
        if "currency" not in self._mapping.places:
            return self._mapping.currency
        written = self._rows.cell("currency", row)
        if not CURRENCY.fullmatch(written):
            raise BadRow("currency", "not_known")
        return written

    def _follow(self, number: int, row: Sequence[str], amount: int) -> None:
        """Hold a row's balance against the one before it, and learn the statement's balances from the first and the last."""
        if "balance" not in self._mapping.places:
            return
        balance = self._mapping.amounts.signed(self._rows.cell("balance", row), self._mapping.currency, total=True)
        if balance is None:
            raise BadRow("balance", "not_a_balance")
        before = balance - amount
        if self._balance is None:
            self._gathering.say(**self._learned(before, balance, first=True))
        elif self._whole and self._balance != (balance if self._mapping.newest_first else before):
            name = self._mapping.heading("balance")
            raise BalanceDiffers(
                "số dư không nối tiếp dòng trước", "a balance that does not follow from the row before", row=number, field=name
            )
        self._balance, self._before = (before, balance) if self._mapping.newest_first else (balance, before)

    def _learned(self, before: int, after: int, *, first: bool) -> dict[str, int]:
        head = self._gathering.head
        opens = first != self._mapping.newest_first
        if opens:
            return {} if head.opening is not None else {"opening": before}
        return {} if head.closing is not None else {"closing": after}

    def _end(self) -> None:
        gathering, frame, trailer = self._gathering, self._frame, self._mapping.trailer
        rejected = gathering.tally.rejected_sum
        frame.finish(gathering.tally, None if rejected is None else gathering.tally.sum + rejected)
        if trailer and trailer.closing is not None and frame.trailer is not None:
            gathering.say(
                closing=self._amount(frame.trailer[trailer.closing] if trailer.closing < len(frame.trailer) else "", frame.number)
            )
        if self._balance is not None:
            gathering.say(**self._learned(self._balance, self._balance, first=False))
        gathering.end(frame.number, self._mapping.heading("balance"))

    def _head(self) -> StatementHead:
        told, mapping = self._frame.head, self._mapping
        found = {
            what: self._amount(told[what], mapping.head.cells[what][0])
            for what in ("opening", "closing")
            if what in mapping.head.cells and what in told
        }
        return StatementHead(
            _account(told.get("account", "")), mapping.currency, named(_after_colon(told.get("number", ""))),
            self._day("from"), self._day("to"), found.get("opening"), found.get("closing"),
        )  # fmt: skip

    def _day(self, what: str) -> date | None:
        return self._mapping.happened.search(self._frame.head.get(what, ""), last=what == "to")

    def _amount(self, written: str, row: int) -> int:
        """Return the last amount that stands in a cell."""
        for word in reversed(_after_colon(written).split()):
            found = self._mapping.amounts.signed(word, self._mapping.currency, total=True)
            if found is not None:
                return found
        raise HeaderWrong("không có số dư ở ô này", "there is no balance in this cell", row=row)


def _after_colon(text: str) -> str:
    return text.rpartition(":")[2].strip()


def _account(text: str) -> str | None:
    found = [word for word in _ACCOUNT.findall(_after_colon(text)) if sum(map(str.isdigit, word)) >= 4]
    return found[0] if found else None
