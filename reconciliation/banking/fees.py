"""Fees that a gateway withheld of matched payments, held against the tariff in its account's terms."""

from __future__ import annotations

from sqlalchemy.orm import Session

from payhub.registers import Registers
from reconciliation.matching import Scope, statement

# The share is rounded half up, and no product leaves 64 bits. The tariff is that of the day on which the gateway took the money.
_FIND = statement(
    """
    INSERT INTO finding (kind, key, "on", amount, currency, gateway_account_id, payment_id, evidence)
    SELECT 'fee_differs', :account_code || '/payment/' || verdict.reference, wrong.day, abs(wrong.fee - wrong.expected),
           wrong.currency, CAST(:account_id AS uuid), verdict.payment_id,
           jsonb_build_object('reference', verdict.reference, 'amount', wrong.amount, 'fee', wrong.fee, 'tariff', wrong.expected,
                              'terms', wrong.valid_from)
    FROM (
      SELECT line.number, line.fee, line.amount, line.currency, tariff.valid_from,
             greatest(:first_on, least(:last_on, line.happened_on)) AS day,
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
    ) AS wrong
    JOIN verdict ON verdict.number = wrong.number AND verdict.class IN ('matched', 'late')
    WHERE wrong.fee <> wrong.expected
    """
)


def find(session: Session, registers: Registers, scope: Scope) -> None:
    """Add to the findings of a run the lines whose fee is not the tariff's, where there is one."""
    if any(terms.fee_bp is not None or terms.fee_fixed is not None for terms in registers.terms.get(scope.account_id, ())):
        session.execute(_FIND, scope.binds())
