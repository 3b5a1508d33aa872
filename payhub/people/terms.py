"""For how long what is known of people is kept: settings, because laws and their readings change."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta

_OLDEST = 100
_TERMS = re.compile(r"\d{4}:\d{1,3}(,\d{4}:\d{1,3})*")


@dataclass(frozen=True, slots=True)
class People:
    """Terms. `record_terms`: from which year on, how many years after its end accounting records are kept, as `SINCE:YEARS` pairs.

    In days: `words_days` for what no accounting record needs, from the payment on; `unpaid_days` for all of a payment that brought
    no money, once it is over; `messages_days` for gateways' messages and the words of the staff.
    """

    record_terms: str = "2017:10"
    """NĐ 174/2016 Điều 13 and 15, in force since 2017: at least ten years from the end of the year."""
    words_days: int = 730
    unpaid_days: int = 90
    messages_days: int = 730

    @property
    def readable(self) -> bool:
        """Tell whether the terms of records are written as they must be."""
        return _TERMS.fullmatch(self.record_terms) is not None

    def messages_before(self, now: datetime) -> datetime:
        """Return the instant before which messages and words of the staff came that are past their term."""
        return now - timedelta(days=self.messages_days)

    def years_over(self, today: date) -> list[int]:
        """Return the years whose accounting records are past their term."""
        return [year for year in range(today.year - _OLDEST, today.year + 1) if self.record_until(year) < today]

    def record_until(self, year: int) -> date:
        """Return the last day on which the accounting records of a year are kept, by the term in force in that year."""
        pairs = (pair.split(":") for pair in self.record_terms.split(","))
        terms = sorted((int(since), int(years)) for since, years in pairs)
        years = next((years for since, years in reversed(terms) if since <= year), terms[0][1])
        return date(year + years, 12, 31)
