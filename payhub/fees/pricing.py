"""What a fee costs: the schedule decides, and what a portal says of it is checked. Integers alone, exact to the last đồng.

Nothing here reads a row or knows the date: rows in force go in, and a price or the first thing that stands against one comes out,
with a pointer within the line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from payhub.errors import FieldProblem, Text
from payhub.fees.models import Fee, FeeTier, Relief
from payhub.money import MAX_AMOUNT, format_amount, share

_BP = 10_000


@dataclass(frozen=True, slots=True)
class Asked:
    """What a portal says of one line, as far as the price depends on it."""

    quantity: int | None = None
    declared_value: int | None = None
    full_amount: int | None = None
    """The price without relief."""
    amount: int | None = None
    """The price to be paid."""
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Priced:
    """What a line costs without relief, and what of that is to be paid."""

    full_amount: int
    amount: int


class _Refused(Exception):
    def __init__(self, field: str, code: str, vi: str, en: str) -> None:
        super().__init__(code)
        self.problem = FieldProblem(f"/{field}", code, Text(vi, en))


def price(fee: Fee, tiers: Sequence[FeeTier], relief: Relief | None, asked: Asked) -> Priced | FieldProblem:
    """Return the price of one line, or what of the line stands against it; `tiers` are the fee's own, lowest first."""
    try:
        full = _full(fee, tiers, relief, asked)
        amount = full if relief is None else _relieved(full, relief)
        if asked.amount is not None and asked.amount != amount:
            raise _not_in_schedule("amount", format_amount(amount))
    except _Refused as refused:
        return refused.problem
    return Priced(full, amount)


def _full(fee: Fee, tiers: Sequence[FeeTier], relief: Relief | None, asked: Asked) -> int:
    """Return the price without relief."""
    base = _base(fee)
    _demand(base, asked)
    _demand_reason(fee, asked.reason)
    if fee.rule in {"range", "free"}:
        return _chosen(fee, relief, asked)
    of = {"quantity": asked.quantity, "value": asked.declared_value}.get(base) or 1
    full = _WORKED_OUT[fee.rule](fee, tiers, of)
    field = _FIELDS.get(base, "fee")
    if full > MAX_AMOUNT:
        raise _Refused(field, "amount_too_large", "Số tiền tính ra quá lớn", "What it comes to is too large")
    if full == 0:
        raise _Refused(
            field, "amount_is_zero", "Tính ra 0 đồng; chỉ được miễn thu khi có căn cứ (relief)",
            "It comes to nothing; only an exemption (relief) may leave nothing to pay",
        )  # fmt: skip
    if asked.full_amount not in {None, full}:
        raise _not_in_schedule("full_amount", format_amount(full))
    return full


_FIELDS = {"quantity": "quantity", "value": "declared_value"}
_MISSING = {
    "quantity": ("quantity_missing", "Thiếu số lượng", "The quantity is missing"),
    "value": ("declared_value_missing", "Thiếu giá trị tính phí, lệ phí", "The declared value is missing"),
}
_NOT_USED = {
    "quantity": ("quantity_not_used", "Khoản này không tính theo số lượng", "This fee has no quantity"),
    "value": ("declared_value_not_used", "Khoản này không tính theo giá trị", "This fee is not worked out from a value"),
}


def _base(fee: Fee) -> str:
    """Return what the price is worked out from: `quantity`, `value` or nothing."""
    return {"per_unit": "quantity", "ad_valorem": "value", "tiered": fee.measure or ""}.get(fee.rule, "")


def _demand(base: str, asked: Asked) -> None:
    for of, said in (("quantity", asked.quantity), ("value", asked.declared_value)):
        if (said is None) == (of == base):
            raise _Refused(_FIELDS[of], *(_MISSING if of == base else _NOT_USED)[of])


def _demand_reason(fee: Fee, reason: str | None) -> None:
    if fee.rule == "free" and reason is None:
        raise _Refused(
            "reason", "reason_missing", "Thiếu căn cứ của mức thu: số thông báo hoặc quyết định",
            "Say what sets this amount: the number of the notice or decision",
        )  # fmt: skip
    if fee.rule != "free" and reason is not None:
        raise _Refused("reason", "reason_not_used", "Mức thu đã có trong biểu phí", "The fee schedule sets this amount")


def _chosen(fee: Fee, relief: Relief | None, asked: Asked) -> int:
    """Return a price that the schedule leaves to the agency, within what it allows."""
    field, full = "full_amount", asked.full_amount
    if full is None and relief is not None:
        raise _Refused(field, "full_amount_missing", "Thiếu số tiền trước khi miễn, giảm", "The amount without relief is missing")
    if full is None:
        field, full = "amount", asked.amount
    if full is None:
        raise _Refused(field, "amount_missing", "Biểu phí không định sẵn số tiền", "The fee schedule does not set the amount")
    low, high = fee.minimum or 1, fee.maximum or MAX_AMOUNT
    if not low <= full <= high:
        raise _not_in_schedule(field, f"{format_amount(low)} - {format_amount(high)}")
    return full


def _fixed(fee: Fee, _: Sequence[FeeTier], of: int) -> int:
    return (fee.amount or 0) * of


def _ad_valorem(fee: Fee, _: Sequence[FeeTier], value: int) -> int:
    return _limited(fee, _rounded(fee, value * (fee.basis_points or 0)))


def _tiered(fee: Fee, tiers: Sequence[FeeTier], of: int) -> int:
    if not tiers or tiers[0].above != 0:
        raise _Refused("fee", "fee_without_tiers", "Biểu phí chưa có bậc cho khoản này", "The schedule of this fee is incomplete")
    if fee.tiering == "slab":
        reached = [tier for tier in tiers if tier.above < of]
        return _limited(fee, reached[-1].amount or 0)
    # Each tier but the last ends where the next begins.
    ends = [*(after.above for _, after in pairwise(tiers)), of]
    parts = [(tier, max(0, min(of, end) - tier.above)) for tier, end in zip(tiers, ends, strict=True)]
    if fee.measure == "quantity":
        return _limited(fee, sum(part * (tier.amount or 0) for tier, part in parts))
    return _limited(fee, _rounded(fee, sum(part * (tier.basis_points or 0) for tier, part in parts)))


_WORKED_OUT: Mapping[str, Callable[[Fee, Sequence[FeeTier], int], int]] = {
    "fixed": _fixed,
    "per_unit": _fixed,
    "ad_valorem": _ad_valorem,
    "tiered": _tiered,
}


def _rounded(fee: Fee, ten_thousandths: int) -> int:
    """Return a sum of đồng times basis points, rounded once, to the fee's unit and in its way."""
    unit = fee.round_to or 1
    whole, rest = divmod(ten_thousandths, _BP * unit)
    up = {"up": rest > 0, "down": False}.get(fee.rounding or "", 2 * rest >= _BP * unit)
    return (whole + up) * unit


def _limited(fee: Fee, amount: int) -> int:
    """Hold an amount between the floor and the cap."""
    if fee.minimum is not None:
        amount = max(amount, fee.minimum)
    return amount if fee.maximum is None else min(amount, fee.maximum)


def _relieved(full: int, relief: Relief) -> int:
    """Return what is left to pay. A part that is taken off is rounded down, so that only an exemption leaves nothing."""
    off = relief.amount if relief.amount is not None else share(full, relief.basis_points or 0)
    if relief.kind != "exemption" and off >= full:
        raise _Refused(
            "relief", "relief_exceeds_amount", "Mức giảm không được bằng hoặc lớn hơn số tiền",
            "A reduction must leave something to pay",
        )  # fmt: skip
    if not off:
        raise _Refused(
            "relief", "relief_takes_nothing", "Mức giảm tính ra 0 đồng; bỏ relief",
            "The reduction comes to nothing: leave the relief out",
        )  # fmt: skip
    return full - off


def _not_in_schedule(field: str, expected: str) -> _Refused:
    vi, en = f"Biểu phí quy định {expected} VND", f"The fee schedule says {expected} VND"
    return _Refused(field, "amount_not_in_schedule", vi, en)
