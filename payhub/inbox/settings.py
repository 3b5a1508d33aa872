"""How long a callback waits for its order, and how many that nobody has signed for are kept."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Callbacks:
    """Messages of gateways. `ladder_s` is when one whose order is not here yet is tried again, in seconds after it came.

    The rest bounds what is kept of messages that do not verify: of one source in a minute and in a day, to one gateway account
    and of all in a day, and their bytes in a day.
    """

    retry_s: int = 10
    ladder_s: tuple[int, ...] = (10, 60, 300, 1800, 2 * 3600, 6 * 3600, 24 * 3600, 72 * 3600)
    source_minute: int = 60
    source_day: int = 1000
    account_day: int = 5000
    total_day: int = 20_000
    total_day_bytes: int = 256 * 1024 * 1024
