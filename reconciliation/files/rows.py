"""Reading one row of a settlement file: a normalised line, or why it cannot be one. Values are never quoted."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from collections.abc import Mapping as Map
from datetime import datetime
from typing import TypeVar

from payhub.identifiers import identifier, is_identifier
from reconciliation.files.lines import BadRow, Ignored, Line, weigh
from reconciliation.files.mapping import Mapping

PLAIN = re.compile(r"[!-~](?:[ -~]{0,98}[!-~])?")
CURRENCY = re.compile(r"[A-Z]{3}")
Known = TypeVar("Known", str, int)
Cell = Callable[[str, Sequence[str]], str]
_NOUGHT = frozenset({"", "0"})


class RowReader:
    """Reads rows of one layout; what can be looked up once is looked up here."""

    def __init__(self, mapping: Mapping) -> None:
        self._mapping, self._places = mapping, mapping.places
        self.width = len(mapping.ranges) if mapping.format == "fixed" else mapping.width

    def read(self, number: int, row: Sequence[str]) -> tuple[Line, datetime]:
        """Return a row as a line, and the moment it tells; raise `BadRow` or `Ignored` where it is none."""
        mapping, places = self._mapping, self._places
        if self.width is not None and len(row) != self.width:
            raise BadRow("", "columns")
        line_type = "" if "type" not in places else self._type(row)
        status = "ignored" if line_type == "ignored" else self._status(row)
        if status == "ignored":
            raise Ignored
        currency = self._currency(row)
        line_type, amount = self._amount(line_type, row, currency)
        happened = mapping.happened.read(self._written(row))
        if happened is None:
            raise BadRow("happened", "not_a_time")
        reference, transaction = self._named("reference", row), self._named("transaction", row)
        if reference is None and transaction is None:
            raise BadRow("transaction" if "reference" not in places else "reference", "no_identity")
        bank, payout = _code(self._plain("bank", row)), self._named("payout", row)
        fee, moment = self._fee(row, currency), happened if mapping.happened.has_time else None
        line = Line(number, line_type, reference, transaction, amount, fee, currency, moment, happened.date(), bank, payout)
        return line, happened

    def weight(self, row: Sequence[str], sums: str) -> int | None:
        """Return what a row that was set aside adds to the file's sum, or None where that cannot be told."""
        if self.width is not None and len(row) != self.width:
            return None
        try:
            line_type = "" if "type" not in self._places else self._type(row)
            if line_type == "ignored":
                return 0
            currency = self._currency(row)
            weight = weigh(sums, *self._amount(line_type, row, currency))
        except Ignored:
            return 0
        except BadRow:
            return None
        return weight if currency == self._mapping.currency else None

    def cell(self, what: str, row: Sequence[str]) -> str:
        """Return what stands in a column; nothing where the row is shorter or the mapping has no such column."""
        place = self._places.get(what, -1)
        return row[place] if 0 <= place < len(row) else ""

    def _type(self, row: Sequence[str]) -> str:
        found = known(self._mapping.types, self.cell("type", row))
        if found is None:
            raise BadRow("type", "not_known")
        return found

    def _status(self, row: Sequence[str]) -> str:
        accepted, ignored = self._mapping.accepted, self._mapping.ignored
        if not accepted and not ignored:
            return ""
        status = composed(self.cell("status", row))
        if status in ignored:
            return "ignored"
        if accepted and status not in accepted:
            raise BadRow("status", "not_known")
        return ""

    def _amount(self, line_type: str, row: Sequence[str], currency: str) -> tuple[str, int]:
        amount, way = direction(self._mapping, row, self.cell, currency)
        line_type = line_type or self._mapping.constant[way < 0]
        if line_type == "ignored":
            raise Ignored
        if not amount:
            raise BadRow("amount", "not_an_amount")
        return settled(line_type, amount, way, strict=not self._mapping.signed)

    def _written(self, row: Sequence[str]) -> str:
        return self.cell("happened", row) if "happened" in self._places else f"{self.cell('date', row)} {self.cell('time', row)}"

    def _fee(self, row: Sequence[str], currency: str) -> int:
        written = self.cell("fee", row)
        if written in _NOUGHT:
            return 0
        amounts = self._mapping.amounts
        fee = amounts.signed(written, currency) if self._mapping.signed else amounts.read(written, currency)
        if fee is None:
            raise BadRow("fee", "not_a_fee")
        return abs(fee)

    def _currency(self, row: Sequence[str]) -> str:
        if "currency" not in self._places:
            return self._mapping.currency
        written = self.cell("currency", row)
        if not CURRENCY.fullmatch(written):
            raise BadRow("currency", "not_known")
        return written

    def _plain(self, what: str, row: Sequence[str]) -> str | None:
        return plain(what, self.cell(what, row))

    def _named(self, what: str, row: Sequence[str]) -> str | None:
        """Return what a thing is called at the gateway, in the form that names have; None where it has none."""
        value = self._plain(what, row)
        return value and identifier(value)


def direction(mapping: Mapping, row: Sequence[str], cell: Cell, currency: str) -> tuple[int, int]:
    """Return an amount without its sign, and which way it goes: 1 in, -1 out, 0 where the file does not say."""
    if "credit" in mapping.places:
        sides = [
            0 if cell(what, row) in _NOUGHT else mapping.amounts.read(cell(what, row), currency) for what in ("credit", "debit")
        ]
        for what, side in zip(("credit", "debit"), sides, strict=True):
            if side is None:
                raise BadRow(what, "not_an_amount")
        credit, debit = sides[0] or 0, sides[1] or 0
        if credit and debit:
            raise BadRow("debit", "wrong_sign")
        return credit or debit, -1 if debit else 1
    written = cell("amount", row)
    amount = mapping.amounts.signed(written, currency) if mapping.signed else mapping.amounts.read(written, currency)
    if amount is None:
        raise BadRow("amount", "not_an_amount")
    if "sign" in mapping.places:
        way = known(mapping.signs, cell("sign", row))
        if way is None:
            raise BadRow("sign", "not_known")
        return abs(amount), way
    return abs(amount), 0 if not mapping.signed else -1 if amount < 0 else 1


def settled(line_type: str, amount: int, way: int, *, strict: bool) -> tuple[str, int]:
    """Return a line's type and amount: above zero, but for an adjustment that goes out.

    Where the sign stands in the amount, files write what is given back with it or without: only a negative payment contradicts.
    """
    if line_type.startswith("adjustment"):
        told = {"adjustment_in": 1, "adjustment_out": -1}.get(line_type, 0)
        if told and way and told != way and strict:
            raise BadRow("amount", "wrong_sign")
        return "adjustment", amount * (told or way or 1)
    wrong = way < 0 if line_type == "payment" else way > 0 and strict
    if wrong:
        raise BadRow("amount", "wrong_sign")
    return line_type, amount


def composed(word: str) -> str:
    """Return a word as mappings keep words: some encodings tell a letter and its marks apart."""
    return word if word.isascii() else unicodedata.normalize("NFC", word)


def known(words: Map[str, Known], word: str) -> Known | None:
    """Return what a word stands for in a table of a mapping."""
    return words.get(composed(word))


def plain(what: str, value: str) -> str | None:
    """Return a short printable text, or None where there is none."""
    if value and not PLAIN.fullmatch(value):
        raise BadRow(what, "not_plain")
    return value or None


def _code(bank: str | None) -> str | None:
    # What a gateway calls its banks is a code; anything else it writes there is in the sealed file and of no use here.
    return bank if bank is not None and is_identifier(bank) else None
