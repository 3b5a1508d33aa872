"""Events: the facts about each payment, in order, written in the transaction that made them true.

`seq` counts within a payment, under its lock. `position` orders the committed events of all payments: one relay at a time hands it
out (`number_committed`), so that whoever reads by position misses nothing that commits late.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from payhub.db import Base, rows_written


class Event(Base):
    """A fact about one payment. `data` holds ids, amounts and states, never a person's data."""

    __tablename__ = "event"
    __table_args__ = (
        UniqueConstraint("payment_id", "seq"),
        UniqueConstraint("position"),
        Index("ix_event_of_portal", "portal_id", "position", postgresql_where="position IS NOT NULL"),
        Index("ix_event_unnumbered", "id", postgresql_where="position IS NULL"),
        {"postgresql_with": {"fillfactor": 80}},
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    payment_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("payment.id"))
    seq: Mapped[int]
    type: Mapped[str]
    data: Mapped[dict[str, Any]]
    occurred_at: Mapped[datetime]
    position: Mapped[int | None]
    portal_id: Mapped[uuid.UUID | None]
    """Its payment's, written with the position: so a portal's own events are found in order, and hot steps write no more for it."""


# Within a payment `seq` is the order, whatever the clocks of several machines say: an event is never placed before one of the same
# payment with a lower seq. Between payments the time decides.
_NUMBER = text(
    """
    WITH ordered AS (
      SELECT id, row_number() OVER (ORDER BY reached, payment_id, seq) AS ordinal
      FROM (
        SELECT id, payment_id, seq, max(occurred_at) OVER (PARTITION BY payment_id ORDER BY seq) AS reached
        FROM event WHERE position IS NULL
      ) unnumbered
      ORDER BY ordinal LIMIT :limit
    ), start AS (SELECT coalesce(max(position), 0) AS position FROM event)
    UPDATE event SET position = start.position + ordered.ordinal, portal_id = payment.portal_id
    FROM ordered, start, payment WHERE event.id = ordered.id AND payment.id = event.payment_id
    """
)


def number_committed(session: Session, limit: int = 5000) -> int:
    """Give the next positions to committed events that have none; return how many. The caller holds the relay's lock."""
    return rows_written(session, _NUMBER, {"limit": limit})
