"""What a settlement file is read as: lines, rows set aside, and the account of both."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple

from payhub.errors import Text

LINE_TYPES = ("payment", "refund", "reversal", "fee", "adjustment")
REASONS = {
    "columns": Text("số cột khác với tiêu đề", "another number of columns than the header"),
    "not_an_amount": Text("không phải số tiền nguyên lớn hơn 0", "not a whole amount above zero"),
    "wrong_sign": Text("dấu trái với loại giao dịch", "a sign that contradicts the type"),
    "not_a_fee": Text("không phải số tiền phí nguyên", "not a whole fee"),
    "not_a_balance": Text("không phải số dư", "not a balance"),
    "not_a_time": Text("không phải thời điểm theo mẫu đã khai báo", "not a time as the mapping writes it"),
    "not_known": Text("giá trị không có trong cấu hình", "a value the mapping does not know"),
    "not_plain": Text("quá dài hoặc có ký tự không hợp lệ", "too long, or with characters that have no place there"),
    "no_identity": Text("thiếu cả mã tham chiếu và mã giao dịch", "neither a reference nor a transaction"),
}
"""Why a row is set aside."""

KEPT_REJECTS = 10_000
"""Every row set aside is counted; this many are told one by one."""

SUMS = {
    "net": {"payment": 1, "refund": -1, "reversal": -1, "fee": 0, "adjustment": 0},
    "all": {"payment": 1, "refund": -1, "reversal": -1, "fee": -1, "adjustment": 1},
    "gross": dict.fromkeys(LINE_TYPES, 1),
}
"""What a declared sum adds up: payments minus what was given back; the same with fees and adjustments; all without signs."""


class Line(NamedTuple):
    """One row that was read, in the order its columns are stored.

    `amount` is above zero and the type says which way the money went; only an adjustment that goes out has one below zero.
    """

    number: int
    line_type: str
    reference: str | None
    transaction: str | None
    amount: int
    fee: int
    currency: str
    happened_at: datetime | None
    """None where the file has days without times."""
    happened_on: date
    bank: str | None
    payout: str | None = None
    """The gateway's reference of the transfer this line is paid over with."""


class Reject(NamedTuple):
    """One row that could not be read: `field` is the file's own name of the column, `reason` one of `REASONS`."""

    number: int
    field: str
    reason: str


class BadRow(Exception):
    """A row cannot be read: which of its columns, and why."""

    def __init__(self, what: str, reason: str) -> None:
        self.what, self.reason = what, reason


class Ignored(Exception):
    """A row the mapping says is none of ours, such as a payment that failed."""


@dataclass(slots=True)
class Tally:
    """What a file declares and what was read of it. Sums are payments minus what was given back, or credits minus debits."""

    declared_count: int | None = None
    declared_sum: int | None = None
    lines: int = 0
    sum: int = 0
    ignored: int = 0
    rejected: int = 0
    first_on: date = date.max
    last_on: date = date.min
    rejects: list[Reject] = field(default_factory=list)
    """The first of the rows set aside."""
    reasons: dict[str, int] = field(default_factory=dict)
    """How many rows were set aside for each reason."""
    rejected_sum: int | None = 0
    """The rejected rows' part of the sum the file declares; None where one of their amounts cannot be told."""

    @property
    def rows(self) -> int:
        """Every row there was between header and trailer."""
        return self.lines + self.ignored + self.rejected

    def take(self, days: Collection[date], count: int, signed: int) -> None:
        """Count lines: their first and last day, how many, and their sum."""
        self.lines += count
        self.sum += signed
        if days:
            self.first_on, self.last_on = min(self.first_on, *days), max(self.last_on, *days)

    def set_aside(self, reject: Reject, signed: int | None) -> None:
        """Count a row that could not be read."""
        self.rejected += 1
        self.reasons[reject.reason] = self.reasons.get(reject.reason, 0) + 1
        if len(self.rejects) < KEPT_REJECTS:
            self.rejects.append(reject)
        self.rejected_sum = None if self.rejected_sum is None or signed is None else self.rejected_sum + signed


def weigh(sums: str, line_type: str, amount: int) -> int:
    """Return what an amount adds to a declared sum of this kind."""
    return SUMS[sums][line_type] * (abs(amount) if sums == "gross" else amount)
