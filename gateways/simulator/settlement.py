"""The file in which a gateway lists a day's money of one account, and the planned ways in which it disagrees with the hub.

No gateway's real layout is public: these are examples.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from gateways.simulator.config import GMT7
from gateways.simulator.encoding import moment_of
from gateways.simulator.orders import Fact, Order, State
from gateways.simulator.refunds import Refund

COLUMNS = ("STT", "MaGiaoDich", "MaThamChieu", "LoaiGiaoDich", "ThoiGian", "SoTien", "Phi", "NganHang", "TrangThai")
PAYMENT, REFUND = "THANH_TOAN", "HOAN_TIEN"
_TRAILER = "TONG"


@dataclass(frozen=True, slots=True)
class Layout:
    """How one gateway's file is written: number, its transaction, our reference, kind, time, amount, fee, bank, state."""

    columns: tuple[str, ...] = COLUMNS
    payment: str = PAYMENT
    refund: str = REFUND
    state: str = "THANH_CONG"
    time: str = "%d/%m/%Y %H:%M:%S"


@dataclass(frozen=True, slots=True)
class Line:
    """One row: amount and fee in whole VND, refunds positive; `at` is GMT+7."""

    transaction: str
    reference: str
    at: datetime
    amount: int
    kind: str = PAYMENT
    fee: int = 0
    bank: str = "NCB"


def payments_of(orders: Iterable[Order], day: date) -> list[Line]:
    """List what is paid, not reversed, on the day."""
    return [
        Line(order.transaction, order.reference, moment_of(order.pay_date), order.amount, bank=order.bank)
        for order in orders
        if order.state == State.PAID and order.pay_date.startswith(f"{day:%Y%m%d}")
    ]


def refunds_of(refunds: Iterable[Refund], orders: Iterable[Order], day: date, *, by: str) -> list[Line]:
    """List what is given back and not refused, that was taken on the day."""
    banks = {order.key: order.bank for order in orders}
    return [
        Line(
            transaction=refund.transaction,
            reference=refund.reference if by == "refund" else refund.original_reference,
            at=moment_of(refund.pay_date),
            amount=refund.amount,
            kind=REFUND,
            bank=banks[refund.order_key],
        )
        for refund in refunds
        if refund.order_key in banks and refund.taken and refund.pay_date.startswith(f"{day:%Y%m%d}")
    ]


def disagreed(lines: list[Line], disagreements: Iterable[Fact], day: date) -> list[Line]:
    """Let each disagreement of the day change its lines; a reference that two lines share is the first one's."""
    true: dict[str, Line] = {}
    for line in lines:
        true.setdefault(line.reference, line)
    for each in disagreements:
        if each["kind"] == "extra" and each["date"] == day.isoformat():
            noon = datetime.combine(day, time(12, tzinfo=GMT7))
            lines.append(Line(each["number"], each.get("reference") or f"LA{each['number']}", noon, each.get("amount", 100_000)))
        elif each["kind"] != "extra" and each["reference"] in true:
            lines = DISAGREEMENTS[each["kind"]](lines, true[each["reference"]], each)
    return sorted(lines, key=lambda line: (line.at, line.transaction))


_VNPAY = Layout()


def written(lines: Iterable[Line], layout: Layout = _VNPAY) -> str:
    """Write the CSV file: header, numbered lines, and the trailer with their count and payments minus refunds."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(layout.columns)
    total = count = 0
    for count, line in enumerate(lines, 1):
        total += line.amount if line.kind == PAYMENT else -line.amount
        kind, at = layout.payment if line.kind == PAYMENT else layout.refund, line.at.strftime(layout.time)
        rows.writerow((count, line.transaction, line.reference, kind, at, line.amount, line.fee, line.bank, layout.state))
    rows.writerow((_TRAILER, count, total, *[""] * (len(COLUMNS) - 3)))
    return text.getvalue()


def _omit(lines: list[Line], line: Line, _told: Fact) -> list[Line]:
    return [other for other in lines if other.reference != line.reference]


def _amount(lines: list[Line], line: Line, told: Fact) -> list[Line]:
    return _changed(lines, line, amount=told.get("amount", line.amount + 1000))


def _duplicate(lines: list[Line], line: Line, told: Fact) -> list[Line]:
    return [*lines, replace(line, transaction=told["number"])]


def _refund(lines: list[Line], line: Line, told: Fact) -> list[Line]:
    row = replace(line, transaction=told["number"], kind=REFUND, amount=told.get("amount", line.amount))
    return [*lines, replace(row, at=datetime.combine(line.at, time(23, tzinfo=GMT7)))]


def _midnight(lines: list[Line], line: Line, _told: Fact) -> list[Line]:
    return _changed(lines, line, at=datetime.combine(line.at - timedelta(days=1), time(23, 59, 59, tzinfo=GMT7)))


def _changed(lines: list[Line], line: Line, *, amount: int | None = None, at: datetime | None = None) -> list[Line]:
    return [
        replace(other, amount=other.amount if amount is None else amount, at=at or other.at)
        if other.transaction == line.transaction
        else other
        for other in lines
    ]


DISAGREEMENTS: Mapping[str, Callable[[list[Line], Line, Fact], list[Line]]] = {
    "omit": _omit,
    "amount": _amount,
    "duplicate": _duplicate,
    "refund": _refund,
    "midnight": _midnight,
}
"""How each kind changes the lines of a day; `extra` adds a line of its own."""
