"""What a fee costs: the schedule decides, a portal's amount is checked against it."""

from __future__ import annotations

from payhub.errors import FieldProblem, Text
from payhub.fees.models import Fee
from payhub.money import format_amount


def check_amount(fee: Fee, amount: int, quantity: int | None, pointer: str) -> FieldProblem | None:
    """Return what is wrong with the amount asked for a fee (minor units), or None."""
    if fee.rule != "per_unit" and quantity is not None:
        return FieldProblem(
            f"{pointer}/quantity", "quantity_not_used", Text("Khoản này không tính theo số lượng", "This fee has no quantity")
        )
    if fee.rule == "per_unit" and quantity is None:
        return FieldProblem(f"{pointer}/quantity", "quantity_missing", Text("Thiếu số lượng", "The quantity is missing"))
    if fee.rule == "range":
        low, high = fee.minimum or 0, fee.maximum or 0
        return None if low <= amount <= high else _wrong(pointer, f"{format_amount(low)} - {format_amount(high)}")
    if fee.rule == "free":
        return None
    expected = (fee.amount or 0) * (quantity or 1)
    return None if amount == expected else _wrong(pointer, format_amount(expected))


def _wrong(pointer: str, expected: str) -> FieldProblem:
    return FieldProblem(
        f"{pointer}/amount",
        "amount_not_in_schedule",
        Text(f"Biểu phí quy định {expected} VND", f"The fee schedule says {expected} VND"),
    )
