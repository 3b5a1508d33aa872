"""Messages nobody has signed for: kept apart for a while, and never so many that a stranger fills the disk.

The counts are in Valkey, taken by one script: whoever is over their own quota uses up nobody else's. Without Valkey the rows
themselves are counted, so that nobody gets more by its absence.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from redis.exceptions import RedisError
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from payhub.db import rows_written
from payhub.hub import Hub
from payhub.inbox.settings import Callbacks
from webhooks.models import Callback

KEPT = timedelta(days=30)
QUOTAS = ("source_minute", "source_day", "account_day", "total_day", "total_day_bytes")
_DAY_S = 24 * 3600
# All have room, or nothing is taken of any: KEYS are counters; ARGV their limits, what one message takes, how long they are kept.
_TAKE = """
local n = #KEYS
for i = 1, n do
  if tonumber(redis.call('GET', KEYS[i]) or '0') + tonumber(ARGV[n + i]) > tonumber(ARGV[i]) then return i end
end
for i = 1, n do
  redis.call('INCRBY', KEYS[i], ARGV[n + i])
  redis.call('EXPIRE', KEYS[i], ARGV[2 * n + i])
end
return 0
"""


def full(hub: Hub, account_id: uuid.UUID, source: str, size: int, now: datetime) -> str | None:
    """Take room for one more message of so many bytes; return the quota that is used up where there is none."""
    limits, takes = _limits(hub.settings.callbacks), (1, 1, 1, 1, size)
    minute, day = int(now.timestamp()) // 60, int(now.timestamp()) // _DAY_S
    keys = (f"m:{minute}:s:{source}", f"d:{day}:s:{source}", f"d:{day}:a:{account_id.hex}", f"d:{day}:n", f"d:{day}:b")
    lives = (120, *(2 * _DAY_S,) * 4)
    try:
        named = [f"payhub:unverified:{key}" for key in keys]
        over = int(hub.redis.eval(_TAKE, len(named), *named, *limits, *takes, *lives))
    except RedisError:
        with hub.db.session() as session:
            over = _counted(session, account_id, source, limits, takes, now)
    return QUOTAS[over - 1] if over else None


def _limits(settings: Callbacks) -> tuple[int, ...]:
    return (settings.source_minute, settings.source_day, settings.account_day, settings.total_day, settings.total_day_bytes)


def _counted(
    session: Session, account_id: uuid.UUID, source: str, limits: Sequence[int], takes: Sequence[int], now: datetime
) -> int:
    """Return the number of the first quota that has no room, 0 where all have; two at once may both get the last place."""
    of_source, minute = Callback.source == source, Callback.received_at >= now - timedelta(minutes=1)
    counts = session.execute(
        select(
            func.count().filter(of_source, minute),
            func.count().filter(of_source),
            func.count().filter(Callback.gateway_account_id == account_id),
            func.count(),
            func.coalesce(func.sum(func.octet_length(Callback.raw)), 0),
        ).where(Callback.digest.is_(None), Callback.received_at >= now - timedelta(days=1))
    ).one()
    used = enumerate(zip(counts, takes, limits, strict=True), start=1)
    return next((number for number, (count, take, limit) in used if int(count) + take > limit), 0)


def sweep(session: Session, now: datetime, limit: int = 10_000) -> int:
    """Forget unverified messages older than 30 days; return how many."""
    old = select(Callback.id).where(Callback.digest.is_(None), Callback.received_at < now - KEPT).limit(limit)
    return rows_written(session, delete(Callback).where(Callback.id.in_(old)))
