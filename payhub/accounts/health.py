"""How well gateway accounts work, counted over all processes, and the breaker that spares citizens one that does not.

Every call to a gateway counts as good or bad: not reached, unanswered, an error of its own, or slower than `slow_s`. Where too
many of the last minute were bad the breaker opens; after a while a probe is let through, and a good one closes it. Counts live in
Valkey, because they may be lost: then each process goes by its own. Money never depends on them.
"""

from __future__ import annotations

import threading
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from redis import Redis
from redis.exceptions import RedisError

from payhub import log
from payhub.accounts.breaker import Breaker
from payhub.clock import Clock

_log = log.get(__name__)
_SLICE_S = 10
_HOUR_S = 3600
_AWAY_S = 10
"""How long Valkey is left alone after it did not answer: a store that hangs must not make every page wait for it."""


class Condition(StrEnum):
    """Whether an account is offered as things are."""

    WELL = "well"
    FAILING = "failing"
    """Its breaker is open: it is offered only where there is nothing else."""
    PROBING = "probing"
    """It was failing; whoever calls it next finds out."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One account's condition and what it is concluded from."""

    condition: Condition = Condition.WELL
    calls: int = 0
    bad: int = 0
    rate: float | None = None
    """Good ones of the calls of this hour and the one before, 0 to 1; None where there were too few."""
    probe_at: float | None = None
    """Unix time of the next probe, where it is failing."""


class Health:
    """The counts of one process, shared with the others through Valkey. Safe to use from many threads."""

    def __init__(self, redis: Redis, clock: Clock, rules: Breaker) -> None:
        self._redis, self._clock, self.rules = redis, clock, rules
        self._lock = threading.Lock()
        self._pending: defaultdict[tuple[str, int], list[int]] = defaultdict(lambda: [0, 0])
        self._own: dict[str, tuple[float, int]] = {}
        """Breakers as this process knows them, for when Valkey is away: Unix time of the next probe, and how many failed."""
        self._read: dict[str, tuple[float, Standing]] = {}
        self._away_until = 0.0

    def heard(self, account_id: uuid.UUID, *, good: bool, seconds: float = 0.0) -> None:
        """Count a call, or an outcome that says as much."""
        account, good = account_id.hex, good and seconds < self.rules.slow_s
        with self._lock:
            self._pending[account, int(self._now() // _SLICE_S)][0 if good else 1] += 1
            standing = self._read.get(account)
        if standing and standing[1].condition is not Condition.WELL:
            self._probed(account, good=good)

    def standing(self, account_id: uuid.UUID) -> Standing:
        """Return how an account does, no older than `fresh_s`."""
        account, now = account_id.hex, self._now()
        with self._lock:
            known = self._read.get(account)
            if known is not None and 0 <= now - known[0] < self.rules.fresh_s:
                return known[1]
            counted = self._take(account)
        found = self._shared_if_there(account, counted, now) or self._alone(account, counted, now)
        with self._lock:
            self._read[account] = (now, found)
        return found

    def _now(self) -> float:
        return self._clock.now().timestamp()

    def _take(self, account: str) -> dict[int, list[int]]:
        slices = {slice_: counts for (owner, slice_), counts in self._pending.items() if owner == account}
        for slice_ in slices:
            del self._pending[account, slice_]
        return slices

    def _slices(self, now: float) -> Sequence[int]:
        last = int(now // _SLICE_S)
        return range(last - self.rules.window_s // _SLICE_S, last + 1)

    def _shared_if_there(self, account: str, counted: Mapping[int, list[int]], now: float) -> Standing | None:
        """Return what all processes count, or None while Valkey is away: it is asked again later, and not by every page."""
        if now < self._away_until:
            return None
        try:
            return self._shared(account, counted, now)
        except RedisError as error:
            self._away_until = self._now() + _AWAY_S
            _log.warning("health.counted_alone", kind=type(error).__name__)
            return None

    def _shared(self, account: str, counted: Mapping[int, list[int]], now: float) -> Standing:
        hour = int(now // _HOUR_S)
        pipe = self._redis.pipeline(transaction=False)
        for slice_, (good, bad) in counted.items():
            for key, kept_s in ((_window(account, slice_), 2 * self.rules.window_s), (_hourly(account, hour), 3 * _HOUR_S)):
                pipe.hincrby(key, "good", good)
                pipe.hincrby(key, "bad", bad)
                pipe.expire(key, kept_s)
        written = len(pipe)
        for slice_ in self._slices(now):
            pipe.hmget(_window(account, slice_), "good", "bad")
        for each in (hour - 1, hour):
            pipe.hmget(_hourly(account, each), "good", "bad")
        pipe.hmget(_breaker(account), "until", "times")
        *answers, breaker = pipe.execute()[written:]
        window, hours = list(_counts(answers[:-2])), list(_counts(answers[-2:]))
        good, bad = (sum(each[at] for each in hours) for at in (0, 1))
        rate = good / (good + bad) if good + bad >= self.rules.least_calls else None
        known = (float(breaker[0]), int(breaker[1] or 0)) if breaker[0] else None
        return self._judged(account, window, rate, known, now)

    def _alone(self, account: str, counted: Mapping[int, list[int]], now: float) -> Standing:
        with self._lock:
            kept = {slice_: counts for slice_, counts in counted.items() if slice_ in self._slices(now)}
            self._put_back(account, kept)
        return self._judged(account, list(kept.values()), None, self._own.get(account), now)

    def _put_back(self, account: str, counted: Mapping[int, list[int]]) -> None:
        for slice_, (good, bad) in counted.items():
            mine = self._pending[account, slice_]
            mine[0], mine[1] = mine[0] + good, mine[1] + bad

    def _judged(
        self, account: str, window: Sequence[Sequence[int]], rate: float | None, known: tuple[float, int] | None, now: float
    ) -> Standing:
        good, bad = (sum(each[at] for each in window) for at in (0, 1))
        calls = good + bad
        if known is None and calls >= self.rules.least_calls and bad * 100 >= self.rules.worst_percent * calls:
            known = (now + self.rules.open_s, 0)
            self._open(account, *known)
            _log.warning("gateway.breaker_opened", account=account, calls=calls, bad=bad)
        if known is None:
            return Standing(Condition.WELL, calls, bad, rate)
        return Standing(Condition.FAILING if now < known[0] else Condition.PROBING, calls, bad, rate, known[0])

    def _probed(self, account: str, *, good: bool) -> None:
        """Close the breaker after a good call, or wait longer after a bad one that was a probe."""
        now = self._now()
        until, times = self._known(account)
        if good:
            self._close(account, now)
        elif until <= now:
            wait = min(self.rules.open_s * 2 ** (times + 1), self.rules.longest_s)
            self._open(account, now + wait, times + 1)
        with self._lock:
            self._read.pop(account, None)

    def _known(self, account: str) -> tuple[float, int]:
        try:
            until, times = self._redis.hmget(_breaker(account), "until", "times")
        except RedisError:
            return self._own.get(account, (0.0, 0))
        return (float(until), int(times or 0)) if until else (0.0, 0)

    def _open(self, account: str, until: float, times: int) -> None:
        self._own[account] = (until, times)
        try:
            self._redis.hset(_breaker(account), mapping={"until": until, "times": times})
            self._redis.expire(_breaker(account), timedelta(seconds=4 * self.rules.longest_s))
        except RedisError:
            return

    def _close(self, account: str, now: float) -> None:
        """Forget the breaker, and the calls that had opened it."""
        self._own.pop(account, None)
        with self._lock:
            self._take(account)
        _log.info("gateway.breaker_closed", account=account)
        try:
            self._redis.delete(_breaker(account), *(_window(account, slice_) for slice_ in self._slices(now)))
        except RedisError:
            return


def _counts(answers: Sequence[Sequence[bytes | None]]) -> Iterator[tuple[int, int]]:
    for good, bad in answers:
        yield int(good or 0), int(bad or 0)


def _window(account: str, slice_: int) -> str:
    return f"payhub:health:{account}:{slice_}"


def _hourly(account: str, hour: int) -> str:
    return f"payhub:health:{account}:hour:{hour}"


def _breaker(account: str) -> str:
    return f"payhub:breaker:{account}"
