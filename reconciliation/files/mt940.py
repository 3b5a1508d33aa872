"""MT940 of SWIFT: cut into fields as they pass, each read by the `mt-940` library; memory is flat for any size."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from datetime import date

from mt940.models import Date, Transactions
from mt940.tags import BalanceBase, Statement

from reconciliation.errors import FileCutOff, FormatWrong, HeaderWrong, PagesApart
from reconciliation.files.amounts import Amounts
from reconciliation.files.lines import BadRow, Reject
from reconciliation.files.mt940_fields import Field, fields
from reconciliation.files.rows import CURRENCY
from reconciliation.files.sources import Blocks, Source
from reconciliation.files.statements import Entry, Gathering, StatementBatch, StatementHead, coded, named, tidy
from reconciliation.files.times import YEARS

# The library logs the words of a field it cannot read, and they may be a person's.
logging.getLogger("mt940").setLevel(logging.CRITICAL + 1)
_AMOUNTS = Amounts(decimal=",")
_LINE, _BALANCE = Statement(), BalanceBase()
_WAYS = {"C": 1, "D": -1, "RC": -1, "RD": 1}
_NUMBER = re.compile(r"[0-9]{1,5}(?:/[0-9]{1,5})?")
_NONE = {"NONREF", "NOTPROVIDED"}


class Mt940:
    """The statements of one file; the pages of one that goes over several messages are put together."""

    def __init__(self, source: Source, gathering: Gathering) -> None:
        self._blocks, self._gathering = Blocks(source, "utf-8"), gathering
        self._account, self._number, self._row = "", "", 1
        self._open = False
        self._final = False
        self._line: Field | None = None
        self._details = ""

    def __iter__(self) -> Iterator[StatementBatch]:
        found = False
        for each in fields(self._blocks):
            found = found or each.tag == "20"
            if not found:
                raise FormatWrong("không phải MT940", "this is not MT940: it does not begin with :20:", row=each.row)
            self._take(each)
            yield from self._gathering.ready
            self._gathering.ready.clear()
        if not found:
            raise FormatWrong("không phải MT940", "this is not MT940: it has no :20:", row=1)
        self._flush()
        self._close()
        yield from self._gathering.ready
        self._gathering.ready.clear()

    def _take(self, each: Field) -> None:
        if each.tag == "86":
            self._details = self._details or each.value
            return
        self._flush()
        self._row = each.row
        match each.tag:
            case "20":
                self._account, self._number = "", ""
            case "25" | "25P":
                self._account = coded("".join(each.value.split("\n")[0].split())) or ""
            case "28" | "28C":
                self._number = each.value if _NUMBER.fullmatch(each.value) else ""
            case "60F" | "60M":
                self._open_with(each)
            case "61":
                if not self._open or self._gathering.head.closing is not None:
                    raise FileCutOff("thiếu số dư đầu", "an entry outside of a statement", row=each.row, field="61")
                self._line = each
            case "62F" | "62M":
                self._close_with(each)
            case _:
                pass

    def _open_with(self, each: Field) -> None:
        opening, currency, _ = _balance(each)
        head = self._gathering.head
        if self._open and each.tag == "60M" and head.account == (self._account or None) and not self._final:
            if head.closing != opening:
                raise PagesApart(head.closing, opening, row=each.row, field="60M")
            self._gathering.say(closing=None)
            return
        self._close()
        self._gathering.begin(StatementHead(self._account or None, currency, self._number.split("/")[0] or None, opening=opening))
        self._open, self._final = True, False

    def _close_with(self, each: Field) -> None:
        if not self._open or self._gathering.head.closing is not None:
            raise FileCutOff("thiếu số dư đầu", "a closing balance without an opening one", row=each.row, field=each.tag)
        closing, currency, on = _balance(each)
        if currency != self._gathering.head.currency:
            raise HeaderWrong("hai loại tiền", "balances in two currencies", row=each.row, field=each.tag)
        self._final = each.tag == "62F"
        self._gathering.say(closing=closing, to_on=on)

    def _close(self) -> None:
        if not self._open:
            return
        if self._gathering.head.closing is None:
            raise FileCutOff(
                "tệp bị cắt: thiếu số dư cuối", "the file is cut off: the closing balance is missing", row=self._row, field="62F"
            )
        self._open = False
        self._gathering.end(self._row, "62F")

    def _flush(self) -> None:
        """Take the entry whose details have passed."""
        line, details = self._line, self._details
        self._line, self._details = None, ""
        if line is None:
            return
        amount = None
        try:
            told = _read(line)
            amount = _amount(told["amount"] or "", self._gathering.head.currency) * _WAYS[(told["status"] or "").upper()]
            entry = _entry(line.row, told, amount, self._gathering.head.currency, details)
        except BadRow as bad:
            self._gathering.set_aside(Reject(line.row, "61", bad.reason), amount)
        else:
            self._gathering.add(entry)


def _read(line: Field) -> dict[str, str | None]:
    try:
        return _LINE.parse(Transactions(), line.value)
    except RuntimeError:
        raise BadRow("61", "columns") from None


def _amount(written: str, currency: str) -> int:
    amount = _AMOUNTS.read(written.removesuffix(","), currency)
    if not amount:
        raise BadRow("61", "not_an_amount")
    return amount


def _entry(number: int, told: dict[str, str | None], amount: int, currency: str, details: str) -> Entry:
    try:
        data = _LINE(Transactions(), {**told, "amount": "0"})
    except (ValueError, ArithmeticError):
        raise BadRow("61", "not_a_time") from None
    value_on, booked_on = _day(data["date"]), _day(data.get("entry_date") or data["date"])
    reference = (told["customer_reference"] or "").strip()
    return Entry(
        number, booked_on, value_on, amount, currency, named(told["bank_reference"] or ""), coded((told["id"] or "").strip()),
        tidy(f"{told['extra_details'] or ''} {details}"), named("" if reference in _NONE else reference),
        (told["status"] or "").upper().startswith("R"),
    )  # fmt: skip


def _day(found: object) -> date:
    if not isinstance(found, date) or found.year not in YEARS:
        raise BadRow("61", "not_a_time")
    return date(found.year, found.month, found.day)


def _balance(each: Field) -> tuple[int, str, date]:
    """Return a balance with its sign, its currency and its day."""
    try:
        told = _BALANCE.parse(Transactions(), each.value)
        on = Date(year=told["year"], month=told["month"], day=told["day"])
    except (RuntimeError, ValueError):
        raise _no_balance(each) from None
    currency = told["currency"] or ""
    amount = _AMOUNTS.signed((told["amount"] or "").removesuffix(","), currency, total=True)
    if amount is None or not CURRENCY.fullmatch(currency):
        raise _no_balance(each)
    return amount * _WAYS[(told["status"] or "").upper()], currency, date(on.year, on.month, on.day)


def _no_balance(each: Field) -> HeaderWrong:
    return HeaderWrong("số dư không đọc được", "a balance that cannot be read", row=each.row, field=each.tag)
