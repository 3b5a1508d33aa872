"""Messages nobody has signed for: kept apart for a while, and never so many that a stranger fills the disk."""

from __future__ import annotations

from datetime import datetime, timedelta

from redis.exceptions import RedisError
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from payhub.hub import Hub
from webhooks.models import Callback

KEPT = timedelta(days=30)
PER_MINUTE = 60
"""How many of one source are kept in a minute; what comes above is answered the same and only counted in the log."""


def room_for(hub: Hub, source: str, now: datetime) -> bool:
    """Tell whether one more message of this source may be kept. Without Valkey nobody counts and all are."""
    key = f"payhub:unverified:{source}:{int(now.timestamp()) // 60}"
    try:
        with hub.redis.pipeline(transaction=False) as pipeline:
            pipeline.incr(key)
            pipeline.expire(key, 120)
            count, _ = pipeline.execute()
    except RedisError:
        return True
    return int(count) <= PER_MINUTE


def sweep(session: Session, now: datetime, limit: int = 10_000) -> int:
    """Forget unverified messages older than 30 days; return how many."""
    old = select(Callback.id).where(Callback.digest.is_(None), Callback.received_at < now - KEPT).limit(limit)
    result = session.execute(delete(Callback).where(Callback.id.in_(old)))
    return int(result.rowcount)  # type: ignore[attr-defined]
