"""What must hold of events and deliveries, whatever happened."""

from __future__ import annotations

from payhub.registry import Law

_TOLD = """
    FROM webhook_endpoint
    JOIN payment ON payment.portal_id = webhook_endpoint.portal_id
    JOIN event ON event.payment_id = payment.id AND event.type = ANY (webhook_endpoint.event_types)
      AND event.position <= webhook_endpoint.after_position
    LEFT JOIN delivery ON delivery.event_id = event.id AND delivery.endpoint_id = webhook_endpoint.id
    LEFT JOIN LATERAL (
      SELECT min(position) AS position FROM delivery WHERE endpoint_id = webhook_endpoint.id
    ) AS first ON true
    -- Which events came before the endpoint is known to the minute; from its first delivery on it is known exactly.
    WHERE (event.position >= first.position OR event.occurred_at > webhook_endpoint.created_at + interval '1 minute')
"""

LAWS = (
    Law(
        name="positions are 1 to n without a gap",
        checked="SELECT count(*) FROM event WHERE position IS NOT NULL",
        broken="""
            SELECT id, position, expected FROM (
              SELECT id, position, row_number() OVER (ORDER BY position) AS expected FROM event WHERE position IS NOT NULL
            ) AS numbered WHERE position <> expected
        """,
    ),
    Law(
        name="a payment's events have positions in the order they happened",
        checked="SELECT count(*) FROM event WHERE position IS NOT NULL",
        broken="""
            SELECT id, payment_id, seq, position FROM (
              SELECT id, payment_id, seq, position, seq > 1 AS later,
                     lag(position) OVER (PARTITION BY payment_id ORDER BY seq) AS before
              FROM event
            ) AS ordered WHERE position IS NOT NULL AND later AND (before IS NULL OR before >= position)
        """,
    ),
    Law(
        name="every event an endpoint is subscribed to, up to its cursor, has a delivery",
        checked=f"SELECT count(*) {_TOLD}",
        broken=f"SELECT event.id, webhook_endpoint.id AS endpoint_id, event.position {_TOLD} AND delivery.id IS NULL",
    ),
    Law(
        name="a delivery tells its own portal of an event it is subscribed to",
        checked="SELECT count(*) FROM delivery",
        broken="""
            SELECT delivery.id FROM delivery
            JOIN event ON event.id = delivery.event_id
            JOIN payment ON payment.id = event.payment_id
            JOIN webhook_endpoint ON webhook_endpoint.id = delivery.endpoint_id
            WHERE delivery.position IS DISTINCT FROM event.position OR delivery.payment_id <> event.payment_id
               OR payment.portal_id <> webhook_endpoint.portal_id OR event.type <> ALL (webhook_endpoint.event_types)
        """,
    ),
    Law(
        name="a delivery is delivered exactly when it says at what time",
        checked="SELECT count(*) FROM delivery",
        broken="SELECT id, state FROM delivery WHERE (state = 'delivered') <> (delivered_at IS NOT NULL)",
    ),
    Law(
        name="a delivery has been tried before it is told or given up",
        checked="SELECT count(*) FROM delivery WHERE state <> 'due'",
        broken="SELECT id, state FROM delivery WHERE state <> 'due' AND tries = 0",
    ),
)
