"""A gateway's codes as data: what each means to the hub, and what the citizen is told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from gateways.records import Outcome, RefundOutcome

Meaning = TypeVar("Meaning", Outcome, RefundOutcome)


@dataclass(frozen=True, slots=True)
class Code(Generic[Meaning]):
    """One row of a table. `said_by` and `parts` list alternatives between spaces; `*` is any, `-` a code that is not stated."""

    said_by: str
    """The kinds of message it is read in: `callback`, `query`, `create`, `refund`."""
    parts: tuple[str, ...]
    """The codes of the message, in the order in which the raw code joins them."""
    outcome: Meaning
    source: str
    """The published document and table."""
    not_paid: bool = False
    """Said after the order has expired there, it is the gateway's own proof that no money came and none will."""
    retry: bool = False
    """Whether the citizen may try again here, as things are."""
    vi: str = ""
    en: str = ""
    """What the citizen is told and can do; empty where there is nothing to say."""

    def fits(self, parts: Iterable[str]) -> bool:
        """Whether a message's codes are among the row's."""
        return all(_fits(code, codes) for code, codes in zip(parts, self.parts, strict=True))


class Codes(Generic[Meaning]):
    """A table. The first row that fits counts; what no row fits is unknown."""

    def __init__(self, *rows: Code[Meaning]) -> None:
        self.rows: tuple[Code[Meaning], ...] = rows

    def read(self, said_by: str, *parts: str) -> Code[Meaning] | None:
        """Return the row for a message's codes, or None."""
        return next((row for row in self.rows if _fits(said_by, row.said_by) and row.fits(parts)), None)

    def explain(self, raw_code: str) -> Code[Meaning] | None:
        """Return the row with words for a citizen that fits a raw code as it was kept, whoever said it, or None."""
        parts = raw_code.split("/")
        return next((row for row in self.rows if row.vi and len(parts) == len(row.parts) and row.fits(parts)), None)


def raw(*parts: str) -> str:
    """Join a message's codes as they are kept."""
    return "/".join(parts)


def _fits(code: str, codes: str) -> bool:
    return codes == "*" or (code or "-") in codes.split()
