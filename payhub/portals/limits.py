"""How fast a key may call: a token bucket per key, kept in Valkey for all processes, in this process's memory without it.

A bucket holds at most `burst` tokens and gets `rate` of them a second; a call takes one. So in any stretch of t seconds no more
than burst + rate·t calls get through, whatever its edges, and a caller who keeps to that is never refused. Everything is counted in
whole millionths of a token, which are exact: `rate` tokens a second are `rate` millionths in a microsecond.
"""

from __future__ import annotations

import hashlib
import threading
import time
import uuid
from dataclasses import dataclass

from redis import Redis
from redis.exceptions import NoScriptError, RedisError

from payhub import log
from payhub.counting import counter

_ONE = 1_000_000
_AWAY_S = 5.0
"""How long Valkey is left alone after it did not answer, so that not every call waits for it."""
# KEYS: the bucket. ARGV: rate, burst, and the present instant in microseconds where it is not Valkey's own clock that counts, which
# is one for all processes. A clock that goes back adds nothing.
_TAKE = """
local rate, most, now = tonumber(ARGV[1]), tonumber(ARGV[2]) * 1000000, tonumber(ARGV[3])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000000 + tonumber(time[2])
end
local level, at = most, now
local held = redis.call('GET', KEYS[1])
if held then
  local was, since = string.match(held, '^(%d+) (%d+)$')
  at = math.max(now, tonumber(since))
  level = math.min(most, tonumber(was) + (at - tonumber(since)) * rate)
end
local taken = level >= 1000000
if taken then level = level - 1000000 end
redis.call('SET', KEYS[1], string.format('%.0f %.0f', level, at), 'PX', math.ceil((most - level) / rate / 1000) + 60000)
return {taken and 1 or 0, string.format('%.0f', level)}
"""
_SHA = hashlib.sha1(_TAKE.encode(), usedforsecurity=False).hexdigest()
_log = log.get(__name__)
_alone = counter("payhub_api_limited_alone", "Calls counted by this process alone, because Valkey was away", [])


@dataclass(frozen=True, slots=True)
class Limit:
    """`rate` calls a second on average, `burst` at once; a rate of 0 is no limit."""

    rate: int
    burst: int


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a bucket said to one call."""

    limit: Limit
    taken: bool
    level: int
    """What is left, in millionths."""

    @property
    def left(self) -> int:
        """How many calls may follow at once."""
        return self.level // _ONE

    @property
    def wait_s(self) -> int:
        """In how many seconds, rounded up, there is one more."""
        return -(-(_ONE - self.level % _ONE) // (self.limit.rate * _ONE))

    def headers(self) -> dict[str, str]:
        """Return the fields of draft-ietf-httpapi-ratelimit-headers-10, and the three of its drafts before 7, which more know."""
        limit = self.limit
        more = "" if self.left == limit.burst else f";t={self.wait_s}"
        return {
            "RateLimit-Policy": f'"key";q={limit.burst};w={-(-limit.burst // limit.rate)}',
            "RateLimit": f'"key";r={self.left}{more}',
            "RateLimit-Limit": str(limit.burst),
            "RateLimit-Remaining": str(self.left),
            "RateLimit-Reset": str(-(-(limit.burst * _ONE - self.level) // (limit.rate * _ONE))),
        }


class Limits:
    """The buckets of all keys. Safe to use from many threads."""

    def __init__(self, redis: Redis, usual: Limit) -> None:
        """`redis` must be a client that waits but a moment, and once."""
        self._redis, self.usual = redis, usual
        self._own: dict[uuid.UUID, tuple[int, int]] = {}
        self._lock = threading.Lock()
        self._away_until = 0.0

    def take(self, key_id: uuid.UUID, limit: Limit, now: int | None = None) -> Allowance | None:
        """Take one call of a key; None where it has no limit. `now` in microseconds stands for Valkey's own clock."""
        if not limit.rate:
            return None
        if time.monotonic() >= self._away_until:
            try:
                return self._take_shared(key_id, limit, now)
            except RedisError as error:
                self._away_until = time.monotonic() + _AWAY_S
                _log.warning("limits.counted_alone", kind=type(error).__name__)
        return self._take_alone(key_id, limit, time.monotonic_ns() // 1000 if now is None else now)

    def _take_shared(self, key_id: uuid.UUID, limit: Limit, now: int | None) -> Allowance:
        arguments = (f"payhub:limit:{key_id.hex}", limit.rate, limit.burst, "" if now is None else now)
        try:
            taken, level = self._redis.evalsha(_SHA, 1, *arguments)
        except NoScriptError:
            taken, level = self._redis.eval(_TAKE, 1, *arguments)
        return Allowance(limit, bool(taken), int(level))

    def _take_alone(self, key_id: uuid.UUID, limit: Limit, now: int) -> Allowance:
        """Count by what this process has seen: a store that is away must not make the hub refuse whoever keeps to the limit."""
        _alone.inc()
        most = limit.burst * _ONE
        with self._lock:
            level, since = self._own.get(key_id, (most, now))
            at = max(now, since)
            level = min(most, level + (at - since) * limit.rate)
            taken = level >= _ONE
            self._own[key_id] = level - taken * _ONE, at
        return Allowance(limit, taken, level - taken * _ONE)
