"""Reading one row of a settlement file: a normalised line, or why it cannot be one. Values are never quoted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from payhub.errors import Text
from payhub.identifiers import identifier, is_identifier
from payhub.money import MAX_AMOUNT
from reconciliation.mappings import LINE_TYPES, Mapping

REASONS = {
    "columns": Text("số cột khác với tiêu đề", "another number of columns than the header"),
    "not_an_amount": Text("không phải số tiền nguyên lớn hơn 0", "not a whole amount above zero"),
    "not_a_fee": Text("không phải số tiền phí nguyên", "not a whole fee"),
    "not_a_time": Text("không phải thời điểm theo mẫu đã khai báo", "not a time as the mapping writes it"),
    "not_known": Text("giá trị không có trong cấu hình", "a value the mapping does not know"),
    "not_plain": Text("quá dài hoặc có ký tự không hợp lệ", "too long, or with characters that have no place there"),
    "no_identity": Text("thiếu cả mã tham chiếu và mã giao dịch", "neither a reference nor a transaction"),
}
"""Why a row is set aside."""

_PLAIN = re.compile(r"[!-~](?:[ -~]{0,98}[!-~])?")
_CURRENCY = re.compile(r"[A-Z]{3}")


class Line(NamedTuple):
    """One row that was read, in the order its columns are stored."""

    number: int
    line_type: str
    reference: str | None
    transaction: str | None
    amount: int
    fee: int
    currency: str
    happened_at: datetime
    happened_on: date
    bank: str | None


@dataclass(frozen=True, slots=True)
class Reject:
    """One row that could not be read: `field` is the file's own heading, `reason` one of `REASONS`."""

    number: int
    field: str
    reason: str


class BadRow(Exception):
    """A row cannot be read: which of its columns, and why."""

    def __init__(self, what: str, reason: str) -> None:
        self.what, self.reason = what, reason


class RowReader:
    """Reads rows of one layout; what can be looked up once is looked up here."""

    def __init__(self, mapping: Mapping) -> None:
        places = mapping.columns
        self._mapping, self._width = mapping, len(mapping.header)
        self._type, self._amount, self._happened = places["type"], places["amount"], places["happened"]
        self._fee, self._status, self._currency = places.get("fee"), places.get("status"), places.get("currency")
        self._reference, self._transaction, self._bank = places.get("reference"), places.get("transaction"), places.get("bank")

    def read(self, number: int, row: Sequence[str]) -> Line:
        """Return a row as a line; raise `BadRow` where it cannot be one."""
        mapping = self._mapping
        if len(row) != self._width:
            raise BadRow("", "columns")
        line_type = mapping.types.get(row[self._type])
        if line_type is None:
            raise BadRow("type", "not_known")
        if self._status is not None and mapping.statuses and row[self._status] not in mapping.statuses:
            raise BadRow("status", "not_known")
        amount = self.amount(row[self._amount])
        if amount is None:
            raise BadRow("amount", "not_an_amount")
        happened = mapping.instant(row[self._happened])
        if happened is None:
            raise BadRow("happened", "not_a_time")
        reference = _named("reference", row, self._reference)
        transaction = _named("transaction", row, self._transaction)
        if reference is None and transaction is None:
            raise BadRow("transaction" if self._reference is None else "reference", "no_identity")
        bank = _plain("bank", row, self._bank)
        # What a gateway calls its banks is a code; anything else it writes there is in the sealed file and of no use here.
        bank = bank if bank is not None and is_identifier(bank) else None
        fee, currency = self._fee_of(row), self._currency_of(row)
        return Line(number, line_type, reference, transaction, amount, fee, currency, happened, happened.date(), bank)

    def amount(self, written: str) -> int | None:
        """Return a whole amount above zero, or None."""
        digits = self.digits(written)
        amount = int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 16 else 0
        return amount if 0 < amount <= MAX_AMOUNT else None

    def digits(self, written: str) -> str:
        """Return a number without what the mapping says stands between thousands."""
        return written.replace(self._mapping.thousands, "") if self._mapping.thousands else written

    def signed(self, row: Sequence[str]) -> int | None:
        """Return what a row that was set aside adds to the file's sum, or None where that cannot be told."""
        if len(row) != self._width:
            return None
        line_type, amount = self._mapping.types.get(row[self._type]), self.amount(row[self._amount])
        return None if line_type is None or amount is None else LINE_TYPES[line_type] * amount

    def _fee_of(self, row: Sequence[str]) -> int:
        if self._fee is None or row[self._fee] in {"", "0"}:
            return 0
        fee = self.amount(row[self._fee])
        if fee is None:
            raise BadRow("fee", "not_a_fee")
        return fee

    def _currency_of(self, row: Sequence[str]) -> str:
        if self._currency is None:
            return self._mapping.currency
        if not _CURRENCY.fullmatch(row[self._currency]):
            raise BadRow("currency", "not_known")
        return row[self._currency]


def _plain(what: str, row: Sequence[str], place: int | None) -> str | None:
    """Return a short printable text, or None where there is none."""
    value = "" if place is None else row[place]
    if not value:
        return None
    if not _PLAIN.fullmatch(value):
        raise BadRow(what, "not_plain")
    return value


def _named(what: str, row: Sequence[str], place: int | None) -> str | None:
    """Return what a thing is called at the gateway, in the form that names have; None where it has none."""
    value = _plain(what, row, place)
    return value and identifier(value)
