"""How a file writes amounts, and reading them: always whole minor units, never a float."""

from __future__ import annotations

import re

from payhub.money import MAX_AMOUNT

_WITHOUT_PARTS = frozenset(
    ["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"]
)
_THOUSANDTHS = frozenset(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"])
LONGEST = 18
_NEGATIVE = re.compile(r"-(?P<a>[^-+()]+)|(?P<b>[^-+()]+)-|\((?P<c>[^-+()]+)\)")


def decimals(currency: str) -> int:
    """Return how many decimals a currency's minor unit stands for (ISO 4217)."""
    return 0 if currency in _WITHOUT_PARTS else 3 if currency in _THOUSANDTHS else 2


class Amounts:
    """A way to write amounts: what stands between thousands and before decimals, how many of the file's make one unit."""

    def __init__(self, *, thousands: str = "", decimal: str = "", scale: int = 1) -> None:
        self.thousands, self.decimal, self.scale = thousands, decimal, scale
        whole = rf"\d{{1,{LONGEST}}}"
        grouped = rf"\d{{1,3}}(?:{re.escape(thousands)}\d{{3}}){{1,5}}|" if thousands else ""
        rest = rf"(?:{re.escape(decimal)}(?P<rest>\d{{1,9}}))?" if decimal else ""
        self._pattern = re.compile(rf"(?P<whole>{grouped}{whole}){rest}", re.ASCII)

    def read(self, written: str, currency: str, *, total: bool = False) -> int | None:
        """Return an amount of at least zero in minor units, or None where it is not whole or not an amount.

        A total may be larger than any amount.
        """
        match = self._pattern.fullmatch(written)
        if match is None:
            return None
        digits = match["whole"].replace(self.thousands, "") if self.thousands else match["whole"]
        rest = (match["rest"] or "") if self.decimal else ""
        # Without a mark for decimals what is written are minor units already.
        factor = 10 ** decimals(currency) if self.decimal else 1
        found, left = divmod(int(digits + rest) * factor, self.scale * 10 ** len(rest))
        return None if left or (found > MAX_AMOUNT and not total) else found

    def signed(self, written: str, currency: str, *, total: bool = False) -> int | None:
        """Return an amount that may be negative: -5, 5- or (5)."""
        match = _NEGATIVE.fullmatch(written)
        found = self.read(
            written.removeprefix("+") if match is None else match["a"] or match["b"] or match["c"], currency, total=total
        )
        return found if match is None or found is None else -found
