"""What must hold of settlements, runs and proofs, recomputed from rows."""

from payhub.registry import Law
from reconciliation.files.lines import KEPT_REJECTS

# Lines of which the first run of their settlement spoke at once.
_SAID = """
    settlement s JOIN settlement_line n ON n.part = s.part AND n.settlement_id = s.id AND n.line_type = 'payment'
      AND n.reference IS NOT NULL AND s.first_run_id IS NOT NULL
      AND NOT EXISTS (SELECT FROM line_apart x WHERE x.settlement_id = s.id AND x.number = n.number)
      AND NOT EXISTS (SELECT FROM settlement_correction c WHERE c.settlement_id = s.id AND c.number = n.number)
    LEFT JOIN attempt a ON a.gateway_account_id = s.gateway_account_id AND a.reference = n.reference
"""
_ADDED = """
    coalesce(n.payout, '') AS payout, l.agency_id, l.kind, l.budget_line,
    (SELECT min(j.business_on) FROM journal j
     WHERE j.payment_id = l.payment_id AND j.attempt_id = a.id AND j.fact IN ('applied', 'allocated')) AS business_on,
    a.cohort_on, a.currency, l.amount, l.retained
"""
# The last word of each settlement about each line.
_WORD = """
    SELECT DISTINCT ON (p.payment_line_id, r.settlement_id) p.*, r.settlement_id FROM proof p JOIN run r ON r.id = p.run_id
    ORDER BY p.payment_line_id, r.settlement_id, p.run_id DESC
"""
LAWS = [
    Law(
        "settlement lines and proofs name rows that are there",
        "SELECT (SELECT count(*) FROM settlement_line) + (SELECT count(*) FROM proof_apart) + (SELECT count(*) FROM line_apart)",
        "SELECT l.settlement_id, l.number FROM settlement_line l LEFT JOIN settlement s ON s.id = l.settlement_id "
        "WHERE s.id IS NULL OR s.part <> l.part UNION ALL SELECT x.settlement_id, x.number FROM line_apart x "
        "JOIN settlement s ON s.id = x.settlement_id LEFT JOIN settlement_line l ON l.part = s.part AND l.settlement_id = s.id "
        "AND l.number = x.number WHERE l.line_type IS DISTINCT FROM 'payment' OR l.reference IS NULL OR s.first_run_id IS NULL "
        "UNION ALL SELECT p.payment_line_id, p.number FROM proof_apart p "
        "LEFT JOIN run r ON r.id = p.run_id LEFT JOIN settlement s ON s.id = r.settlement_id "
        "LEFT JOIN attempt a ON a.id = p.attempt_id LEFT JOIN payment_line y ON y.id = p.payment_line_id "
        "LEFT JOIN settlement_line l ON l.part = s.part AND l.settlement_id = s.id AND l.number = p.number "
        "WHERE a.id IS NULL OR y.id IS NULL OR l.number IS NULL OR r.state IS DISTINCT FROM 'done'",
    ),
    Law(
        "no two settlements that count cover the same day of an account",
        "SELECT count(*) FROM settlement WHERE superseded_by_id IS NULL",
        "SELECT s.id, o.id FROM settlement s JOIN settlement o ON o.gateway_account_id = s.gateway_account_id AND o.kind = s.kind "
        "AND o.id > s.id AND o.period_on <= s.until_on AND o.until_on >= s.period_on "
        "WHERE s.superseded_by_id IS NULL AND o.superseded_by_id IS NULL",
    ),
    Law(
        "a settlement's count and sum are those of its lines",
        "SELECT count(*) FROM settlement",
        "SELECT s.id, s.line_count, count(l.number), s.line_sum FROM settlement s "
        "LEFT JOIN settlement_line l ON l.settlement_id = s.id GROUP BY s.id "
        "HAVING s.line_count <> count(l.number) OR s.line_sum <> coalesce(sum(l.amount) FILTER (WHERE l.line_type = 'payment'), 0) "
        "- coalesce(sum(l.amount) FILTER (WHERE l.line_type IN ('refund', 'reversal')), 0)",
    ),
    Law(
        "what a settlement declares is what it has, unless a discrepancy says so",
        "SELECT count(*) FROM settlement",
        "SELECT s.id, s.declared_count, s.declared_sum FROM settlement s JOIN gateway_account a ON a.id = s.gateway_account_id "
        "WHERE (s.declared_count <> s.line_count + s.ignored_count OR s.declared_sum <> s.line_sum) AND NOT EXISTS "
        "(SELECT FROM discrepancy d WHERE d.kind = 'count_or_sum_differs' AND d.key = a.code || '/settlement/' || s.period_on)",
    ),
    Law(
        "each row of a settlement is a line or was set aside",
        "SELECT count(*) FROM settlement",
        f"""
        SELECT s.id, s.reject_count FROM settlement s
        CROSS JOIN LATERAL (SELECT count(*) AS count FROM settlement_correction c WHERE c.settlement_id = s.id) AS corrected
        WHERE least(s.reject_count + corrected.count, {KEPT_REJECTS}) <>
            (SELECT count(*) FROM settlement_reject r WHERE r.settlement_id = s.id)
          OR s.declared_count <> s.line_count + s.reject_count + s.ignored_count
        """,  # noqa: S608 - a number of ours
    ),
    Law(
        "a finished run has every line of its settlement in one class, and the classes add up",
        "SELECT count(*) FROM run WHERE state = 'done'",
        # A row that was corrected later was no line yet.
        """
        SELECT r.id, told.lines, told.listed FROM run r JOIN settlement s ON s.id = r.settlement_id CROSS JOIN LATERAL (
          SELECT coalesce(sum((value ->> 'lines')::bigint), 0) AS lines, coalesce(sum((value ->> 'listed')::bigint), 0) AS listed
          FROM jsonb_each(r.counts)
        ) AS told CROSS JOIN LATERAL (
          SELECT count(*) AS lines, coalesce(sum(CASE l.line_type WHEN 'payment' THEN l.amount WHEN 'refund' THEN -l.amount
                                                 WHEN 'reversal' THEN -l.amount ELSE 0 END), 0) AS listed
          FROM settlement_correction c
          JOIN settlement_line l ON l.part = s.part AND l.settlement_id = c.settlement_id AND l.number = c.number
          WHERE c.settlement_id = s.id AND c.ordinal > r.corrections
        ) AS later
        WHERE r.state = 'done'
          AND (told.lines, told.listed) IS DISTINCT FROM (s.line_count - later.lines, s.line_sum - later.listed)
        """,
    ),
    Law(
        "a row that was corrected had been set aside, and is the line on which two people agreed",
        "SELECT count(*) FROM settlement_correction",
        """
        SELECT c.settlement_id, c.number, p.state FROM settlement_correction c JOIN settlement s ON s.id = c.settlement_id
        LEFT JOIN settlement_line l ON l.part = s.part AND l.settlement_id = s.id AND l.number = c.number
        LEFT JOIN proposal p ON p.id = c.proposal_id
        LEFT JOIN LATERAL (
          SELECT r FROM jsonb_array_elements(p.content -> 'rows') AS r WHERE (r ->> 'row')::bigint = c.number) AS agreed ON true
        WHERE (p.kind = 'settlement_correction' AND p.state = 'executed' AND p.decided_by <> p.proposed_by
          AND p.target = 'settlement/' || s.id AND l.line_type = r ->> 'type' AND l.amount = (r ->> 'amount')::bigint
          AND l.fee = (r ->> 'fee')::bigint AND l.currency = r ->> 'currency' AND l.happened_at = (r ->> 'happened_at')::timestamptz
          AND (l.reference, l.transaction) IS NOT DISTINCT FROM (r ->> 'reference', r ->> 'transaction')
          AND EXISTS (SELECT FROM settlement_reject j WHERE j.settlement_id = s.id AND j.number = c.number)) IS NOT TRUE
        """,
    ),
    Law(
        "what the first run of a settlement said of its lines at once is true of each: it agrees with its payment in everything",
        "SELECT coalesce(sum(line_count), 0) FROM settlement WHERE first_run_id IS NOT NULL",
        f"""
        SELECT s.id, n.number, a.id AS attempt_id FROM {_SAID} LEFT JOIN run r ON r.id = s.first_run_id
        WHERE (a.applied AND a.confirmed = n.amount AND a.currency = n.currency AND abs(n.happened_on - a.gateway_on) <= 1
          AND a.gateway_on BETWEEN s.period_on AND s.until_on AND r.state = 'done' AND r.settlement_id = s.id) IS NOT TRUE
        """,  # noqa: S608 - our own piece
    ),
    Law(
        "a proof said of one line is its whole amount, of the attempt whose money paid it and that its settlement line names",
        "SELECT count(*) FROM proof_apart",
        "SELECT p.payment_line_id, p.amount FROM proof_apart p JOIN payment_line l ON l.id = p.payment_line_id "
        "JOIN attempt a ON a.id = p.attempt_id JOIN run r ON r.id = p.run_id JOIN settlement f ON f.id = r.settlement_id "
        "JOIN settlement_line s ON s.part = f.part AND s.settlement_id = f.id AND s.number = p.number "
        "WHERE p.amount <> l.amount OR NOT (a.applied AND l.payment_id = a.payment_id OR EXISTS "
        "(SELECT FROM allocation x WHERE x.payment_id = l.payment_id AND x.attempt_id = a.id)) "
        "OR p.holds AND (s.amount <> a.confirmed OR s.currency <> a.currency) "
        "OR coalesce(s.reference <> a.reference, s.transaction <> a.gateway_transaction) "
        "OR f.gateway_account_id <> a.gateway_account_id OR p.proved_on NOT BETWEEN f.period_on AND f.until_on",
    ),
    Law(
        "a settlement proves a payment for all its lines or none",
        "SELECT count(DISTINCT (run_id, attempt_id)) FROM proof",
        f"""
        WITH word AS ({_WORD})
        SELECT word.settlement_id, line.payment_id, count(*) FILTER (WHERE word.holds) AS held
        FROM word JOIN payment_line AS line ON line.id = word.payment_line_id GROUP BY 1, 2
        HAVING count(*) FILTER (WHERE word.holds)
          NOT IN (0, (SELECT count(*) FROM payment_line AS each WHERE each.payment_id = line.payment_id))
        """,  # noqa: S608 - our own piece
    ),
    Law(
        "no two settlements that count prove the same line, once all runs are over",
        "SELECT count(*) FROM proof",
        f"""
        WITH word AS ({_WORD})
        SELECT word.payment_line_id, count(*) FROM word JOIN settlement ON settlement.id = word.settlement_id
        WHERE word.holds AND settlement.superseded_by_id IS NULL
          AND NOT EXISTS (SELECT FROM run WHERE run.settlement_id = settlement.id AND run.state IN ('waiting', 'running'))
        GROUP BY 1 HAVING count(*) > 1
        """,  # noqa: S608 - our own piece
    ),
    Law(
        "what each run proved is what its proofs add up to, on the days on which it was collected and those on which it came",
        "SELECT count(*) FROM run_total",
        f"""
        WITH said AS (
          SELECT s.first_run_id AS run_id, 1 AS sign, {_ADDED} FROM {_SAID} JOIN payment_line l ON l.payment_id = a.payment_id
          UNION ALL
          SELECT p.run_id, CASE WHEN p.holds THEN 1 ELSE -1 END, {_ADDED}
          FROM proof_apart p JOIN payment_line l ON l.id = p.payment_line_id JOIN attempt a ON a.id = p.attempt_id
          JOIN run r ON r.id = p.run_id JOIN settlement s ON s.id = r.settlement_id
          JOIN settlement_line n ON n.part = s.part AND n.settlement_id = s.id AND n.number = p.number
        ), proven AS (
          SELECT run_id, payout, agency_id, kind, budget_line, business_on, cohort_on, currency,
                 sum(sign * amount) AS amount, sum(sign * retained) AS retained
          FROM said GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 HAVING sum(sign * amount) <> 0 OR sum(sign * retained) <> 0
        )
        SELECT run_id, payout, agency_id, kind, budget_line, business_on, cohort_on FROM proven
        FULL JOIN (SELECT * FROM run_total WHERE amount <> 0 OR retained <> 0) t
          USING (run_id, payout, agency_id, kind, budget_line, business_on, cohort_on, currency)
        WHERE (proven.amount, proven.retained) IS DISTINCT FROM (t.amount, t.retained)
        """,  # noqa: S608 - our own pieces
    ),
]
