"""What must hold of refunds, and of every dong that a gateway answered for, recomputed from rows."""

from payhub.registry import Law

# Nothing from outside is ever part of these texts.
# ruff: noqa: S608
_TAKEN = "('submitted', 'unknown', 'succeeded')"
_WAITING = "('requested', 'approved')"

LAWS = (
    Law(
        "every dong a gateway answered for is owed, unapplied, due back, given back, reversed or charged back, and once",
        "SELECT count(*) FROM attempt WHERE confirmed IS NOT NULL",
        """
        WITH booked AS (
          SELECT j.attempt_id, -sum(p.amount) FILTER (WHERE p.account = 'owed') AS owed,
                 -sum(p.amount) FILTER (WHERE p.account = 'unapplied') AS unapplied,
                 -sum(p.amount) FILTER (WHERE p.account = 'refunds_due') AS due,
                 -sum(p.amount) FILTER (WHERE p.account = 'differences') AS twice
          FROM journal j JOIN posting p ON p.journal_id = j.id WHERE j.attempt_id IS NOT NULL GROUP BY j.attempt_id
        ), given AS (
          SELECT attempt_id, sum(amount) AS amount FROM refund WHERE state = 'succeeded' GROUP BY attempt_id
        ), lost AS (SELECT attempt_id, sum(amount) AS amount FROM dispute WHERE state = 'lost' GROUP BY attempt_id)
        SELECT a.id, a.state, a.confirmed, owed, unapplied, due, twice, given.amount, lost.amount
        FROM attempt a LEFT JOIN booked ON booked.attempt_id = a.id LEFT JOIN given ON given.attempt_id = a.id
        LEFT JOIN lost ON lost.attempt_id = a.id
        WHERE a.confirmed IS NOT NULL AND a.confirmed <> coalesce(owed, 0) + coalesce(unapplied, 0) + coalesce(due, 0)
          + coalesce(twice, 0) + coalesce(given.amount, 0) + coalesce(lost.amount, 0)
          + CASE a.state WHEN 'reversed' THEN a.confirmed ELSE 0 END
        """,
    ),
    Law(
        "what left twice is what refunds and disputes took of reversed or charged back money",
        "SELECT count(*) FROM attempt WHERE confirmed IS NOT NULL",
        f"""
        WITH taken AS (
          SELECT attempt_id, sum(amount) AS amount FROM refund WHERE state IN {_TAKEN} GROUP BY attempt_id
        ), lost AS (
          SELECT d.attempt_id, sum(l.charged_back) AS held, sum(l.amount - l.charged_back) AS gone
          FROM dispute d JOIN dispute_line l ON l.dispute_id = d.id WHERE d.state = 'lost' GROUP BY d.attempt_id
        ), twice AS (
          SELECT j.attempt_id, sum(p.amount) AS amount FROM posting p JOIN journal j ON j.id = p.journal_id
          WHERE p.account = 'differences' AND j.attempt_id IS NOT NULL GROUP BY j.attempt_id
        )
        SELECT a.id, a.state, twice.amount, taken.amount, lost.held, lost.gone
        FROM attempt a LEFT JOIN twice ON twice.attempt_id = a.id LEFT JOIN taken ON taken.attempt_id = a.id
        LEFT JOIN lost ON lost.attempt_id = a.id
        WHERE coalesce(twice.amount, 0) <> coalesce(lost.gone, 0)
          + CASE a.state WHEN 'reversed' THEN coalesce(taken.amount, 0) + coalesce(lost.held, 0) ELSE 0 END
        """,
    ),
    Law(
        "a refund's money is due back from the moment it is submitted until the gateway has spoken",
        "SELECT count(*) FROM refund",
        "SELECT r.id, r.state, r.amount, sum(p.amount) FROM refund r LEFT JOIN journal j ON j.refund_id = r.id "
        "LEFT JOIN posting p ON p.journal_id = j.id AND p.account = 'refunds_due' GROUP BY r.id "
        "HAVING coalesce(-sum(p.amount), 0) <> CASE WHEN r.state IN ('submitted', 'unknown') THEN r.amount ELSE 0 END",
    ),
    Law(
        "a refund is of lines that sum to it, or of one receipt",
        "SELECT count(*) FROM refund",
        "SELECT r.id, r.amount, sum(l.amount) FROM refund r LEFT JOIN refund_line l ON l.refund_id = r.id GROUP BY r.id "
        "HAVING CASE WHEN r.receipt_id IS NULL THEN r.amount <> coalesce(sum(l.amount), 0) ELSE sum(l.amount) IS NOT NULL END",
    ),
    Law(
        "of no line more is given back, asked back, disputed or charged back than was paid",
        "SELECT count(*) FROM payment_line",
        f"""
        WITH refunded AS (
          SELECT l.payment_line_id, sum(l.amount) FILTER (WHERE r.state IN {_TAKEN}) AS taken,
                 sum(l.amount) FILTER (WHERE r.state IN {_WAITING}) AS waiting
          FROM refund_line l JOIN refund r ON r.id = l.refund_id GROUP BY 1
        ), disputed AS (
          SELECT l.payment_line_id, sum(l.charged_back) AS taken FROM dispute_line l GROUP BY 1
        )
        SELECT line.id, line.amount, refunded.taken, refunded.waiting, disputed.taken FROM payment_line line
        LEFT JOIN refunded ON refunded.payment_line_id = line.id LEFT JOIN disputed ON disputed.payment_line_id = line.id
        WHERE coalesce(refunded.taken, 0) + coalesce(refunded.waiting, 0) + coalesce(disputed.taken, 0) > line.amount
        """,
    ),
    Law(
        "what remains of a receipt is what was neither refunded, nor allocated, nor reversed",
        "SELECT count(*) FROM unapplied_receipt",
        f"""
        SELECT u.id, u.amount, u.remaining, refunded.taken, refunded.waiting, allocated.amount FROM unapplied_receipt u
        LEFT JOIN attempt a ON a.id = u.attempt_id
        LEFT JOIN LATERAL (SELECT sum(amount) FILTER (WHERE state IN {_TAKEN}) AS taken,
          sum(amount) FILTER (WHERE state IN {_WAITING}) AS waiting FROM refund WHERE receipt_id = u.id) refunded ON true
        LEFT JOIN LATERAL (SELECT sum(amount) AS amount FROM allocation WHERE receipt_id = u.id) allocated ON true
        WHERE u.remaining <> CASE a.state WHEN 'reversed' THEN 0
            ELSE u.amount - coalesce(refunded.taken, 0) - coalesce(allocated.amount, 0) END
          OR coalesce(refunded.waiting, 0) > u.remaining
        """,
    ),
    Law(
        "no refund was sent that two people had not agreed on, one of whom had asked for this very amount",
        "SELECT count(*) FROM refund WHERE submitted_at IS NOT NULL",
        "SELECT r.id, r.state, p.state FROM refund r LEFT JOIN proposal p ON p.id = r.proposal_id "
        "WHERE (r.submitted_at IS NOT NULL OR r.state = 'approved') AND (p.state = 'executed' AND p.kind = 'refund' "
        "AND p.target = 'refund/' || r.id AND p.proposed_by = r.requested_by AND p.decided_by <> r.requested_by "
        "AND (p.content ->> 'amount')::bigint = r.amount) IS NOT TRUE",
    ),
    Law(
        "a refund is what its last try came to",
        "SELECT count(*) FROM refund",
        """
        SELECT r.id, r.state, last.state FROM refund r
        LEFT JOIN LATERAL (SELECT t.state FROM refund_try t WHERE t.refund_id = r.id ORDER BY t.number DESC LIMIT 1) last ON true
        WHERE NOT CASE r.state
          WHEN 'succeeded' THEN coalesce(last.state = 'accepted', false)
          WHEN 'failed' THEN coalesce(last.state IN ('refused', 'not_reached'), false)
          WHEN 'submitted' THEN coalesce(last.state IN ('created', 'processing', 'not_reached'), false)
          WHEN 'unknown' THEN coalesce(last.state IN ('created', 'processing', 'unknown'), false)
          ELSE last.state IS NULL END
        """,
    ),
    Law(
        "folding a payment's events gives its refunds",
        "SELECT count(*) FROM refund",
        """
        SELECT r.id, r.state, said.state FROM refund r LEFT JOIN LATERAL (
          SELECT e.data ->> 'refund_state' AS state FROM event e
          WHERE e.payment_id = r.payment_id AND e.data ->> 'refund' = r.id::text ORDER BY e.seq DESC LIMIT 1
        ) said ON true
        WHERE r.state IS DISTINCT FROM said.state
        """,
    ),
)
