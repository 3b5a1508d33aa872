"""How an amount of one line is shared between its agency and the budget, however often a part of it is given back.

After every step the agency retains its basis points of what is left, rounded down (retention of phí: Luật 97/2015/QH13), so a step
takes back the difference of the two, and any number of steps in any order sums exactly.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from payhub.money import share
from payhub.payments.models import PaymentLine


@dataclass(frozen=True, slots=True)
class Part:
    """So much money of one line, of one agency's kind of fee, or, without an agency, of nobody. Minor units."""

    amount: int
    retained: int = 0
    """The agency's own part of it; the rest is the budget's."""
    agency_id: uuid.UUID | None = None
    kind: str | None = None
    budget_line: str | None = None
    payment_line_id: uuid.UUID | None = None


def between(line: PaymentLine, less: int, more: int) -> Part:
    """Return what is taken of a line by the step from `less` taken to `more`, or given again by the step back."""
    if not 0 <= less <= more <= line.amount:
        raise ValueError(f"{less} to {more} is no step within the line's {line.amount}")
    retained = share(line.amount - less, line.retention_bp) - share(line.amount - more, line.retention_bp)
    return of(line, more - less, retained)


def of(line: PaymentLine, amount: int, retained: int = 0) -> Part:
    """Return an amount that belongs to a line."""
    return Part(amount, retained, line.agency_id, line.kind, line.budget_line, line.id)
