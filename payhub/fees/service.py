"""Which reliefs a fee knows on a date, and what an agency retains of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from payhub.agencies.models import Agency
from payhub.fees.models import Fee, Relief
from payhub.registers import Registers, in_force


def relief_in_force(registers: Registers, code: str, fee: Fee, on: date) -> Relief | None:
    """Return the relief of this code for a fee, the fee's own before that for any; None where there is none."""
    rows = registers.reliefs.get(code, ())
    own = [row for row in rows if row.fee_code == fee.code]
    return in_force(own, on) or in_force([row for row in rows if row.fee_code is None], on)


def reliefs_of(registers: Registers, fee: Fee, on: date) -> Sequence[Relief]:
    """Return every relief that a fee knows, by code."""
    found = (relief_in_force(registers, code, fee, on) for code in registers.reliefs)
    return [relief for relief in found if relief is not None]


def retention_bp(registers: Registers, agency: Agency, fee: Fee, on: date) -> int:
    """Return the basis points of a phí that its agency keeps; everything else is the budget's (Luật 97/2015)."""
    if fee.kind != "phi":
        return 0
    retention = in_force(registers.retentions.get((agency.id, fee.code), ()), on)
    return retention.basis_points if retention else 0
