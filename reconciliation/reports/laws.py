"""What must hold of reports, recomputed from payments, refunds, disputes, proofs and payouts."""

from payhub.ledger.figures import BY_NAME, OWED
from payhub.ledger.rollups import BOOKED
from payhub.registry import Law
from reconciliation.banking.laws import SETTLED
from reconciliation.reports.proven import proven

_ALWAYS = proven("cohort").replace(":first_on", "'-infinity'").replace(":last_on", "'infinity'")

LAWS = [
    Law(
        "of every cohort, account, agency, kind and budget line is owed what was not taken of the lines that its money paid",
        "SELECT count(*) FROM payment_line",
        f"""
        WITH ledger AS (
          SELECT cohort_on, gateway_account_id, agency_id, kind, budget_line, currency, {OWED.sum()} AS owed
          FROM ({BOOKED}) AS booked WHERE {OWED.condition} GROUP BY 1, 2, 3, 4, 5, 6
        ), taken AS (
          SELECT payment_line_id, sum(amount) AS amount FROM (
            SELECT l.payment_line_id, l.amount FROM refund_line l JOIN refund r ON r.id = l.refund_id
            WHERE r.state IN ('submitted', 'unknown', 'succeeded')
            UNION ALL SELECT payment_line_id, charged_back FROM dispute_line
          ) each GROUP BY 1
        ), brought AS (
          SELECT payment_id, id AS attempt_id FROM attempt WHERE applied UNION ALL SELECT payment_id, attempt_id FROM allocation
        ), paid AS (
          SELECT a.cohort_on, a.gateway_account_id, l.agency_id, l.kind, l.budget_line, p.currency,
                 sum(l.amount - coalesce(taken.amount, 0)) AS recount
          FROM payment p JOIN brought ON brought.payment_id = p.id JOIN attempt a ON a.id = brought.attempt_id
          JOIN payment_line l ON l.payment_id = p.id LEFT JOIN taken ON taken.payment_line_id = l.id
          WHERE p.state = 'paid' GROUP BY 1, 2, 3, 4, 5, 6
        )
        SELECT * FROM ledger FULL JOIN paid USING (cohort_on, gateway_account_id, agency_id, kind, budget_line, currency)
        WHERE coalesce(owed, 0) <> coalesce(recount, 0)
        """,  # noqa: S608 - our own pieces
    ),
    Law(
        "what is banked of all cohorts is what is banked on all days, once all runs are over",
        "SELECT count(*) FROM payout_state WHERE state = 'banked'",
        f"""
        WITH of_cohorts AS (
          SELECT gateway_account_id, agency_id, kind, budget_line, currency, sum(banked) AS proven FROM ({_ALWAYS}) AS each
          GROUP BY 1, 2, 3, 4, 5
        ), of_days AS (
          SELECT gateway_account_id, agency_id, kind, budget_line, currency, {BY_NAME["banked"].sum()} AS booked
          FROM ({BOOKED}) AS booked WHERE {BY_NAME["banked"].condition} GROUP BY 1, 2, 3, 4, 5
        )
        SELECT * FROM of_cohorts FULL JOIN of_days USING (gateway_account_id, agency_id, kind, budget_line, currency)
        WHERE coalesce(proven, 0) <> coalesce(booked, 0) AND gateway_account_id IN ({SETTLED})
        """,  # noqa: S608 - our own pieces
    ),
    Law(
        "what the last run of a settlement found given back is what the refunds it found add up to",
        "SELECT count(*) FROM refund_match",
        """
        WITH latest AS (
          SELECT r.id, s.id AS settlement_id, s.part FROM settlement s CROSS JOIN LATERAL (
            SELECT id, state FROM run WHERE settlement_id = s.id ORDER BY id DESC LIMIT 1) AS r
          WHERE s.superseded_by_id IS NULL AND r.state = 'done'
        ), found AS (
          SELECT latest.id AS run_id, coalesce(n.payout, '') AS payout, l.agency_id, l.kind, l.budget_line, a.cohort_on, f.currency,
                 sum(p.amount) AS amount
          FROM latest JOIN refund_match m ON m.run_id = latest.id
          JOIN settlement_line n ON n.part = latest.part AND n.settlement_id = latest.settlement_id AND n.number = m.number
          JOIN refund f ON f.id = m.refund_id JOIN attempt a ON a.id = f.attempt_id
          JOIN refund_line p ON p.refund_id = f.id JOIN payment_line l ON l.id = p.payment_line_id
          GROUP BY 1, 2, 3, 4, 5, 6, 7
        ), said AS (
          SELECT * FROM run_refund WHERE run_id IN (SELECT id FROM latest)
        )
        SELECT * FROM found FULL JOIN said USING (run_id, payout, agency_id, kind, budget_line, cohort_on, currency)
        WHERE found.amount IS DISTINCT FROM said.amount
        """,
    ),
]
