"""From events to deliveries: one relay at a time numbers what has been committed and writes down who must be told.

Positions are given to committed events only, so an endpoint that has been considered up to a position misses nothing below it. What
a cursor has passed must survive a crash: these commits wait for the disk.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from payhub import events
from payhub.db import Database, rows_written
from payhub.events import Event
from webhooks.models import WebhookEndpoint

BATCH = 5000
ROUNDS = 50
"""How many batches one job may do; the next job goes on."""
_LOCK = 7289404

# A delivery's id (UUIDv8) is the event's millisecond and a digest of event, endpoint and name: sorted by time, the same for ever.
# Where a payment is told by its names, each that it had by then hears of it by itself; one that is given later, only of what the
# payment has come to.
_FAN_OUT = text(
    """
    WITH moved AS (
      UPDATE webhook_endpoint SET after_position = :upto
      WHERE disabled_at IS NULL AND after_position = :after
      RETURNING id, portal_id, event_types, protocol
    )
    INSERT INTO delivery (id, endpoint_id, event_id, payment_id, name_id, position, state, tries, next_try_at)
    SELECT (left(event.id::text, 14) || '8' || left(mark, 3) || '-8' || substr(mark, 4, 3) || '-' || right(mark, 12))::uuid,
           moved.id, event.id, event.payment_id, name.id, event.position, 'due', 0, :now
    FROM event
    JOIN payment ON payment.id = event.payment_id
    JOIN moved ON moved.portal_id = payment.portal_id AND event.type = ANY (moved.event_types)
    -- Kept apart from the plan of the rest, so that names are looked up by their payment, and never where none are told.
    LEFT JOIN LATERAL (
      SELECT id FROM national_reference AS given
      WHERE moved.protocol = 'payment_platform' AND given.payment_id = event.payment_id AND given.contract = 'payment_platform'
        AND CASE event.type WHEN 'payment.named' THEN given.event_seq = event.seq AND event.data ->> 'state' <> 'open'
            ELSE given.event_seq <= event.seq END
      OFFSET 0
    ) AS name ON true
    CROSS JOIN LATERAL md5(event.id::text || moved.id::text || coalesce(name.id::text, '')) AS mark
    WHERE event.position > :after AND event.position <= :upto AND (moved.protocol = 'standard' OR name.id IS NOT NULL)
    ON CONFLICT (event_id, endpoint_id, name_id) DO NOTHING
    """
)


def run(db: Database, now: datetime, *, batch: int = BATCH, rounds: int = ROUNDS) -> int:
    """Relay until nothing is left; return how many deliveries were written. Where another relay is at work, do nothing."""
    written = 0
    for _ in range(rounds):
        with db.session() as session:
            if not session.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": _LOCK}):
                break
            numbered = events.number_committed(session, batch)
            behind, told = _fan_out(session, now, batch)
        written += told
        if numbered < batch and not behind:
            break
    return written


def _fan_out(session: Session, now: datetime, batch: int) -> tuple[bool, int]:
    """Consider one batch of events for every endpoint; return whether any endpoint is still behind, and the deliveries written."""
    head = session.scalar(select(Event.position).where(Event.position.is_not(None)).order_by(Event.position.desc()).limit(1)) or 0
    places = session.scalars(
        select(WebhookEndpoint.after_position)
        .where(WebhookEndpoint.disabled_at.is_(None), WebhookEndpoint.after_position < head)
        .distinct()
    ).all()
    told = 0
    for after in places:
        told += rows_written(session, _FAN_OUT, {"after": after, "upto": min(after + batch, head), "now": now})
    return any(after + batch < head for after in places), told
