"""What must hold of what portals are told of proofs, recomputed from rows."""

from payhub.registry import Law
from reconciliation.proofs import STANDS

# Of each payment of which a portal was told, what was said last.
_TOLD = """
    SELECT payment_id, (array_agg(data ->> 'reported_on' ORDER BY seq DESC) FILTER (WHERE type LIKE '%reported'))[1] AS reported_on,
           (array_agg(data ->> 'banked_on' ORDER BY seq DESC) FILTER (WHERE type LIKE '%banked'))[1] AS banked_on
    FROM event WHERE type IN ('payment.reported', 'payment.unreported', 'payment.banked', 'payment.unbanked') GROUP BY payment_id
"""
_STANDS = STANDS.replace("= ANY (:payments)", "IN (SELECT payment_id FROM event WHERE type = 'payment.reported')")
LAWS = [
    Law(
        "a portal is told of a proof once, and once that it no longer holds",
        "SELECT count(*) FROM event WHERE type IN ('payment.reported', 'payment.unreported', 'payment.banked', 'payment.unbanked')",
        """
        SELECT payment_id, seq, type FROM (
          SELECT payment_id, seq, type, what, said, lag(said) OVER (PARTITION BY payment_id, what ORDER BY seq) AS before FROM (
            SELECT *, ltrim(split_part(type, '.', 2), 'un') AS what, coalesce(data ->> 'banked_on', data ->> 'reported_on') AS said
            FROM event WHERE type IN ('payment.reported', 'payment.unreported', 'payment.banked', 'payment.unbanked')
          ) AS each
        ) AS told WHERE said IS NOT DISTINCT FROM before
        """,
    ),
    Law(
        "what portals were told last of reported and banked is what settlements and statements say, once all runs are over",
        "SELECT count(DISTINCT payment_id) FROM event WHERE type = 'payment.reported'",
        f"""
        SELECT told.payment_id, told.reported_on, stands.reported_on, told.banked_on, stands.banked_on
        FROM ({_TOLD}) AS told LEFT JOIN ({_STANDS}) AS stands ON stands.payment_id = told.payment_id
        WHERE (CAST(told.reported_on AS date), CAST(told.banked_on AS date))
              IS DISTINCT FROM (stands.reported_on, stands.banked_on)
          AND NOT EXISTS (SELECT FROM telling WHERE told < asked)
          AND NOT EXISTS (SELECT FROM settlement WHERE superseded_by_id IS NULL AND 'done' <> coalesce(
            (SELECT run.state FROM run WHERE run.settlement_id = settlement.id ORDER BY run.id DESC LIMIT 1), ''))
          AND EXISTS (
            SELECT FROM payment JOIN portal AS first ON first.id = payment.portal_id JOIN portal USING (code)
            WHERE payment.id = told.payment_id AND portal.told_proofs AND portal.valid_to IS NULL)
        """,  # noqa: S608 - our own pieces
    ),
]
