"""What must hold of callbacks, events and deliveries, whatever happened."""

from __future__ import annotations

from payhub.registry import Law

_SINCE = """
    LEFT JOIN LATERAL (
      SELECT min(position) AS position FROM delivery WHERE endpoint_id = webhook_endpoint.id
    ) AS first ON true
    -- Which events came before the endpoint is known to the minute; from its first delivery on it is known exactly.
    WHERE (event.position >= first.position OR event.occurred_at > webhook_endpoint.created_at + interval '1 minute')
"""
_SUBSCRIBED = """
    FROM webhook_endpoint
    JOIN payment ON payment.portal_id = webhook_endpoint.portal_id
    JOIN event ON event.payment_id = payment.id AND event.type = ANY (webhook_endpoint.event_types)
      AND event.position <= webhook_endpoint.after_position
"""
_TOLD = f"""{_SUBSCRIBED}
    LEFT JOIN delivery ON delivery.event_id = event.id AND delivery.endpoint_id = webhook_endpoint.id
    {_SINCE} AND webhook_endpoint.protocol = 'standard'
"""
_CONFIRMED = f"""{_SUBSCRIBED}
    JOIN national_reference AS name ON name.payment_id = payment.id AND name.contract = 'payment_platform'
      AND CASE event.type WHEN 'payment.named' THEN name.event_seq = event.seq AND event.data ->> 'state' <> 'open'
          ELSE name.event_seq <= event.seq END
    LEFT JOIN delivery ON delivery.event_id = event.id AND delivery.endpoint_id = webhook_endpoint.id AND delivery.name_id = name.id
    {_SINCE} AND webhook_endpoint.protocol = 'payment_platform'
"""

CALLBACKS = (
    Law(
        "every verified callback names its attempt, or waits, or stands before a person",
        "SELECT count(*) FROM callback WHERE digest IS NOT NULL",
        "SELECT id, verdict, standing FROM callback "
        "WHERE digest IS NOT NULL AND attempt_id IS NULL AND standing NOT IN ('waiting', 'person')",
    ),
    Law(
        "verified money for an order that is not here is in a discrepancy",
        "SELECT count(*) FROM callback WHERE digest IS NOT NULL AND attempt_id IS NULL AND outcome = 'succeeded'",
        # What something of ours failed on may have its order: nobody has looked yet. Messages of earlier releases name none.
        "SELECT c.id, c.reference FROM callback c JOIN gateway_account g ON g.id = c.gateway_account_id "
        "WHERE c.digest IS NOT NULL AND c.attempt_id IS NULL AND c.outcome = 'succeeded' AND c.last_verdict = 'unknown_reference' "
        "AND NOT EXISTS (SELECT FROM discrepancy d WHERE d.kind = 'missing_at_hub' AND d.gateway_account_id = g.id "
        "AND (c.reference IS NULL OR d.key = g.code || '/payment/' || c.reference))",
    ),
    Law(
        "of an erased payer's payments no gateway's message from before is left",
        "SELECT count(*) FROM payment WHERE erased_at IS NOT NULL",
        "SELECT c.id, c.received_at FROM callback c JOIN attempt a ON a.id = c.attempt_id JOIN payment p ON p.id = a.payment_id "
        "WHERE p.erased_at IS NOT NULL AND c.raw_key IS NOT NULL AND c.received_at < p.erased_at - interval '1 minute'",
    ),
    Law(
        "a callback that could not be verified changed nothing",
        "SELECT count(*) FROM callback WHERE digest IS NULL",
        "SELECT id, verdict FROM callback "
        "WHERE digest IS NULL AND (attempt_id IS NOT NULL OR verdict NOT IN ('forged', 'malformed'))",
    ),
    Law(
        "whatever a verified success told us of, its attempt shows the money, unless its reversal was heard before",
        "SELECT count(*) FROM callback WHERE outcome = 'succeeded' AND attempt_id IS NOT NULL AND standing = 'settled'",
        "SELECT c.id, a.id, a.state FROM callback c JOIN attempt a ON a.id = c.attempt_id "
        "WHERE c.outcome = 'succeeded' AND c.standing = 'settled' AND a.state NOT IN ('succeeded', 'conflicted', 'reversed') "
        "AND a.reason IS DISTINCT FROM 'reversal_heard'",
    ),
    Law(
        "whoever let a callback be heard again is in the audit",
        "SELECT count(*) FROM callback WHERE replays > 0",
        "SELECT c.id, c.replays FROM callback c WHERE c.replays > 0 AND c.replays <> "
        "(SELECT count(*) FROM audit_entry a WHERE a.target = 'callback/' || c.id AND a.act = 'callback.replayed')",
    ),
)

DELIVERIES = (
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
        name="every name a payment has when it is decided is told so by itself, at every endpoint that tells names",
        checked=f"SELECT count(*) {_CONFIRMED}",
        broken=f"SELECT event.id, webhook_endpoint.id AS endpoint_id, name.id AS name_id {_CONFIRMED} AND delivery.id IS NULL",
    ),
    Law(
        name="a delivery has a name exactly where its endpoint tells names, and it is its payment's",
        checked="SELECT count(*) FROM delivery",
        broken="""
            SELECT delivery.id FROM delivery JOIN webhook_endpoint ON webhook_endpoint.id = delivery.endpoint_id
            LEFT JOIN national_reference AS name ON name.id = delivery.name_id
            WHERE (webhook_endpoint.protocol = 'payment_platform') <> (delivery.name_id IS NOT NULL)
               OR name.payment_id <> delivery.payment_id
        """,
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
        name="a delivery says when it was delivered exactly when it was, and when it was put back",
        checked="SELECT count(*) FROM delivery",
        broken="SELECT id, state FROM delivery WHERE state = 'delivered' AND delivered_at IS NULL "
        "OR state <> 'delivered' AND delivered_at IS NOT NULL AND resent_at IS NULL",
    ),
    Law(
        name="a numbered event is found by its payment's portal",
        checked="SELECT count(*) FROM event WHERE position IS NOT NULL",
        broken="SELECT event.id, event.position FROM event JOIN payment ON payment.id = event.payment_id "
        "WHERE event.position IS NOT NULL AND event.portal_id IS DISTINCT FROM payment.portal_id",
    ),
    Law(
        name="of an erased payer's payments no reply from before is left",
        checked="SELECT count(*) FROM delivery_try WHERE reply_key IS NOT NULL",
        broken="SELECT delivery_try.id, delivery_try.at FROM delivery_try JOIN delivery ON delivery.id = delivery_try.delivery_id "
        "JOIN payment ON payment.id = delivery.payment_id "
        "WHERE reply_key IS NOT NULL AND delivery_try.at < payment.erased_at - interval '1 minute'",
    ),
    Law(
        name="a delivery has been tried before it is told or given up",
        checked="SELECT count(*) FROM delivery WHERE state <> 'due'",
        broken="SELECT id, state FROM delivery WHERE state <> 'due' AND tries = 0",
    ),
)

LAWS = (*CALLBACKS, *DELIVERIES)
