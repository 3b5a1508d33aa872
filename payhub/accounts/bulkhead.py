"""How many calls to one gateway account a process waits for at the same time.

A gateway that hangs would otherwise take every thread in the half minute that each waits, and with them the pages of those who pay
elsewhere. Who finds no place has sent nothing: to them the gateway was not reached.
"""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class Bulkhead:
    """The places of one process, `most` for each account. Safe to use from many threads."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._taken: Counter[uuid.UUID] = Counter()
        self._lock = threading.Lock()

    def full(self, account_id: uuid.UUID) -> bool:
        """Whether the next would find no place."""
        return self._taken[account_id] >= self.most

    @contextmanager
    def place(self, account_id: uuid.UUID) -> Iterator[bool]:
        """Hold a place and give True; give False at once where there is none, and nobody waits for one."""
        with self._lock:
            found = not self.full(account_id)
            self._taken[account_id] += found
        try:
            yield found
        finally:
            with self._lock:
                self._taken[account_id] -= found
