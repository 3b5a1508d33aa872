"""Reading some thousand rows at once, column by column: taken whole where every column is certain, else not at all.

What is taken here is what `rows` would have read, line for line; whatever needs a closer look is left to it.
"""

from __future__ import annotations

from collections.abc import Sequence

from payhub.identifiers import is_identifier
from reconciliation.files.batches import Batch
from reconciliation.files.chunks import Chunk
from reconciliation.files.lines import LINE_TYPES, BadRow
from reconciliation.files.mapping import Mapping
from reconciliation.files.rows import CURRENCY, composed, known, plain
from reconciliation.files.times import Times
from reconciliation.files.units import Units, UnitsReader

_LONGEST = 100
_FEW = 1_000
_IDENTIFIER = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._:/+=-"
"""The characters of `payhub.identifiers`."""


class ColumnReader:
    """Reads chunks of one layout."""

    def __init__(self, mapping: Mapping) -> None:
        self._mapping, self._places = mapping, mapping.places
        self._units: dict[str, UnitsReader] = {}
        # Which way an amount goes is looked at row by row: files that say it with signs are few.
        self.possible = not mapping.signed and not {"sign", "credit"} & self._places.keys()

    def read(self, chunk: Chunk) -> Batch | None:
        """Return the lines of a chunk, or None where a row of it must be looked at by itself."""
        if not self.possible or not chunk.even:
            return None
        types, currencies = self._types(chunk), self._currencies(chunk)
        if types is None or currencies is None or not self._accepted(chunk):
            return None
        currency = currencies[0]
        amounts, fees, happened = self._amounts(chunk, currency), self._fees(chunk, currency), self._happened(chunk)
        if amounts is None or fees is None or happened is None or not all(amounts.numbers):
            return None
        reference, transaction, payout = (self._named(what, chunk) for what in ("reference", "transaction", "payout"))
        bank = self._bank(chunk)
        if reference is None or transaction is None or payout is None or bank is None:
            return None
        if "" in reference and "" in transaction and ("", "") in zip(reference, transaction, strict=True):
            return None
        return Batch(chunk.numbers, types, reference, transaction, amounts, fees, currencies, happened, bank, payout)

    def _types(self, chunk: Chunk) -> Sequence[str] | None:
        if "type" not in self._places:
            line_type = self._mapping.constant[0]
            return [line_type] * len(chunk.numbers) if line_type in LINE_TYPES else None
        written = chunk.column(self._places["type"])
        found = {word: known(self._mapping.types, word) for word in set(written)}
        if not all(line_type in LINE_TYPES for line_type in found.values()):
            return None
        kinds = {*found.values()}
        if len(kinds) == 1:
            return [kinds.pop() or ""] * len(written)
        return [found[word] or "" for word in written]

    def _accepted(self, chunk: Chunk) -> bool:
        mapping = self._mapping
        if not mapping.accepted and not mapping.ignored:
            return True
        words = {composed(word) for word in set(chunk.column(self._places["status"]))}
        return not words & mapping.ignored and (not mapping.accepted or words <= mapping.accepted)

    def _currencies(self, chunk: Chunk) -> Sequence[str] | None:
        """Return the currencies: one, or several where amounts are minor units as they stand, whatever the currency."""
        if "currency" not in self._places:
            return [self._mapping.currency] * len(chunk.numbers)
        written = chunk.column(self._places["currency"])
        found = {*written}
        if len(found) > 1 and self._mapping.amounts.decimal:
            return None
        if not all(map(CURRENCY.fullmatch, found)):
            return None
        return [*found] * len(written) if len(found) == 1 else written

    def _amounts(self, chunk: Chunk, currency: str) -> Units | None:
        return self._units_of(currency).read(chunk.column(self._places["amount"]))

    def _fees(self, chunk: Chunk, currency: str) -> Units | None:
        written = chunk.column(self._places["fee"]) if "fee" in self._places else ["0"] * len(chunk.numbers)
        return self._units_of(currency).read([each or "0" for each in written] if "" in written else written)

    def _units_of(self, currency: str) -> UnitsReader:
        if currency not in self._units:
            self._units[currency] = UnitsReader(self._mapping.amounts, currency)
        return self._units[currency]

    def _happened(self, chunk: Chunk) -> Times | None:
        if "happened" in self._places:
            return self._mapping.happened.column(chunk.column(self._places["happened"]))
        dates, clocks = (chunk.column(self._places[what]) for what in ("date", "time"))
        return self._mapping.happened.column([f"{day} {clock}" for day, clock in zip(dates, clocks, strict=True)])

    def _named(self, what: str, chunk: Chunk) -> Sequence[str] | None:
        """Return a column in which every text has the form of an identifier, or is empty."""
        if what not in self._places:
            return [""] * len(chunk.numbers)
        written = chunk.column(self._places[what])
        joined, ends = "\n".join(written), "\n" * (len(written) - 1)
        if not joined.isascii() or joined.encode().translate(None, _IDENTIFIER) != ends.encode():
            return None
        # Most gateways' references have one width; only where they do not is each measured.
        width = len(written[0])
        longest = width if joined[width :: width + 1] == ends else max(map(len, written))
        return written if longest <= _LONGEST else None

    def _bank(self, chunk: Chunk) -> Sequence[str] | None:
        """Return the banks' codes: few different ones, and each is looked at once."""
        if "bank" not in self._places:
            return [""] * len(chunk.numbers)
        written = chunk.column(self._places["bank"])
        different = {*written}
        if len(different) > _FEW:
            return self._named("bank", chunk)
        try:
            codes = {name: (plain("bank", name) or "") if is_identifier(name) else self._no_code(name) for name in different}
        except BadRow:
            return None
        return written if all(name == code for name, code in codes.items()) else [codes[name] for name in written]

    @staticmethod
    def _no_code(name: str) -> str:
        plain("bank", name)
        return ""
