"""What must hold of settlements, runs, proofs and totals, recomputed from rows."""

from payhub.registry import Law

LAWS = [
    Law(
        "settlement lines and proofs name rows that are there",
        "SELECT (SELECT count(*) FROM settlement_line) + (SELECT count(*) FROM proof)",
        "SELECT l.id, l.settlement_id FROM settlement_line l LEFT JOIN settlement s ON s.id = l.settlement_id WHERE s.id IS NULL "
        "UNION ALL SELECT p.id, p.run_id FROM proof p "
        "LEFT JOIN run r ON r.id = p.run_id LEFT JOIN attempt a ON a.id = p.attempt_id "
        "LEFT JOIN payment_line y ON y.id = p.payment_line_id LEFT JOIN settlement_line l ON l.id = p.settlement_line_id "
        "WHERE r.id IS NULL OR a.id IS NULL OR y.id IS NULL OR l.id IS NULL OR r.state <> 'done'",
    ),
    Law(
        "a settlement's count and sum are those of its lines",
        "SELECT count(*) FROM settlement",
        "SELECT s.id, s.line_count, count(l.id), s.line_sum FROM settlement s "
        "LEFT JOIN settlement_line l ON l.settlement_id = s.id GROUP BY s.id HAVING s.line_count <> count(l.id) OR s.line_sum <> "
        "coalesce(sum(l.amount) FILTER (WHERE l.line_type = 'payment'), 0) "
        "- coalesce(sum(l.amount) FILTER (WHERE l.line_type IN ('refund', 'reversal')), 0)",
    ),
    Law(
        "what a settlement declares is what it has, unless a discrepancy says so",
        "SELECT count(*) FROM settlement",
        "SELECT s.id, s.declared_count, s.declared_sum FROM settlement s JOIN gateway_account a ON a.id = s.gateway_account_id "
        "WHERE (s.declared_count, s.declared_sum) IS DISTINCT FROM (s.line_count, s.line_sum) AND NOT EXISTS "
        "(SELECT FROM discrepancy d WHERE d.kind = 'count_or_sum_differs' AND d.key = a.code || '/settlement/' || s.period_on)",
    ),
    Law(
        "each row of a settlement is a line or was set aside",
        "SELECT count(*) FROM settlement",
        "SELECT s.id, s.reject_count FROM settlement s WHERE s.reject_count <> "
        "(SELECT count(*) FROM settlement_reject r WHERE r.settlement_id = s.id) "
        "OR s.declared_count <> s.line_count + s.reject_count",
    ),
    Law(
        "a finished run has every line of its settlement in one class, and the classes add up",
        "SELECT count(*) FROM run WHERE state = 'done'",
        "SELECT r.id, sum((c.value ->> 'lines')::bigint) FROM run r JOIN settlement s ON s.id = r.settlement_id "
        "LEFT JOIN LATERAL jsonb_each(r.counts) c ON true WHERE r.state = 'done' GROUP BY r.id, s.line_count, s.line_sum "
        "HAVING coalesce(sum((c.value ->> 'lines')::bigint), 0) <> s.line_count "
        "OR coalesce(sum((c.value ->> 'listed')::bigint), 0) <> s.line_sum",
    ),
    Law(
        "a proof is a line's whole amount, of the attempt whose money paid it and that its settlement line names",
        "SELECT count(*) FROM proof",
        "SELECT p.id, p.amount FROM proof p JOIN payment_line l ON l.id = p.payment_line_id JOIN attempt a ON a.id = p.attempt_id "
        "JOIN settlement_line s ON s.id = p.settlement_line_id JOIN settlement f ON f.id = s.settlement_id "
        "WHERE p.amount <> l.amount OR NOT (a.applied AND l.payment_id = a.payment_id OR EXISTS "
        "(SELECT FROM allocation x WHERE x.payment_id = l.payment_id AND x.attempt_id = a.id)) OR s.amount <> a.confirmed "
        "OR s.currency <> a.currency OR coalesce(s.reference <> a.reference, s.transaction <> a.gateway_transaction) "
        "OR f.gateway_account_id <> a.gateway_account_id OR p.proved_on <> f.period_on",
    ),
    Law(
        "a payment is proven for all its lines or none",
        "SELECT count(DISTINCT attempt_id) FROM proof",
        "SELECT p.attempt_id, l.payment_id, count(*) FROM proof p JOIN payment_line l ON l.id = p.payment_line_id "
        "WHERE p.kind = 'reported' GROUP BY 1, 2 "
        "HAVING count(*) <> (SELECT count(*) FROM payment_line each WHERE each.payment_id = l.payment_id)",
    ),
    Law(
        "totals per agency, kind and budget line are the same from the ledger and from the paid lines",
        "SELECT count(*) FROM (SELECT DISTINCT agency_id, kind, budget_line FROM payment_line) groups",
        """
        WITH ledger AS (
          SELECT p.agency_id, p.kind, p.budget_line, p.currency, -sum(p.amount) AS amount
          FROM posting p JOIN journal j ON j.id = p.journal_id
          WHERE p.account = 'owed' AND j.fact IN
            ('applied', 'allocated', 'applied_reversed', 'charged_back', 'refund_submitted', 'refund_failed')
          GROUP BY 1, 2, 3, 4
        ), taken AS (
          SELECT payment_line_id, sum(amount) AS amount FROM (
            SELECT l.payment_line_id, l.amount FROM refund_line l JOIN refund r ON r.id = l.refund_id
            WHERE r.state IN ('submitted', 'unknown', 'succeeded')
            UNION ALL SELECT payment_line_id, charged_back FROM dispute_line
          ) each GROUP BY 1
        ), paid AS (
          SELECT l.agency_id, l.kind, l.budget_line, p.currency, sum(l.amount - coalesce(taken.amount, 0)) AS recount
          FROM payment p JOIN payment_line l ON l.payment_id = p.id LEFT JOIN taken ON taken.payment_line_id = l.id
          WHERE p.state = 'paid' GROUP BY 1, 2, 3, 4
        )
        SELECT * FROM ledger FULL JOIN paid USING (agency_id, kind, budget_line, currency)
        WHERE coalesce(amount, 0) <> coalesce(recount, 0)
        """,
    ),
    Law(
        "totals of all days add up to what the ledger owes each agency, payouts aside",
        "SELECT count(*) FROM posting WHERE account = 'owed'",
        """
        SELECT p.agency_id, p.kind, p.budget_line, p.currency, j.fact, sum(p.amount) FROM posting p
        JOIN journal j ON j.id = p.journal_id LEFT JOIN agency a ON a.id = p.agency_id
        WHERE p.account = 'owed' AND j.fact NOT IN ('paid_directly', 'payout_sent', 'payout_failed', 'written_off')
          AND (a.id IS NULL OR p.kind IS NULL OR p.budget_line IS NULL OR j.fact NOT IN
            ('applied', 'allocated', 'applied_reversed', 'charged_back', 'refund_submitted', 'refund_failed'))
        GROUP BY 1, 2, 3, 4, 5
        """,
    ),
]
