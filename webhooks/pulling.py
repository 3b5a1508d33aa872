"""Events for portals that would rather ask: their own, in the order of positions, none left out that a later look could bring.

Only numbered events are given, and numbers are given to committed ones: what a portal has gone past never changes.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from payhub import ids
from payhub.hub import Hub
from webhooks.endpoints import EVENT_TYPES
from webhooks.messages import Message

WALKED = 2_000
"""How many of a portal's events one request looks at: of a rare type there may be none among them, and the next one goes on."""
_OWN = text(
    """
    WITH walked AS MATERIALIZED (
      SELECT id, position, type FROM event
      WHERE portal_id = :portal_id AND position IS NOT NULL AND position > :after ORDER BY position LIMIT :walked
    ), chosen AS (
      SELECT * FROM walked WHERE type = ANY (CAST(:types AS text[])) ORDER BY position LIMIT :limit + 1
    )
    SELECT chosen.id, chosen.position, event.type, event.seq, event.data, event.occurred_at, payment.id, payment.reference,
           payment.portal_reference, payment.currency, payment.total, seen.many, seen.last
    FROM (SELECT count(*) AS many, max(position) AS last FROM walked) AS seen
    LEFT JOIN chosen ON true LEFT JOIN event ON event.id = chosen.id LEFT JOIN payment ON payment.id = event.payment_id
    ORDER BY chosen.position
    """
)


def page(
    hub: Hub, session: Session, portal_id: uuid.UUID, *, after: int, limit: int, types: Sequence[str] = (), version: int
) -> dict[str, Any]:
    """Return a portal's events after a position, with the position to go on from and whether anything may be there already."""
    # Without types hardly any is passed over: what is shown and one more is enough.
    walked = max(WALKED, limit + 1) if types else limit + 1
    binds = {"portal_id": portal_id, "after": after, "walked": walked, "types": list(types or EVENT_TYPES), "limit": limit}
    rows = session.execute(_OWN, binds).all()
    many, last = rows[0][-2:]
    mode = hub.settings.mode
    found = [Message(row[0], row[1], 0, *row[2:11]) for row in rows if row[0] is not None]
    shown, further = found[:limit], len(found) > limit
    return {
        "data": [_told(each, mode, version) for each in shown],
        "next": shown[-1].position if further else last or after,
        "more": further or many == walked,
    }


def _told(event: Message, mode: str, version: int) -> dict[str, Any]:
    named = {"id": ids.public_id("evt", event.id, mode), "position": event.position, "version": version}
    return {**named, **event.content(mode, version)}
