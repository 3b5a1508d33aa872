"""The file in which a gateway lists a day's money of one account, and the planned ways in which it disagrees with the hub.

No gateway's real layout is public: these are examples.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from gateways.simulator.config import GMT7
from gateways.simulator.orders import Fact

COLUMNS = (
    *("STT", "MaGiaoDich", "MaThamChieu", "LoaiGiaoDich", "ThoiGian"),
    *("SoTien", "Phi", "NganHang", "TrangThai", "MaThanhToan"),
)
_TRAILER = "TONG"


class Kind(StrEnum):
    """What a line is. Amounts are positive: the kind says which way the money goes."""

    PAYMENT = "payment"
    REFUND = "refund"
    REVERSAL = "reversal"
    """A payment of an earlier day, taken back."""
    FEE = "fee"
    """One of no payment: a month's, say."""
    ADJUST_IN = "adjust_in"
    """To the merchant's good."""
    ADJUST_OUT = "adjust_out"


PAYMENT, REFUND = Kind.PAYMENT, Kind.REFUND
_IN_TRAILER = {Kind.PAYMENT: 1, Kind.REFUND: -1, Kind.REVERSAL: -1}


@dataclass(frozen=True, slots=True)
class Layout:
    """How one gateway's file is written: number, its transaction, our reference, kind, time, amount, fee, bank, state, payout."""

    columns: tuple[str, ...] = COLUMNS
    kinds: tuple[str, ...] = ("THANH_TOAN", "HOAN_TIEN", "DAO_GIAO_DICH", "PHI_DICH_VU", "DIEU_CHINH_TANG", "DIEU_CHINH_GIAM")
    """The words for each `Kind`, in its order."""
    state: str = "THANH_CONG"
    time: str = "%d/%m/%Y %H:%M:%S"

    def word(self, kind: Kind) -> str:
        """What a line of this kind is called."""
        return self.kinds[list(Kind).index(kind)]


@dataclass(frozen=True, slots=True)
class Line:
    """One row: amount and fee in whole VND, refunds positive; `at` is GMT+7."""

    transaction: str
    reference: str
    at: datetime
    amount: int
    kind: Kind = Kind.PAYMENT
    fee: int = 0
    bank: str = "NCB"


def disagreed(lines: list[Line], disagreements: Iterable[Fact], day: date) -> list[Line]:
    """Let each disagreement of the day change its lines; a reference that lines share is the first one's, no reversal's."""
    true: dict[str, Line] = {}
    for line in lines:
        if line.kind is not Kind.REVERSAL:
            true.setdefault(line.reference, line)
    for each in disagreements:
        if each["kind"] == "extra" and each["date"] == day.isoformat():
            noon = datetime.combine(day, time(12, tzinfo=GMT7))
            lines.append(Line(each["number"], each.get("reference") or f"LA{each['number']}", noon, each.get("amount", 100_000)))
        elif each["kind"] != "extra" and each["reference"] in true:
            lines = DISAGREEMENTS[each["kind"]](lines, true[each["reference"]], each)
    return lines


_VNPAY = Layout()


def written(lines: Iterable[Line], payout: str, layout: Layout = _VNPAY) -> str:
    """Write a payout's CSV file: header, numbered lines, the trailer with their count and payments minus what was given back."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(layout.columns)
    total = count = 0
    for count, line in enumerate(lines, 1):
        total += _IN_TRAILER.get(line.kind, 0) * line.amount
        told = (count, line.transaction, line.reference, layout.word(line.kind), line.at.strftime(layout.time))
        rows.writerow((*told, line.amount, line.fee, line.bank, layout.state, payout))
    rows.writerow((_TRAILER, count, total, *[""] * (len(layout.columns) - 3)))
    return text.getvalue()


def _omit(lines: list[Line], line: Line, _told: Fact) -> list[Line]:
    return [other for other in lines if other.reference != line.reference]


def _amount(lines: list[Line], line: Line, told: Fact) -> list[Line]:
    return _changed(lines, line, lambda other: replace(other, amount=told.get("amount", line.amount + 1000)))


def _fee(lines: list[Line], line: Line, told: Fact) -> list[Line]:
    return _changed(lines, line, lambda other: replace(other, fee=other.fee + told.get("amount", 1000)))


def _duplicate(lines: list[Line], line: Line, told: Fact) -> list[Line]:
    return [*lines, replace(line, transaction=told["number"])]


def _refund(lines: list[Line], line: Line, told: Fact) -> list[Line]:
    row = replace(line, transaction=told["number"], kind=Kind.REFUND, amount=told.get("amount", line.amount))
    return [*lines, replace(row, at=datetime.combine(line.at, time(23, tzinfo=GMT7)))]


def _midnight(lines: list[Line], line: Line, _told: Fact) -> list[Line]:
    evening = datetime.combine(line.at - timedelta(days=1), time(23, 59, 59, tzinfo=GMT7))
    return _changed(lines, line, lambda other: replace(other, at=evening))


def _changed(lines: list[Line], line: Line, change: Callable[[Line], Line]) -> list[Line]:
    return [change(other) if other.transaction == line.transaction else other for other in lines]


DISAGREEMENTS: Mapping[str, Callable[[list[Line], Line, Fact], list[Line]]] = {
    "omit": _omit,
    "amount": _amount,
    "fee": _fee,
    "duplicate": _duplicate,
    "refund": _refund,
    "midnight": _midnight,
}
"""How each kind changes the lines of a day; `extra` adds a line of its own."""
