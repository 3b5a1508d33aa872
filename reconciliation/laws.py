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
        "a proof is a line's whole amount, of the applied attempt that its settlement line names",
        "SELECT count(*) FROM proof",
        "SELECT p.id, p.amount FROM proof p JOIN payment_line l ON l.id = p.payment_line_id JOIN attempt a ON a.id = p.attempt_id "
        "JOIN settlement_line s ON s.id = p.settlement_line_id JOIN settlement f ON f.id = s.settlement_id "
        "WHERE p.amount <> l.amount OR l.payment_id <> a.payment_id OR NOT a.applied OR s.amount <> a.confirmed "
        "OR s.currency <> a.currency OR coalesce(s.reference <> a.reference, s.transaction <> a.gateway_transaction) "
        "OR f.gateway_account_id <> a.gateway_account_id OR p.proved_on <> f.period_on",
    ),
    Law(
        "a payment is proven for all its lines or none",
        "SELECT count(DISTINCT attempt_id) FROM proof",
        "SELECT a.id, count(p.id) FROM attempt a JOIN proof p ON p.attempt_id = a.id AND p.kind = 'reported' "
        "GROUP BY a.id HAVING count(p.id) <> (SELECT count(*) FROM payment_line l WHERE l.payment_id = a.payment_id)",
    ),
    Law(
        "totals per agency, kind and budget line are the same from the ledger and from the paid lines",
        "SELECT count(*) FROM (SELECT DISTINCT agency_id, kind, budget_line FROM payment_line) groups",
        "SELECT * FROM (SELECT p.agency_id, p.kind, p.budget_line, p.currency, -sum(p.amount) AS amount FROM posting p "
        "JOIN journal j ON j.id = p.journal_id WHERE p.account = 'owed' AND j.fact IN ('applied', 'applied_reversed') "
        "GROUP BY 1, 2, 3, 4) ledger FULL JOIN (SELECT l.agency_id, l.kind, l.budget_line, a.currency, sum(l.amount) AS recount "
        "FROM attempt a JOIN payment_line l ON l.payment_id = a.payment_id WHERE a.applied AND a.state = 'succeeded' "
        "GROUP BY 1, 2, 3, 4) rows USING (agency_id, kind, budget_line, currency) "
        "WHERE coalesce(amount, 0) <> coalesce(recount, 0)",
    ),
]
