"""The time: instants are aware UTC, business dates are the country's own."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Protocol

LOCAL = timezone(timedelta(hours=7), "GMT+7")
"""Asia/Ho_Chi_Minh: fixed +07:00, no daylight saving."""


class Clock(Protocol):
    """Where the time comes from."""

    def now(self) -> datetime:
        """Return the present instant, aware UTC."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the present instant, aware UTC."""
        return datetime.now(UTC)


def local_date(instant: datetime) -> date:
    """Return the date in Asia/Ho_Chi_Minh at this instant."""
    return instant.astimezone(LOCAL).date()
