"""Telling again: one delivery, a range of them, or all since an instant, under the same ids as before.

What was given up, what was taken, and what waits for its next try is due now, with all its tries. Of a payment it is told again in
order. What a courier has in hand is left to it.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from payhub.errors import NotFound
from payhub.telling import Webhooks
from webhooks import deliveries
from webhooks.models import Delivery

MOST = 10_000
"""Deliveries put back in one transaction."""
_EARLIER = timedelta(hours=1)
"""By so much at most positions and times disagree: no transaction lasts that long."""
_PUT_BACK = text(
    """
    WITH chosen AS (
      SELECT delivery.id, delivery.position FROM delivery JOIN event ON event.id = delivery.event_id
      WHERE delivery.endpoint_id = :endpoint_id AND delivery.position >= :first
        AND (CAST(:last AS bigint) IS NULL OR delivery.position <= :last)
        AND (CAST(:since AS timestamptz) IS NULL OR event.occurred_at >= :since)
        AND delivery.state = ANY (CAST(:states AS text[])) AND (delivery.state <> 'due' OR delivery.next_try_at > :claimed)
      ORDER BY delivery.position LIMIT :most
    ), put_back AS (
      UPDATE delivery SET state = 'due', tries = 0, next_try_at = :now, resent_at = :now FROM chosen WHERE delivery.id = chosen.id
      RETURNING delivery.position
    )
    SELECT count(*) AS many, max(position) AS last FROM put_back
    """
)
_AT = text("SELECT occurred_at FROM event WHERE position = :position")


@dataclass(frozen=True, slots=True)
class Range:
    """Which deliveries of an endpoint: by position, the last one included, or by the time of what they tell.

    `dead` leaves out all but those that were given up.
    """

    first: int = 0
    last: int | None = None
    since: datetime | None = None
    dead: bool = False


@dataclass(frozen=True, slots=True)
class Resent:
    """How many were put back, and where to go on if there may be more."""

    count: int
    next: int | None


def one(session: Session, delivery_id: uuid.UUID, told: Webhooks, now: datetime) -> Delivery:
    """Put one delivery back, with all its tries; one that is due already stays as it is."""
    delivery = session.get(Delivery, delivery_id, with_for_update=True, populate_existing=True)
    if delivery is None:
        raise NotFound
    if delivery.state != "due" or delivery.next_try_at > now + deliveries.claimed_for(told):
        delivery.state, delivery.tries, delivery.next_try_at, delivery.resent_at = "due", 0, now, now
    return delivery


def many(session: Session, endpoint_id: uuid.UUID, wanted: Range, told: Webhooks, now: datetime, most: int = MOST) -> Resent:
    """Put back what is in a range, from its beginning, `most` of them at once."""
    first = max(wanted.first, position_at(session, wanted.since) if wanted.since else 0)
    binds = {
        "endpoint_id": endpoint_id, "first": first, "last": wanted.last, "since": wanted.since,
        "states": ["dead"] if wanted.dead else ["dead", "delivered", "due"], "claimed": now + deliveries.claimed_for(told),
        "now": now, "most": most,
    }  # fmt: skip
    done = session.execute(_PUT_BACK, binds).one()
    # Not the next position: one event may have several deliveries. Those that were put back are passed over.
    return Resent(done.many, done.last if done.many == most else None)


def position_at(session: Session, instant: datetime) -> int:
    """Return a position before which nothing happened at an instant or later.

    Positions follow time but for what committed late: halving finds the place in as many look-ups as there are digits.
    """
    low, high = 1, (session.scalar(text("SELECT max(position) FROM event")) or 0) + 1
    while low < high:
        middle = (low + high) // 2
        if session.execute(_AT, {"position": middle}).scalar_one() < instant - _EARLIER:
            low = middle + 1
        else:
            high = middle
    return low
