"""What a run over a settlement leads to at the bank: its refunds per agency, its fees, its payouts."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy.orm import Session

from payhub.hub import Hub
from reconciliation.banking import entries, payouts, settling
from reconciliation.banking.accounts import till_of
from reconciliation.matching import Scope, statement

# Refunds that hub and gateway agree on are the agencies' whose fees they give back.
_REFUNDS = statement(
    """
    WITH agreed AS (
      SELECT verdict.number, coalesce(verdict.payout, '') AS payout, verdict.their_currency AS currency, sent.refund_id,
             attempt.cohort_on
      FROM verdict JOIN refund_try AS sent ON sent.id = verdict.our_id JOIN attempt ON attempt.id = sent.attempt_id
      WHERE verdict.line_type = 'refund' AND verdict.class IN ('matched', 'late')
    ), kept AS (
      INSERT INTO refund_match (run_id, number, refund_id) SELECT :run_id, number, refund_id FROM agreed
    )
    INSERT INTO run_refund (run_id, payout, agency_id, kind, budget_line, cohort_on, currency, amount)
    SELECT :run_id, agreed.payout, line.agency_id, line.kind, line.budget_line, agreed.cohort_on, agreed.currency, sum(part.amount)
    FROM agreed JOIN refund_line AS part USING (refund_id) JOIN payment_line AS line ON line.id = part.payment_line_id
    GROUP BY 2, 3, 4, 5, 6, 7 HAVING sum(part.amount) <> 0
    """
)


def follow(hub: Hub, session: Session, scope: Scope, run_id: uuid.UUID, now: datetime, *, first: bool) -> None:
    """Hold the payouts of a settlement against the bank's entries, after everything else the run does."""
    till = till_of(hub.registers, hub.registers.gateway_accounts_by_id[scope.account_id])
    if till is None:
        return
    session.execute(_REFUNDS, {"run_id": run_id})
    keys, first_due, last_due = payouts.spoken_of(session, scope.account_id, scope.first_on, scope.last_on)
    if not keys:
        return
    till.lock(session)
    if first:
        entries.look_again(hub, session, till, first_due, last_due)
    settling.settle(hub, session, till, first_due, last_due, now=now, actor=f"run {run_id}", keys=keys)
