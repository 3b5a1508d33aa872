"""What must hold of disputes, recomputed from rows."""

from payhub.registry import Law

LAWS = (
    Law(
        "folding a payment's events gives its disputes",
        "SELECT count(*) FROM dispute",
        """
        SELECT d.id, d.state, said.state, said.amount FROM dispute d LEFT JOIN LATERAL (
          SELECT e.data ->> 'dispute_state' AS state, (e.data ->> 'amount')::bigint AS amount FROM event e
          WHERE e.payment_id = d.payment_id AND e.data ->> 'dispute' = d.id::text ORDER BY e.seq DESC LIMIT 1
        ) said ON true
        WHERE (d.state, d.amount) IS DISTINCT FROM (said.state, said.amount)
        """,
    ),
    Law(
        "a dispute is of lines of its payment that sum to it",
        "SELECT count(*) FROM dispute",
        "SELECT d.id, d.amount, sum(l.amount) FROM dispute d LEFT JOIN dispute_line l ON l.dispute_id = d.id "
        "LEFT JOIN payment_line p ON p.id = l.payment_line_id "
        "GROUP BY d.id HAVING d.amount <> coalesce(sum(l.amount), 0) OR bool_or(p.payment_id <> d.payment_id)",
    ),
    Law(
        "no more of a line is disputed than was paid, won disputes aside",
        "SELECT count(*) FROM dispute_line",
        "SELECT line.id, line.amount, sum(l.amount) FROM payment_line line JOIN dispute_line l ON l.payment_line_id = line.id "
        "JOIN dispute d ON d.id = l.dispute_id AND d.state <> 'won' GROUP BY line.id HAVING sum(l.amount) > line.amount",
    ),
    Law(
        "only a dispute that was lost took anything, and it left nothing on a line before it counted as gone twice",
        "SELECT count(*) FROM dispute_line",
        """
        WITH refunded AS (
          SELECT l.payment_line_id, sum(l.amount) AS amount FROM refund_line l JOIN refund r ON r.id = l.refund_id
          WHERE r.state IN ('submitted', 'unknown', 'succeeded') GROUP BY 1
        ), lost AS (
          SELECT l.payment_line_id, a.state, sum(l.charged_back) AS held, sum(l.amount) AS amount
          FROM dispute_line l JOIN dispute d ON d.id = l.dispute_id JOIN attempt a ON a.id = d.attempt_id
          WHERE d.state = 'lost' GROUP BY 1, 2
        )
        SELECT line.id, line.amount, lost.amount, lost.held, refunded.amount
        FROM lost JOIN payment_line line ON line.id = lost.payment_line_id
        LEFT JOIN refunded ON refunded.payment_line_id = line.id
        WHERE lost.state <> 'reversed' AND lost.held < lost.amount AND lost.held + coalesce(refunded.amount, 0) <> line.amount
        UNION ALL SELECT l.payment_line_id, l.amount, l.charged_back, NULL, NULL
        FROM dispute_line l JOIN dispute d ON d.id = l.dispute_id WHERE d.state <> 'lost' AND l.charged_back <> 0
        """,
    ),
    Law(
        "what of a lost dispute left twice stands before a person",
        "SELECT count(*) FROM dispute WHERE state = 'lost'",
        """
        SELECT d.id, a.state, d.amount, sum(l.amount - l.charged_back) FROM dispute d JOIN attempt a ON a.id = d.attempt_id
        JOIN dispute_line l ON l.dispute_id = d.id JOIN gateway_account g ON g.id = d.gateway_account_id
        WHERE d.state = 'lost' GROUP BY d.id, a.state, g.code
        HAVING (a.state = 'reversed' OR sum(l.amount - l.charged_back) > 0) AND NOT EXISTS (
          SELECT FROM discrepancy WHERE kind = 'refund_and_reversal' AND key = g.code || '/dispute/' || d.id)
        """,
    ),
    Law(
        "no dispute was lost that two people had not agreed on, for this very amount",
        "SELECT count(*) FROM dispute WHERE state = 'lost'",
        "SELECT d.id, d.state, p.state FROM dispute d LEFT JOIN proposal p ON p.id = d.proposal_id "
        "WHERE d.state = 'lost' AND (p.state = 'executed' AND p.kind = 'dispute_lost' AND p.target = 'dispute/' || d.id "
        "AND p.decided_by <> p.proposed_by AND (p.content ->> 'amount')::bigint = d.amount) IS NOT TRUE",
    ),
    Law(
        "a payment of which banks took back everything is reversed",
        "SELECT count(DISTINCT payment_id) FROM dispute WHERE state = 'lost'",
        "SELECT p.id, p.state, p.total, sum(d.amount) FROM payment p JOIN dispute d ON d.payment_id = p.id AND d.state = 'lost' "
        "GROUP BY p.id HAVING sum(d.amount) = p.total AND p.state <> 'reversed'",
    ),
)
