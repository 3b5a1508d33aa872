"""What must hold of payouts, statements and the books between them, recomputed from rows."""

from payhub.registry import Law
from reconciliation.banking.accounts import AUTHORITY

# Gateway accounts whose payouts are ours and whose settlements have all been run: what follows from them is written.
SETTLED = """
    SELECT a.id FROM gateway_account a WHERE a.settlement = 'pooled' AND NOT EXISTS (
      SELECT FROM settlement s WHERE s.gateway_account_id = a.id AND s.superseded_by_id IS NULL
        AND (SELECT r.state FROM run r WHERE r.settlement_id = s.id ORDER BY r.id DESC LIMIT 1) IS DISTINCT FROM 'done')
"""
_WHOLE = """
    SELECT p.gateway_account_id, p.reference, p.currency, sum(p.net) AS net, sum(p.fees) AS fees, sum(p.adjustments) AS adjustments
    FROM gateway_payout p JOIN settlement s ON s.id = p.settlement_id
    WHERE s.superseded_by_id IS NULL AND p.gateway_account_id IN (SELECT id FROM settled) GROUP BY 1, 2, 3
"""
LAWS = [
    Law(
        "what a gateway pays over is what the lines of each settlement add up to",
        "SELECT count(*) FROM gateway_payout",
        """
        WITH added AS (
          SELECT l.settlement_id, l.payout, l.currency, count(*) AS lines,
                 coalesce(sum(l.amount) FILTER (WHERE l.line_type = 'payment'), 0) AS gross,
                 coalesce(sum(l.amount) FILTER (WHERE l.line_type = 'refund'), 0) AS refunds,
                 coalesce(sum(l.amount) FILTER (WHERE l.line_type = 'reversal'), 0) AS reversals,
                 sum(l.fee) + coalesce(sum(l.amount) FILTER (WHERE l.line_type = 'fee'), 0) AS fees,
                 coalesce(sum(l.amount) FILTER (WHERE l.line_type = 'adjustment'), 0) AS adjustments
          FROM settlement_line l GROUP BY 1, 2, 3
        )
        SELECT coalesce(p.settlement_id, a.settlement_id), a.payout, p.reference FROM added a FULL JOIN gateway_payout p
          ON p.settlement_id = a.settlement_id AND p.currency = a.currency
          AND CASE WHEN p.named THEN p.reference ELSE '' END = coalesce(a.payout, '')
        WHERE (p.lines, p.gross, p.refunds, p.reversals, p.fees, p.adjustments)
          IS DISTINCT FROM (a.lines, a.gross, a.refunds, a.reversals, a.fees, a.adjustments)
        """,
    ),
    Law(
        "the books of each payout are what its lines and its entry say, once all runs are over",
        "SELECT count(*) FROM (SELECT DISTINCT gateway_account_id, reference, currency FROM gateway_payout) payouts",
        f"""
        WITH settled AS ({SETTLED}), whole AS ({_WHOLE}), banked AS (
          SELECT whole.* FROM whole JOIN payout_state USING (gateway_account_id, reference, currency) WHERE state = 'banked'
        ), part AS (
          SELECT p.settlement_id, p.gateway_account_id, p.reference, p.currency,
                 CASE WHEN p.named THEN p.reference ELSE '' END AS payout
          FROM banked JOIN gateway_payout p USING (gateway_account_id, reference, currency)
          JOIN settlement s ON s.id = p.settlement_id
          WHERE s.superseded_by_id IS NULL
        ), agency AS (
          SELECT gateway_account_id, reference, currency, agency_id, kind, budget_line, sum(amount) AS amount FROM (
            SELECT p.*, t.agency_id, t.kind, t.budget_line, t.amount FROM part p JOIN run r ON r.settlement_id = p.settlement_id
            JOIN run_total t ON t.run_id = r.id AND t.payout = p.payout AND t.currency = p.currency
            UNION ALL
            SELECT p.*, f.agency_id, f.kind, f.budget_line, -f.amount FROM part p CROSS JOIN LATERAL (
              SELECT id FROM run WHERE settlement_id = p.settlement_id AND state = 'done' ORDER BY id DESC LIMIT 1) AS latest
            JOIN run_refund f ON f.run_id = latest.id AND f.payout = p.payout AND f.currency = p.currency
          ) AS each GROUP BY 1, 2, 3, 4, 5, 6
        ), due AS (
          SELECT gateway_account_id, reference, currency, 'gateway_fees' AS account, NULL::uuid AS agency_id, NULL AS kind,
                 NULL AS budget_line, fees AS amount FROM whole
          UNION ALL SELECT gateway_account_id, reference, currency, 'differences', NULL, NULL, NULL, -adjustments FROM whole
          UNION ALL SELECT gateway_account_id, reference, currency, 'receivable', NULL, NULL, NULL, adjustments - fees FROM whole
          UNION ALL SELECT gateway_account_id, reference, currency, 'bank', NULL, NULL, NULL, net FROM banked
          UNION ALL SELECT gateway_account_id, reference, currency, 'receivable', NULL, NULL, NULL, -net FROM banked
          UNION ALL SELECT gateway_account_id, reference, currency, 'receivable', NULL, NULL, NULL, amount FROM agency
          UNION ALL SELECT gateway_account_id, reference, currency, 'receivable', agency_id, kind, budget_line, -amount FROM agency
          UNION ALL
          SELECT j.gateway_account_id, j.payout_reference, p.currency, p.account, p.agency_id, p.kind, p.budget_line, -p.amount
          FROM journal j JOIN posting p ON p.journal_id = j.id JOIN gateway_account a ON a.id = j.gateway_account_id
          WHERE j.payout_reference IS NOT NULL AND (a.settlement <> 'pooled' OR a.id IN (SELECT id FROM settled))
        )
        SELECT gateway_account_id, reference, currency, account, agency_id, kind, budget_line, sum(amount) FROM due
        GROUP BY 1, 2, 3, 4, 5, 6, 7 HAVING sum(amount) <> 0
        """,  # noqa: S608 - our own pieces
    ),
    Law(
        "every payout stands somewhere, and one that is banked has the entry of its net or is of nothing, once all runs are over",
        "SELECT count(*) FROM payout_state",
        f"""
        WITH settled AS ({SETTLED}), whole AS ({_WHOLE})
        SELECT p.id, w.reference, p.state, w.net, e.amount, e.state FROM whole w
        FULL JOIN (SELECT * FROM payout_state WHERE gateway_account_id IN (SELECT id FROM settled)) p
          ON (p.gateway_account_id, p.reference, p.currency) = (w.gateway_account_id, w.reference, w.currency)
        LEFT JOIN bank_entry e ON e.id = p.bank_entry_id
        LEFT JOIN gateway_account a ON a.id = p.gateway_account_id
        WHERE (w.net IS NULL) IS DISTINCT FROM (p.state = 'withdrawn')
          OR p.state = 'banked' AND NOT CASE WHEN p.agreement_id IS NOT NULL THEN true WHEN e.id IS NULL THEN w.net = 0 ELSE
            e.amount = w.net AND e.currency = p.currency AND e.state = 'banked' AND e.bank_account_id = a.bank_account_id
            AND e.booked_on = p.banked_on END
        """,  # noqa: S608 - our own pieces
    ),
    Law(
        "a statement's opening balance and lines are its closing balance",
        "SELECT count(*) FROM statement",
        "SELECT s.id, s.opening, s.closing FROM statement s LEFT JOIN statement_line l ON l.statement_id = s.id GROUP BY s.id "
        "HAVING s.line_count <> count(l.id) OR s.line_sum <> coalesce(sum(l.amount), 0) "
        "OR s.kind = 'statement' AND s.opening + coalesce(sum(l.amount), 0) IS DISTINCT FROM s.closing",
    ),
    Law(
        "no two statements that count cover the same day of an account, and each that does not gave its place to another",
        "SELECT count(*) FROM statement WHERE kind = 'statement'",
        "SELECT s.id, o.id FROM statement s JOIN statement o ON o.bank_account_id = s.bank_account_id AND o.id > s.id "
        "AND o.from_on <= s.to_on AND o.to_on >= s.from_on WHERE 'statement' = ALL (ARRAY[s.kind, o.kind]) "
        "AND s.superseded_by_id IS NULL AND o.superseded_by_id IS NULL "
        "UNION ALL SELECT s.id, o.id FROM statement s JOIN statement o ON o.id = s.superseded_by_id "
        "WHERE s.kind <> 'statement' OR o.bank_account_id <> s.bank_account_id OR o.from_on > s.from_on OR o.to_on < s.to_on",
    ),
    Law(
        "a line of a statement tells of a movement on its account, of its day and amount",
        "SELECT count(*) FROM statement_line",
        "SELECT l.id, e.id FROM statement_line l JOIN statement s ON s.id = l.statement_id "
        "JOIN bank_entry e ON e.id = l.bank_entry_id WHERE (e.bank_account_id, e.booked_on, e.amount, e.currency) "
        "<> (s.bank_account_id, l.booked_on, l.amount, l.currency) "
        "OR l.booked_on NOT BETWEEN s.from_on AND s.to_on",
    ),
    Law(
        "a movement counts while the account's authority tells of it, and is banked while it is a payout",
        "SELECT count(*) FROM bank_entry",
        f"""
        SELECT entry.id, entry.state, told.state FROM bank_entry AS entry CROSS JOIN LATERAL (
          SELECT CASE
            WHEN bool_or(s.kind = {AUTHORITY}) THEN
              CASE WHEN EXISTS (
                SELECT FROM payout_state p WHERE p.bank_entry_id = entry.id OR p.agreement_id IN (
                  SELECT agreement_id FROM payout_agreement_entry a WHERE a.bank_entry_id = entry.id)) THEN 'banked' ELSE 'open' END
            WHEN bool_or(s.id IS NOT NULL) THEN 'unproven' ELSE 'withdrawn' END AS state
          FROM statement_line l JOIN statement s ON s.id = l.statement_id AND s.superseded_by_id IS NULL
          WHERE l.bank_entry_id = entry.id
        ) AS told WHERE entry.state <> told.state
        """,  # noqa: S608 - our own piece
    ),
    Law(
        "entries that people agreed on are the payouts they said, all of them and in sum, and two people had agreed",
        "SELECT count(*) FROM payout_agreement",
        f"""
        WITH settled AS ({SETTLED}), whole AS ({_WHOLE})
        SELECT a.id, entries.amount, payouts.net FROM payout_agreement a
        JOIN proposal p ON p.id = a.proposal_id LEFT JOIN proposal ended ON ended.id = a.ended_by_id
        CROSS JOIN LATERAL (
          SELECT sum(e.amount) AS amount, bool_and(e.state = 'banked' AND e.bank_account_id = a.bank_account_id) AS banked
          FROM payout_agreement_entry x JOIN bank_entry e ON e.id = x.bank_entry_id WHERE x.agreement_id = a.id) AS entries
        CROSS JOIN LATERAL (
          SELECT sum(w.net) AS net, count(*) = count(s.id) AS banked, count(s.id) > 0 AS used
          FROM payout_agreement_payout x LEFT JOIN whole w USING (gateway_account_id, reference, currency)
          LEFT JOIN (SELECT * FROM payout_state WHERE gateway_account_id IN (SELECT id FROM settled)) s
            USING (gateway_account_id, reference, currency, agreement_id)
          WHERE x.agreement_id = a.id) AS payouts
        WHERE payouts.used AND (entries.amount, entries.banked, payouts.banked, a.ended_by_id IS NULL)
              IS DISTINCT FROM (payouts.net, true, true, true)
          OR NOT (p.kind = 'payout_agreement' AND p.state = 'executed' AND p.decided_by <> p.proposed_by)
          OR ended.id IS NOT NULL AND NOT (ended.kind = 'payout_agreement_end' AND ended.state = 'executed'
                                           AND ended.decided_by <> ended.proposed_by)
        """,  # noqa: S608 - our own pieces
    ),
    Law(
        "no entry and no payout is in two agreements that stand",
        "SELECT count(*) FROM payout_agreement WHERE ended_by_id IS NULL",
        """
        SELECT x.bank_entry_id::text, count(*) FROM payout_agreement_entry x JOIN payout_agreement a ON a.id = x.agreement_id
        WHERE a.ended_by_id IS NULL GROUP BY 1 HAVING count(*) > 1
        UNION ALL
        SELECT x.reference, count(*) FROM payout_agreement_payout x JOIN payout_agreement a ON a.id = x.agreement_id
        WHERE a.ended_by_id IS NULL GROUP BY x.gateway_account_id, x.reference, x.currency HAVING count(*) > 1
        """,
    ),
]
