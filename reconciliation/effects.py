"""What follows from a match: proofs, discrepancies, an end to those that are over, and the other days it touches."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import RowMapping, bindparam, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from payhub.discrepancies import service as discrepancies
from payhub.discrepancies.service import Finding
from reconciliation.matching import Scope, statement
from reconciliation.models import Settlement

_BATCH = 2_000
# Money pays the payment of its own attempt, or those it was allocated to.
_PROVE = statement(
    """
    INSERT INTO proof (kind, payment_line_id, attempt_id, amount, proved_on, settlement_line_id, run_id, recorded_at)
    SELECT 'reported', line.id, paid.our_id, line.amount, :period_on, paid.line_id, :run_id, :now
    FROM (
      SELECT our_id, line_id, payment_id FROM verdict WHERE class IN ('matched', 'late') AND applied
      UNION ALL
      SELECT verdict.our_id, verdict.line_id, allocation.payment_id
      FROM verdict JOIN allocation ON allocation.attempt_id = verdict.our_id
      WHERE verdict.class IN ('matched', 'late', 'conflicted') AND NOT verdict.applied
    ) AS paid JOIN payment_line AS line ON line.payment_id = paid.payment_id
    ORDER BY line.id
    ON CONFLICT (payment_line_id, kind) DO NOTHING
    """
)
# A repeated line is a thing of its own, told apart by its file's day. Some kinds are also kinds of the payments' and refunds' own
# discrepancies about the same reference: what a settlement says of it stands beside those, never in their place.
_FINDINGS = statement(
    """
    SELECT verdict.class AS kind,
      :account_code || '/' || verdict.line_type || '/' || verdict.reference
        || CASE WHEN ordinal > 1 THEN '/' || cast(:period_on AS text) || '/' || ordinal
                WHEN class IN ('late', 'reversed', 'refund_unknown', 'refund_amount_differs') THEN '/reported' ELSE '' END AS key,
      CASE WHEN class IN ('amount_differs', 'refund_amount_differs') THEN abs(our_amount - their_amount)
           ELSE coalesce(our_amount, their_amount) END AS amount,
      coalesce(our_currency, their_currency) AS currency,
      coalesce(attempt.payment_id, refund.payment_id) AS payment_id,
      jsonb_build_object(
        'reference', verdict.reference,
        'hub', CASE WHEN attempt.id IS NOT NULL THEN jsonb_build_object(
            'attempt', attempt.id, 'state', attempt.state, 'amount', attempt.amount, 'confirmed', attempt.confirmed,
            'currency', attempt.currency, 'on', attempt.gateway_on)
          WHEN sent.id IS NOT NULL THEN jsonb_build_object(
            'refund', refund.id, 'attempt', sent.attempt_id, 'state', sent.state, 'amount', refund.amount,
            'currency', refund.currency, 'on', (sent.asked_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date) END,
        'gateway', CASE WHEN line_id IS NOT NULL THEN jsonb_build_object(
          'type', verdict.line_type, 'amount', their_amount, 'currency', their_currency, 'on', happened_on,
          'transaction', (SELECT line.transaction FROM settlement_line AS line WHERE line.id = verdict.line_id)) END
      ) AS evidence
    FROM verdict
    LEFT JOIN attempt ON attempt.gateway_account_id = :account_id AND attempt.reference = verdict.reference
    LEFT JOIN refund_try AS sent
      ON sent.gateway_account_id = :account_id AND sent.reference = verdict.reference AND verdict.line_type = 'refund'
    LEFT JOIN refund ON refund.id = sent.refund_id
    WHERE verdict.disputed
    """
)
# What this run decides anew: all that was said about its day, and about every reference it has settled, wherever that was said.
_OVER = statement(
    """
    WITH owned AS (
      SELECT id, kind, key, "on", CASE WHEN key LIKE '%/reported' THEN left(key, -9) ELSE key END AS thing
      FROM discrepancy
      WHERE gateway_account_id = :account_id AND state <> 'resolved'
        AND (key LIKE '%/reported' OR kind IN
             ('missing_at_hub', 'missing_at_gateway', 'amount_differs', 'currency_differs', 'duplicate_at_gateway',
              'refund_missing_at_gateway'))
    ), settled AS (
      SELECT :account_code || '/' || line_type || '/' || reference AS thing FROM verdict
      WHERE ordinal = 1 AND class NOT IN ('in_other_file', 'awaited')
    ), found AS (SELECT * FROM jsonb_to_recordset(:found) AS f(kind text, key text))
    SELECT id FROM owned
    WHERE ("on" = :period_on OR thing IN (SELECT thing FROM settled))
      AND NOT EXISTS (SELECT FROM found WHERE found.kind = owned.kind AND found.key = owned.key)
    """,
    bindparam("found", type_=JSONB),
)
# Other days whose outcome this settlement may have changed, being new: near ones, those its payments and refunds belong to, and
# those whose settlements list the same references. Refunds may be listed by their orders', so there every file of the day counts.
_TOUCHED = statement(
    """
    SELECT other.id FROM settlement AS other
    WHERE other.gateway_account_id = :account_id AND other.superseded_by_id IS NULL AND other.id <> :settlement_id AND (
      other.period_on BETWEEN :period_on - :neighbours AND :period_on + :neighbours
      OR other.period_on IN (SELECT gateway_on FROM verdict WHERE gateway_on <> :period_on)
      OR other.id IN (
        SELECT line.settlement_id FROM settlement AS near
        JOIN settlement_line AS line ON line.settlement_id = near.id
        JOIN verdict ON verdict.reference = line.reference AND verdict.line_type = line.line_type AND verdict.line_id IS NOT NULL
        WHERE near.gateway_account_id = :account_id AND near.superseded_by_id IS NULL
          AND near.period_on BETWEEN :period_on + 1 AND :period_on + 31)
      OR other.id IN (
        SELECT again.settlement_id FROM settlement AS file
        JOIN settlement_line AS line ON line.settlement_id = file.id AND line.line_type = 'refund'
        JOIN settlement_line AS again ON again.line_type = 'refund'
          AND (again.reference = line.reference OR again.transaction = line.transaction)
        WHERE file.gateway_account_id = :account_id AND file.period_on = :period_on))
    ORDER BY other.period_on
    """
)


def prove(session: Session, scope: Scope, run_id: uuid.UUID, now: datetime) -> None:
    """Write that the settlement shows the money of each line whose payment it agrees on; what is proven stays as it is."""
    session.execute(_PROVE, {**scope.binds(), "run_id": run_id, "now": now})


def tell(session: Session, scope: Scope, actor: str, now: datetime) -> None:
    """Open what is disputed, resolve what no longer is."""
    found: list[dict[str, str]] = []
    rows = session.execute(_FINDINGS, scope.binds(), execution_options={"yield_per": _BATCH}).mappings()
    for batch in rows.partitions():
        discrepancies.open_many(session, [_finding(scope, row) for row in batch], now, actor)
        found += [{"kind": row["kind"], "key": row["key"]} for row in batch]
    over = session.scalars(_OVER, {**scope.binds(), "found": found}).all()
    discrepancies.resolve(session, over, act="closed by run", actor=actor, now=now)


def _finding(scope: Scope, row: RowMapping) -> Finding:
    return Finding(
        row["kind"],
        row["key"],
        scope.period_on,
        row["amount"],
        row["currency"],
        row["evidence"],
        scope.account_id,
        row["payment_id"],
    )


def touched(session: Session, scope: Scope) -> Sequence[Settlement]:
    """Return the settlements of other days whose outcome this one, being new, may have changed."""
    wanted = list(session.scalars(_TOUCHED, scope.binds()))
    return session.scalars(select(Settlement).where(Settlement.id.in_(wanted)).order_by(Settlement.period_on)).all()
