"""Columns of amounts: in minor units, and as the file writes them where that is how anybody would."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from payhub.money import MAX_AMOUNT
from reconciliation.files.amounts import LONGEST, Amounts

_FEW = 4_000
"""So many different amounts are kept; a file with more of them has too many for that to help."""


@dataclass(frozen=True, slots=True)
class Units:
    """A column of amounts in minor units."""

    numbers: Sequence[int]
    written: Sequence[str] | None = None
    """The same as texts, where they need not be made."""

    def texts(self) -> Iterable[str]:
        """Return them as PostgreSQL reads them."""
        return map(str, self.numbers) if self.written is None else self.written


class UnitsReader:
    """Reads columns of amounts of one currency: fees and prices repeat themselves, and each is read once."""

    def __init__(self, amounts: Amounts, currency: str) -> None:
        self._amounts, self._read = amounts, partial(amounts.read, currency=currency)
        self._known = _Known(self._read)

    def read(self, written: Sequence[str]) -> Units | None:
        """Return a column of amounts of at least zero, or None where one of them is none."""
        if len(self._known) > _FEW:
            return self._each(written)
        try:
            numbers = list(map(self._known.__getitem__, written))
        except KeyError:
            return None
        return Units(numbers, written if self._known.as_written else None)

    def _each(self, written: Sequence[str]) -> Units | None:
        if not self._amounts.thousands and not self._amounts.decimal:
            return _whole(written, self._amounts.scale)
        found = [units for units in map(self._read, written) if units is not None]
        return Units(found) if len(found) == len(written) else None


class _Known(dict[str, int]):
    """Amounts by the way they are written."""

    def __init__(self, read: Callable[[str], int | None]) -> None:
        super().__init__()
        self._read, self.as_written = read, True

    def __missing__(self, written: str) -> int:
        found = self._read(written)
        if found is None:
            raise KeyError
        self[written] = found
        self.as_written = self.as_written and written == str(found)
        return found


def _whole(written: Sequence[str], scale: int) -> Units | None:
    """Return amounts that are written with digits alone."""
    joined = "\n".join(written)
    if not joined.isascii() or joined.encode().translate(None, b"0123456789") != b"\n" * (len(written) - 1):
        return None
    if "" in written or max(map(len, written)) > LONGEST:
        return None
    numbers, as_written = list(map(int, written)), not joined.startswith("0") and "\n0" not in joined
    if scale > 1:
        parts = [divmod(number, scale) for number in numbers]
        if any(left for _, left in parts):
            return None
        numbers, as_written = [units for units, _ in parts], False
    return Units(numbers, written if as_written else None) if max(numbers) <= MAX_AMOUNT else None
