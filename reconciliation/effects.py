"""What follows from a match beside proofs: discrepancies, an end to those that are over, and the other days it touches."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from payhub.discrepancies import service as discrepancies
from payhub.registers import Registers
from reconciliation import matching
from reconciliation.banking import fees
from reconciliation.matching import Scope, statement
from reconciliation.models import Settlement

# A repeated line is a thing of its own, told apart by its file's day. Some kinds are also kinds of the payments' and refunds' own
# discrepancies about the same reference: what a settlement says of it stands beside those, never in their place.
_FINDINGS = statement(
    """
    CREATE TEMPORARY TABLE finding ON COMMIT DROP AS
    SELECT verdict.class AS kind,
      :account_code || '/' || verdict.line_type || '/' || verdict.reference
        || CASE WHEN ordinal > 1 THEN '/' || cast(stands.day AS text) || '/' || ordinal
                WHEN class IN ('late', 'reversed', 'refund_unknown', 'refund_amount_differs') THEN '/reported' ELSE '' END AS key,
      stands.day AS "on",
      CASE WHEN class IN ('amount_differs', 'refund_amount_differs') THEN abs(our_amount - their_amount)
           ELSE coalesce(our_amount, their_amount) END AS amount,
      coalesce(our_currency, their_currency) AS currency,
      CAST(:account_id AS uuid) AS gateway_account_id,
      coalesce(attempt.payment_id, refund.payment_id) AS payment_id,
      jsonb_build_object(
        'reference', verdict.reference,
        'hub', CASE WHEN attempt.id IS NOT NULL THEN jsonb_build_object(
            'attempt', attempt.id, 'state', attempt.state, 'amount', attempt.amount, 'confirmed', attempt.confirmed,
            'currency', attempt.currency, 'on', attempt.gateway_on)
          WHEN sent.id IS NOT NULL THEN jsonb_build_object(
            'refund', refund.id, 'attempt', sent.attempt_id, 'state', sent.state, 'amount', refund.amount,
            'currency', refund.currency, 'on', (sent.asked_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date) END,
        'gateway', CASE WHEN verdict.number IS NOT NULL THEN jsonb_build_object(
          'type', verdict.line_type, 'amount', their_amount, 'currency', their_currency, 'on', happened_on,
          'transaction', (SELECT line.transaction FROM settlement_line AS line
                          WHERE line.part = :part AND line.settlement_id = :settlement_id AND line.number = verdict.number)) END
      ) AS evidence
    FROM verdict
    CROSS JOIN LATERAL (
      SELECT greatest(:first_on, least(:last_on, coalesce(happened_on, verdict.gateway_on))) AS day) AS stands
    LEFT JOIN attempt ON attempt.gateway_account_id = :account_id AND attempt.reference = verdict.reference
    LEFT JOIN refund_try AS sent
      ON sent.gateway_account_id = :account_id AND sent.reference = verdict.reference AND verdict.line_type = 'refund'
    LEFT JOIN refund ON refund.id = sent.refund_id
    WHERE verdict.disputed
    """
)
# What this run decides anew: all that was said about its days, and about every reference it has settled, wherever that was said.
_OVER = statement(
    """
    WITH owned AS MATERIALIZED (
      SELECT id, kind, key, "on", evidence ->> 'reference' AS reference, split_part(key, '/', 2) AS line_type
      FROM discrepancy
      WHERE gateway_account_id = :account_id AND state <> 'resolved'
        AND (key LIKE '%/reported' OR kind IN
             ('missing_at_hub', 'missing_at_gateway', 'amount_differs', 'currency_differs', 'duplicate_at_gateway',
              'refund_missing_at_gateway', 'fee_differs'))
    ), own AS (
      SELECT * FROM owned
      WHERE key IN (
        :account_code || '/' || line_type || '/' || reference,
        :account_code || '/' || line_type || '/' || reference || '/reported')
    ), settled AS (
      SELECT own.id FROM own JOIN verdict USING (line_type, reference)
      WHERE verdict.ordinal = 1 AND verdict.class NOT IN ('in_other_file', 'awaited')
      UNION ALL
      -- What was taken at once.
      SELECT own.id FROM own JOIN settlement_line AS line USING (line_type, reference)
      WHERE line.part = :part AND line.settlement_id = :settlement_id AND line_type = 'payment'
        AND line.number NOT IN (SELECT number FROM uncertain WHERE number IS NOT NULL)
    )
    SELECT id FROM owned
    WHERE ("on" BETWEEN :first_on AND :last_on OR id IN (SELECT id FROM settled))
      AND NOT EXISTS (SELECT FROM finding WHERE finding.kind = owned.kind AND finding.key = owned.key)
    """
)
_ELSEWHERE = statement("SELECT DISTINCT gateway_on FROM verdict WHERE gateway_on NOT BETWEEN :first_on AND :last_on ORDER BY 1")
# Other files whose outcome this settlement may have changed, being new: near ones, those of the days its payments and refunds
# belong to, those that list payments of its days, and later ones that list the same references. Refunds may be listed by their
# orders', so there every file of the day counts.
_TOUCHED = statement(
    """
    SELECT other.id FROM settlement AS other
    WHERE other.gateway_account_id = :account_id AND other.superseded_by_id IS NULL AND other.id <> :settlement_id AND (
      other.period_on <= :last_on + :neighbours AND other.until_on >= :first_on - :neighbours
      OR EXISTS (
        SELECT FROM unnest(CAST(:elsewhere AS date[])) AS day WHERE day BETWEEN other.period_on AND other.until_on)
      OR EXISTS (
        SELECT FROM run CROSS JOIN LATERAL unnest(run.elsewhere) AS day
        WHERE run.settlement_id = other.id AND run.state = 'done' AND day BETWEEN :first_on AND :last_on)
      OR other.id IN (
        SELECT line.settlement_id FROM settlement_line AS line
        JOIN verdict ON verdict.reference = line.reference AND verdict.line_type = line.line_type AND verdict.number IS NOT NULL
        WHERE line.part = ANY (:later_parts) AND line.settlement_id = ANY (:later))
      OR other.id IN (
        SELECT again.settlement_id FROM settlement AS file
        JOIN settlement_line AS line ON line.part = file.part AND line.settlement_id = file.id AND line.line_type = 'refund'
        JOIN settlement_line AS again ON again.line_type = 'refund'
          AND (again.reference = line.reference OR again.transaction = line.transaction)
        WHERE file.gateway_account_id = :account_id AND file.until_on >= :first_on AND file.period_on <= :last_on))
    ORDER BY other.period_on
    """
)


def tell(session: Session, registers: Registers, scope: Scope, run_id: uuid.UUID, now: datetime) -> None:
    """Open what is disputed, resolve what no longer is, and say by which run of which file."""
    session.execute(_FINDINGS, scope.binds())
    fees.find(session, registers, scope)
    discrepancies.open_found(session, "finding", now, f"run {run_id}")
    over, by = session.scalars(_OVER, scope.binds()).all(), {"run": str(run_id), "settlement": str(scope.settlement_id)}
    discrepancies.resolve(session, over, act="closed by run", actor=f"run {run_id}", now=now, data=by)


def elsewhere(session: Session, scope: Scope) -> list[date]:
    """Return the days other than its own to which payments and refunds belong that the settlement lists."""
    return list(session.scalars(_ELSEWHERE, scope.binds()))


def touched(session: Session, scope: Scope, days: Sequence[date]) -> Sequence[Settlement]:
    """Return the settlements of other days whose outcome this one, being new, may have changed; `days` are those `elsewhere`."""
    wanted = list(session.scalars(_TOUCHED, {**scope.binds(), **matching.others(session, scope), "elsewhere": list(days)}))
    return session.scalars(select(Settlement).where(Settlement.id.in_(wanted)).order_by(Settlement.period_on)).all()
