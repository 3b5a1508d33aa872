"""What must hold of allocations, recomputed from rows."""

from payhub.registry import Law

LAWS = (
    Law(
        "an allocation pays a payment whole, from money of the same portal and currency that came by the attempt it names",
        "SELECT count(*) FROM allocation",
        "SELECT a.payment_id, a.amount, p.total FROM allocation a JOIN payment p ON p.id = a.payment_id "
        "JOIN unapplied_receipt u ON u.id = a.receipt_id LEFT JOIN payment own ON own.id = u.payment_id "
        "WHERE a.amount <> p.total OR u.currency <> p.currency OR own.portal_id IS DISTINCT FROM p.portal_id "
        "OR a.attempt_id IS DISTINCT FROM u.attempt_id",
    ),
    Law(
        "nothing was allocated that two people had not agreed on, to this very payment",
        "SELECT count(*) FROM allocation",
        "SELECT a.payment_id, a.amount, p.state FROM allocation a LEFT JOIN proposal p ON p.id = a.proposal_id "
        "WHERE (p.state = 'executed' AND p.kind = 'allocation' AND p.target = 'unapplied/' || a.receipt_id "
        "AND p.decided_by <> p.proposed_by AND p.content ->> 'payment' = a.payment_id::text "
        "AND (p.content ->> 'amount')::bigint = a.amount) IS NOT TRUE",
    ),
    Law(
        "folding events gives every allocation, told to the payment that is paid and to the one the money had come for",
        "SELECT count(*) FROM allocation",
        """
        WITH said AS (
          SELECT payment_id, data ->> 'unapplied' AS receipt, (data ->> 'amount')::bigint AS amount, payment_id AS told
          FROM event WHERE type = 'payment.paid' AND data ? 'unapplied'
          UNION ALL SELECT (data ->> 'allocated_to')::uuid, data ->> 'unapplied', (data ->> 'amount')::bigint, payment_id
          FROM event WHERE type = 'receipt.allocated'
        ), done AS (
          SELECT a.payment_id, a.receipt_id::text AS receipt, a.amount, told.id AS told FROM allocation a
          JOIN unapplied_receipt u ON u.id = a.receipt_id JOIN payment told ON told.id IN (a.payment_id, u.payment_id)
        )
        (TABLE said EXCEPT TABLE done) UNION ALL (TABLE done EXCEPT TABLE said)
        """,
    ),
    Law(
        "once all of a receipt's money has gone where people sent it, nobody is asked about it any more",
        "SELECT count(*) FROM unapplied_receipt WHERE remaining = 0",
        """
        SELECT u.id, d.id, d.state FROM unapplied_receipt u JOIN attempt a ON a.id = u.attempt_id
        JOIN gateway_account g ON g.id = u.gateway_account_id
        JOIN discrepancy d ON d.kind = u.reason AND d.key = g.code || '/payment/' || a.reference
        WHERE u.remaining = 0 AND a.state <> 'reversed' AND d.state <> 'resolved'
          AND NOT EXISTS (SELECT FROM refund r WHERE r.receipt_id = u.id AND r.state IN ('submitted', 'unknown'))
        """,
    ),
    Law(
        "money that is nobody's yet has somebody asked about it, unless a person said that this is settled",
        "SELECT count(*) FROM unapplied_receipt WHERE remaining > 0",
        """
        SELECT u.id, u.remaining, u.reason FROM unapplied_receipt u JOIN attempt a ON a.id = u.attempt_id
        JOIN gateway_account g ON g.id = u.gateway_account_id
        WHERE u.remaining > 0 AND NOT EXISTS (
          SELECT FROM discrepancy d WHERE d.kind = u.reason AND d.key = g.code || '/payment/' || a.reference AND (
            d.state <> 'resolved' OR d.accepted))
        """,
    ),
)
