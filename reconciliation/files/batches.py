"""Lines by the batch: columns that a COPY takes as they are, and lines for everything else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import repeat
from operator import mul

from reconciliation.files.lines import SUMS, Line
from reconciliation.files.times import Known, Times

NULL = "\\N"


@dataclass(frozen=True, slots=True)
class Batch:
    """Some thousand lines, column by column; an empty text is none.

    No text in it needs an escape: references are identifiers, or names made of digits and letters for what is none.
    """

    number: Sequence[int]
    line_type: Sequence[str]
    reference: Sequence[str]
    transaction: Sequence[str]
    amount: Sequence[int]
    fee: Sequence[int]
    currency: Sequence[str]
    happened: Times
    bank: Sequence[str]
    payout: Sequence[str]

    def __len__(self) -> int:
        return len(self.number)

    @property
    def lines(self) -> list[Line]:
        """The lines, in the order of the file."""
        texts = [[each or None for each in column] for column in (self.reference, self.transaction, self.bank, self.payout)]
        columns = zip(
            self.number, self.line_type, texts[0], texts[1], self.amount, self.fee, self.currency, self.happened.instants(),
            self.happened.days(), texts[2], texts[3], strict=True,
        )  # fmt: skip
        return list(map(Line._make, columns))

    def copy_text(self, before: str = "", columns: Iterable[str] = Line._fields) -> bytes:
        """Return the rows in the text format of PostgreSQL's COPY: what stands `before` in each, then its columns."""
        rows = f"\n{before}".join(map("\t".join, zip(*map(self._texts, columns), strict=False)))
        return f"{before}{rows}\n".encode() if rows else b""

    def _texts(self, column: str) -> Iterable[str]:
        match column:
            case "number" | "amount":
                return map(str, getattr(self, column))
            case "fee":
                return map(str, self.fee) if any(self.fee) else repeat("0")
            case "happened_at":
                return _nulls(self.happened.instant_texts())
            case "happened_on":
                return self.happened.day_texts()
            case _:
                return _nulls(getattr(self, column))

    def total(self, sums: str) -> int:
        """Return what these lines add up to, by the kind of sum."""
        weights = SUMS[sums]
        amounts: Iterable[int] = map(abs, self.amount) if sums == "gross" else self.amount
        kinds = {*self.line_type}
        if len(kinds) == 1:
            return weights[kinds.pop()] * sum(amounts)
        return sum(map(mul, map(weights.__getitem__, self.line_type), amounts))


def of_lines(lines: Sequence[Line], happened: Known) -> Batch:
    """Return a batch of lines that were read one by one."""
    number, line_type, reference, transaction, amount, fee, currency, _, _, bank, payout = zip(*lines, strict=True)
    texts = [[each or "" for each in column] for column in (reference, transaction, bank, payout)]
    return Batch(number, line_type, texts[0], texts[1], amount, fee, currency, happened, texts[2], texts[3])


def _nulls(column: Sequence[str | None]) -> Iterable[str]:
    """Return a column with what is none written so; most columns have it everywhere or nowhere."""
    if not any(column):
        return repeat(NULL)
    return column if all(column) else [each or NULL for each in column]  # type: ignore[return-value] # all are texts
