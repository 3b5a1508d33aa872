"""Fees that a gateway withheld of matched payments, held against the tariff in its account's terms."""

from __future__ import annotations

from sqlalchemy.orm import Session

from payhub.registers import Registers
from reconciliation.matching import Scope, statement

# The share is rounded half up, and no product leaves 64 bits. The tariff is that of the day on which the gateway took the money.
# Each line is held against it, and only of those that differ is it asked whether the payment is agreed on.
_FIND = statement(
    """
    WITH wrong AS MATERIALIZED (
      SELECT * FROM (
        SELECT line.number, line.reference, line.amount, line.fee, line.currency, line.happened_on, tariff.valid_from,
               least(greatest(CASE WHEN fee_bp IS NULL THEN fee_fixed
                 ELSE line.amount / 10000 * fee_bp + (line.amount % 10000 * fee_bp + 5000) / 10000 + coalesce(fee_fixed, 0)
               END, fee_minimum), fee_maximum) AS expected
        FROM settlement_line AS line
        JOIN (
          SELECT valid_from, fee_bp, fee_fixed, fee_minimum, fee_maximum,
                 lead(valid_from, 1, 'infinity') OVER (ORDER BY valid_from) AS ends_on
          FROM gateway_terms WHERE gateway_account_id = :account_id
        ) AS tariff ON line.happened_on >= tariff.valid_from AND line.happened_on < tariff.ends_on
        WHERE line.part = :part AND line.settlement_id = :settlement_id AND line.line_type = 'payment'
          AND (fee_bp IS NOT NULL OR fee_fixed IS NOT NULL)
      ) AS priced
      WHERE fee <> expected
    ), agreed AS (
      SELECT number, attempt.reference, attempt.payment_id
      FROM wrong CROSS JOIN LATERAL (
        SELECT * FROM attempt WHERE gateway_account_id = :account_id AND attempt.reference = wrong.reference OFFSET 0) AS attempt
      WHERE number NOT IN (SELECT number FROM uncertain WHERE number IS NOT NULL)
      UNION ALL
      SELECT number, reference, payment_id FROM verdict WHERE class IN ('matched', 'late')
    )
    INSERT INTO finding (kind, key, "on", amount, currency, gateway_account_id, payment_id, evidence)
    SELECT 'fee_differs', :account_code || '/payment/' || agreed.reference, greatest(:first_on, least(:last_on, happened_on)),
           abs(fee - expected), currency, CAST(:account_id AS uuid), payment_id,
           jsonb_build_object('reference', agreed.reference, 'amount', amount, 'fee', fee, 'tariff', expected, 'terms', valid_from)
    FROM wrong JOIN agreed USING (number)
    """
)


def find(session: Session, registers: Registers, scope: Scope) -> None:
    """Add to the findings of a run the lines whose fee is not the tariff's, where there is one."""
    if any(terms.fee_bp is not None or terms.fee_fixed is not None for terms in registers.terms.get(scope.account_id, ())):
        session.execute(_FIND, scope.binds())
