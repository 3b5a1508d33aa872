"""Lines by the batch: columns that a COPY takes as they are, and lines for everything else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import mul

from reconciliation.files.lines import SUMS, Line
from reconciliation.files.times import Known, Times
from reconciliation.files.units import Units

_RUN = 1_000
_TAILS = [f"{tail:03}" for tail in range(_RUN)]


@dataclass(frozen=True, slots=True)
class Batch:
    """Some thousand lines, column by column; an empty text is none.

    No text in it needs an escape: references are identifiers, or names made of digits and letters for what is none.
    """

    number: Sequence[int]
    line_type: Sequence[str]
    reference: Sequence[str]
    transaction: Sequence[str]
    amount: Units
    fee: Units
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
            self.number, self.line_type, texts[0], texts[1], self.amount.numbers, self.fee.numbers, self.currency,
            self.happened.instants(), self.happened.days(), texts[2], texts[3], strict=True,
        )  # fmt: skip
        return list(map(Line._make, columns))

    def copy_text(self, before: str = "", columns: Sequence[str] = Line._fields) -> bytes:
        """Return the rows for a COPY to which an empty text is NULL: what stands `before` each, its number, the other columns."""
        _, *others = columns
        texts = [iter(self._texts(column)) for column in others]
        runs = []
        for head, tails in _runs(self.number):
            begin = f"{before}{head}"
            # The columns go on in the next run; the numbers come first, so that none of it is taken when they end.
            runs.append(begin + f"\n{begin}".join(map("\t".join, zip(tails, *texts, strict=False))))
        return "\n".join([*runs, ""]).encode()

    def _texts(self, column: str) -> Iterable[str]:
        match column:
            case "amount":
                return self.amount.texts()
            case "fee":
                return self.fee.texts()
            case "happened_at":
                return self.happened.instant_texts()
            case "happened_on":
                return self.happened.day_texts()
            case _:
                texts: Iterable[str] = getattr(self, column)
                return texts

    def total(self, sums: str) -> int:
        """Return what these lines add up to, by the kind of sum."""
        weights = SUMS[sums]
        amounts: Iterable[int] = map(abs, self.amount.numbers) if sums == "gross" else self.amount.numbers
        kinds = {*self.line_type}
        if len(kinds) == 1:
            return weights[kinds.pop()] * sum(amounts)
        return sum(map(mul, map(weights.__getitem__, self.line_type), amounts))


def of_lines(lines: Sequence[Line], happened: Known) -> Batch:
    """Return a batch of lines that were read one by one."""
    number, line_type, reference, transaction, amount, fee, currency, _, _, bank, payout = zip(*lines, strict=True)
    texts = [[each or "" for each in column] for column in (reference, transaction, bank, payout)]
    return Batch(number, line_type, texts[0], texts[1], Units(amount), Units(fee), currency, happened, texts[2], texts[3])


def _runs(numbers: Sequence[int]) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield runs of numbers as texts: what they begin with, and how each goes on; of a thousand only the beginning is made."""
    if not isinstance(numbers, range):
        yield "", list(map(str, numbers))
        return
    start = numbers.start
    while start < numbers.stop:
        thousands, first = divmod(start, _RUN)
        stop = min(start - first + _RUN, numbers.stop)
        yield (str(thousands), _TAILS[first : first + stop - start]) if thousands else ("", list(map(str, range(start, stop))))
        start = stop
