"""The banks that gateway accounts say a citizen may choose, as they are kept.

They live in Valkey for a day and may be lost at any moment: without them the citizen is sent to the gateway's own page and chooses
there. So nothing waits for them: a page asks Valkey once a minute, briefly, and the gateway itself never.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import astuple
from datetime import timedelta
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from gateways.base import Bank
from payhub import log
from payhub.clock import Clock

KEPT = timedelta(days=1)
ASKED_EVERY = timedelta(hours=1)

_log = log.get(__name__)
_FRESH_S = 60
_AWAY_S = 10
"""How long Valkey is left alone after it did not answer."""


class Banks:
    """The lists as one process sees them. Safe to use from many threads."""

    def __init__(self, redis: Redis, clock: Clock) -> None:
        self._redis, self._clock = redis, clock
        self._read: dict[uuid.UUID, tuple[float, tuple[Bank, ...]]] = {}
        self._away_until = 0.0

    def of(self, account_id: uuid.UUID) -> tuple[Bank, ...]:
        """Return an account's banks in the gateway's order; none where no list is kept, or Valkey is away."""
        now = self._now()
        known = self._read.get(account_id)
        if known is not None and 0 <= now - known[0] < _FRESH_S:
            return known[1]
        if now < self._away_until:
            return ()
        try:
            found = _banks(self._redis.get(_list(account_id)))
        except RedisError as error:
            self._away_until = self._now() + _AWAY_S
            _log.warning("banks.not_read", kind=type(error).__name__)
            return ()
        self._read[account_id] = now, found
        return found

    def keep(self, account_id: uuid.UUID, banks: Sequence[Bank]) -> None:
        """Keep what a gateway said now; without Valkey it is not kept."""
        try:
            self._redis.set(_list(account_id), json.dumps([astuple(bank) for bank in banks]), ex=KEPT)
        except RedisError as error:
            _log.warning("banks.not_kept", kind=type(error).__name__)
            return
        self._read[account_id] = self._now(), tuple(banks)

    def claim(self, account_id: uuid.UUID) -> bool:
        """Take on asking an account: true once an hour, whoever of all processes comes first; never where nothing can be kept."""
        try:
            return bool(self._redis.set(_claim(account_id), b"", nx=True, ex=ASKED_EVERY))
        except RedisError:
            return False

    def _now(self) -> float:
        return self._clock.now().timestamp()


def _banks(kept: Any) -> tuple[Bank, ...]:
    """Read a list as it was kept; one that another release wrote in another form is none."""
    try:
        return tuple(Bank(str(code), str(name), str(method)) for code, name, method in json.loads(kept or "[]"))
    except (TypeError, ValueError):
        return ()


def _list(account_id: uuid.UUID) -> str:
    return f"payhub:banks:{account_id.hex}"


def _claim(account_id: uuid.UUID) -> str:
    return f"payhub:banks:{account_id.hex}:asked"
