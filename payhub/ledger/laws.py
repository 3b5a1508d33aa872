"""What must hold of payments, attempts, journals and events, recomputed from rows."""

from payhub.registry import Law

LAWS = [
    Law(
        "every journal balances",
        "SELECT count(*) FROM journal",
        "SELECT j.id, sum(p.amount) FROM journal j LEFT JOIN posting p ON p.journal_id = j.id "
        "GROUP BY j.id HAVING coalesce(sum(p.amount), -1) <> 0",
    ),
    Law(
        "postings carry their journal's day and account",
        "SELECT count(*) FROM posting",
        "SELECT p.id FROM posting p JOIN journal j ON j.id = p.journal_id "
        "WHERE p.business_on <> j.business_on OR p.gateway_account_id <> j.gateway_account_id",
    ),
    Law(
        "a payment's total is the sum of its lines",
        "SELECT count(*) FROM payment",
        "SELECT p.id, p.total, sum(l.amount) FROM payment p LEFT JOIN payment_line l ON l.payment_id = p.id "
        "GROUP BY p.id HAVING p.total <> coalesce(sum(l.amount), -1)",
    ),
    Law(
        "a payment is paid exactly when the money of one attempt is applied or allocated to it, for its total, or it costs nothing",
        "SELECT count(*) FROM payment",
        """
        WITH paid AS (
          SELECT payment_id, id AS attempt_id, confirmed AS amount FROM attempt WHERE applied
          UNION ALL SELECT payment_id, attempt_id, amount FROM allocation
        )
        SELECT p.id, p.state, count(a.id) FROM payment p LEFT JOIN paid ON paid.payment_id = p.id AND paid.amount = p.total
        LEFT JOIN attempt a ON a.id = paid.attempt_id AND CASE p.state
          WHEN 'reversed' THEN a.state = 'reversed' OR EXISTS (SELECT FROM dispute d WHERE d.payment_id = p.id AND d.state = 'lost')
          ELSE a.state IN ('succeeded', 'conflicted') END
        GROUP BY p.id HAVING count(a.id) <> CASE WHEN p.total > 0 AND p.state IN ('paid', 'reversed') THEN 1 ELSE 0 END
          OR (p.total = 0 AND p.state <> 'paid')
        """,
    ),
    Law(
        "what a line of a paid payment owes is what was not taken of it, share by share as the ledger says",
        "SELECT count(*) FROM payment_line",
        """
        WITH taken AS (
          SELECT payment_line_id, sum(amount) AS amount FROM (
            SELECT l.payment_line_id, l.amount FROM refund_line l JOIN refund r ON r.id = l.refund_id
            WHERE r.state IN ('submitted', 'unknown', 'succeeded')
            UNION ALL SELECT payment_line_id, charged_back FROM dispute_line
          ) each GROUP BY payment_line_id
        ), standing AS (
          SELECT l.id, p.state, l.retention_bp,
                 CASE p.state WHEN 'paid' THEN l.amount - coalesce(taken.amount, 0) ELSE 0 END::bigint AS remaining
          FROM payment_line l JOIN payment p ON p.id = l.payment_id LEFT JOIN taken ON taken.payment_line_id = l.id
        )
        SELECT s.id, s.state, s.remaining FROM standing s LEFT JOIN posting o ON o.payment_line_id = s.id AND o.account = 'owed'
        GROUP BY s.id, s.state, s.remaining, s.retention_bp
        HAVING coalesce(-sum(o.amount) FILTER (WHERE o.share = 'retained'), 0)
                 <> s.remaining / 10000 * s.retention_bp + s.remaining % 10000 * s.retention_bp / 10000
            OR coalesce(-sum(o.amount), 0) <> s.remaining
        """,
    ),
    Law(
        "every confirmed amount is receivable once, less what was reversed, given back or charged back",
        "SELECT count(*) FROM attempt",
        """
        WITH booked AS (
          SELECT j.attempt_id, sum(r.amount) AS amount FROM posting r JOIN journal j ON j.id = r.journal_id
          WHERE r.account = 'receivable' AND j.attempt_id IS NOT NULL GROUP BY 1
        ), gone AS (
          SELECT attempt_id, sum(amount) AS amount FROM (
            SELECT attempt_id, amount FROM refund WHERE state = 'succeeded'
            UNION ALL SELECT attempt_id, amount FROM dispute WHERE state = 'lost'
          ) each GROUP BY 1
        )
        SELECT a.id, a.state, a.confirmed, booked.amount, gone.amount FROM attempt a LEFT JOIN booked ON booked.attempt_id = a.id
        LEFT JOIN gone ON gone.attempt_id = a.id
        WHERE coalesce(booked.amount, 0)
          <> CASE WHEN a.state IN ('succeeded', 'conflicted') THEN a.confirmed ELSE 0 END - coalesce(gone.amount, 0)
        """,
    ),
    Law(
        "every confirmed amount is applied or held, never both and never neither",
        "SELECT count(*) FROM attempt a WHERE state IN ('succeeded', 'conflicted', 'reversed')",
        "SELECT a.id, a.applied, u.id FROM attempt a LEFT JOIN unapplied_receipt u ON u.attempt_id = a.id "
        "WHERE a.applied::int + (u.id IS NOT NULL)::int <> (a.state IN ('succeeded', 'conflicted', 'reversed'))::int",
    ),
    Law(
        "what remains of unapplied receipts is what the ledger holds unapplied",
        "SELECT count(*) FROM unapplied_receipt",
        "SELECT u.id, u.remaining, sum(p.amount) FROM unapplied_receipt u LEFT JOIN journal j ON j.attempt_id = u.attempt_id "
        "LEFT JOIN posting p ON p.journal_id = j.id AND p.account = 'unapplied' GROUP BY u.id "
        "HAVING u.remaining <> coalesce(-sum(p.amount), 0)",
    ),
    Law(
        "every held amount has a discrepancy",
        "SELECT count(*) FROM unapplied_receipt",
        "SELECT u.id, u.reason FROM unapplied_receipt u WHERE NOT EXISTS "
        "(SELECT FROM discrepancy d WHERE d.payment_id = u.payment_id AND d.kind = u.reason)",
    ),
    Law(
        "a payment's events are numbered without gap up to its own number",
        "SELECT count(*) FROM event",
        "SELECT p.id, p.event_seq, count(e.id) FROM payment p LEFT JOIN event e ON e.payment_id = p.id "
        "GROUP BY p.id HAVING count(e.id) <> p.event_seq OR max(e.seq) <> p.event_seq OR min(e.seq) <> 1",
    ),
    Law(
        "folding a payment's events gives its row",
        "SELECT count(*) FROM payment",
        """
        SELECT p.id, p.state, said.state, p.closing_reason, said.closing_reason FROM payment p JOIN LATERAL (
          SELECT (array_agg(e.data ->> 'state' ORDER BY e.seq DESC) FILTER (WHERE e.data ? 'state'))[1] AS state,
                 (array_agg(e.data ->> 'reason' ORDER BY e.seq DESC)
                    FILTER (WHERE e.type = 'payment.closing'))[1] AS closing_reason,
                 min(e.occurred_at) FILTER (WHERE e.type = 'payment.closing') AS closing_at,
                 min(e.occurred_at) FILTER (WHERE e.type = 'payment.paid') AS paid_at,
                 min(e.occurred_at) FILTER (WHERE e.type = 'payment.created') AS created_at,
                 max(e.data ->> 'reference') FILTER (WHERE e.type = 'payment.created') AS reference,
                 max((e.data ->> 'total')::bigint) FILTER (WHERE e.type = 'payment.created') AS total
          FROM event e WHERE e.payment_id = p.id
        ) said ON true
        WHERE (p.state, p.closing_reason, p.closing_at, p.paid_at, p.created_at, p.reference::text, p.total) IS DISTINCT FROM
              (said.state, said.closing_reason, said.closing_at, said.paid_at, said.created_at, said.reference, said.total)
        """,
    ),
    Law(
        "folding a payment's events gives its attempts",
        "SELECT count(*) FROM attempt",
        """
        SELECT a.id, a.state, said.state FROM attempt a LEFT JOIN LATERAL (
          SELECT e.data ->> 'attempt_state' AS state FROM event e
          WHERE e.payment_id = a.payment_id AND e.data ->> 'attempt' = a.id::text ORDER BY e.seq DESC LIMIT 1
        ) said ON true
        WHERE a.state IS DISTINCT FROM said.state
        """,
    ),
    Law(
        "whoever still claims a dossier's fee is open or paid",
        "SELECT count(*) FROM payment_line WHERE dossier_claim IS NOT NULL",
        "SELECT l.id, p.state FROM payment_line l JOIN payment p ON p.id = l.payment_id "
        "WHERE l.dossier_claim IS NOT NULL AND p.state NOT IN ('open', 'paid')",
    ),
]
