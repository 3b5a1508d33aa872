"""What a run proves: that its settlement reports the money of each payment it agrees on, or no longer does.

Nearly every line agrees in everything. The first run of a settlement says so of all of them at once: it writes which lines it set
apart (`line_apart`), and what it says of those one by one (`proof_apart`), as later runs say whatever has changed since. The view
`proof` shows both as one.
"""

from __future__ import annotations

import uuid
from datetime import timedelta

from sqlalchemy import update
from sqlalchemy.orm import Session

from payhub.ids import first_id
from reconciliation.matching import Scope, statement
from reconciliation.models import Settlement

_ASKED_BEFORE = timedelta(days=4)
"""Nearly every payment is paid within so many days of being asked for."""

# A line that names its payment itself and came with the file: of such a line the first run may speak at once with all others.
_NAMED = """named AND number IS NOT NULL AND number NOT IN
      (SELECT number FROM settlement_correction WHERE settlement_id = :settlement_id)"""
_PLAIN = """
    SELECT our_id AS attempt_id, number, payment_id, currency, happened_on, payout, cohort_on, NULL::date AS allocated_on
    FROM pair WHERE plain"""
_ALLOCATED_ON = """(SELECT min(journal.business_on) FROM journal
              WHERE journal.payment_id = allocation.payment_id AND journal.fact = 'allocated')"""
# Money pays the payment of its own attempt, or those it was allocated to.
_OTHERS = f"""
      SELECT our_id AS attempt_id, number, payment_id, our_currency AS currency, happened_on, payout, cohort_on,
             NULL::date AS allocated_on
      FROM apart WHERE class IN ('matched', 'late') AND applied
      UNION ALL
      SELECT our_id, number, allocation.payment_id, our_currency, happened_on, payout, cohort_on, {_ALLOCATED_ON}
      FROM apart JOIN allocation ON allocation.attempt_id = apart.our_id
      WHERE apart.class IN ('matched', 'late', 'conflicted') AND NOT apart.applied"""  # noqa: S608 - our own piece
# What is collected counts on its cohort's day, but for what was booked on another because that one was shut.
_BOOKED = """
    SELECT line.id AS payment_line_id, paid.number, paid.attempt_id, line.amount, line.retained, line.agency_id, line.kind,
           line.budget_line, paid.currency, greatest(:first_on, least(:last_on, paid.happened_on)) AS proved_on,
           coalesce(paid.payout, '') AS payout,
           coalesce(
             paid.allocated_on,
             CASE WHEN paid.cohort_on <= (SELECT max(business_on) FROM business_day WHERE shut_at IS NOT NULL) THEN (
               SELECT journal.business_on FROM journal
               WHERE journal.attempt_id = paid.attempt_id AND journal.fact = 'applied' AND journal.business_on <> journal.cohort_on)
             END,
             paid.cohort_on) AS business_on,
           paid.cohort_on
"""
_ONE_BY_ONE = "CROSS JOIN LATERAL (SELECT * FROM payment_line WHERE payment_line.payment_id = paid.payment_id OFFSET 0) AS line"
_EVERY = f"""
    -- Most payments are made not long before they are paid, and their ids are in the order of time: one walk over those.
    {_BOOKED} FROM ({_PLAIN}) AS paid
    JOIN payment_line AS line ON line.payment_id = paid.payment_id
      AND line.payment_id BETWEEN :near_first AND :near_last AND paid.payment_id BETWEEN :near_first AND :near_last
    UNION ALL
    {_BOOKED} FROM ({_PLAIN} AND payment_id NOT BETWEEN :near_first AND :near_last UNION ALL {_OTHERS}) AS paid {_ONE_BY_ONE}
"""
_TOTALS = """
    INSERT INTO run_total (run_id, payout, agency_id, kind, budget_line, business_on, cohort_on, currency, count, amount, retained)
    SELECT :run_id, payout, agency_id, kind, budget_line, business_on, cohort_on, currency, {sums}
    FROM {proven} GROUP BY payout, agency_id, kind, budget_line, business_on, cohort_on, currency
"""
_ADD_UP = statement(_TOTALS.format(sums="count(*), sum(amount), sum(retained)", proven=f"({_EVERY}) AS proven"))
_SET_APART = statement(
    f"""
    INSERT INTO line_apart (settlement_id, number) SELECT :settlement_id, number FROM pair WHERE {_NAMED} AND NOT plain
    """  # noqa: S608 - our own piece
)
_WRITE = "INSERT INTO proof_apart (payment_line_id, run_id, holds, number, attempt_id, amount, proved_on)"
_SAY_APART = statement(
    f"""
    {_WRITE} SELECT payment_line_id, :run_id, true, number, attempt_id, amount, proved_on
    FROM ({_BOOKED} FROM ({_PLAIN} AND NOT ({_NAMED}) UNION ALL {_OTHERS}) AS paid {_ONE_BY_ONE}) AS agreed
    """  # noqa: S608 - put together from our own pieces
)
# A settlement that is run again proves what it did not prove before, and takes back what it proves no longer. `said`: lines of
# which its first run spoke at once. What still agrees of those, and was never spoken of since, needs no second look.
_SAY_AGAIN = statement(
    f"""
    WITH words AS MATERIALIZED (
      SELECT DISTINCT ON (payment_line_id) proof_apart.* FROM proof_apart JOIN run ON run.id = proof_apart.run_id
      WHERE run.settlement_id = :settlement_id ORDER BY payment_line_id, run_id DESC
    ), said AS MATERIALIZED (
      SELECT our_id, number, payment_id FROM pair
      WHERE {_NAMED} AND (SELECT first_run_id IS NOT NULL FROM settlement WHERE id = :settlement_id)
        AND number NOT IN (SELECT number FROM line_apart WHERE settlement_id = :settlement_id)
    ), still AS MATERIALIZED (
      SELECT number FROM said JOIN pair USING (number)
      WHERE pair.plain AND said.our_id NOT IN (SELECT attempt_id FROM words)
    ), agreed AS MATERIALIZED (
      {_BOOKED}
      FROM ({_PLAIN} AND NOT EXISTS (SELECT FROM still WHERE still.number = pair.number) UNION ALL {_OTHERS}) AS paid {_ONE_BY_ONE}
    ), held AS MATERIALIZED (
      SELECT payment_line_id, number, attempt_id FROM words WHERE holds
      UNION ALL
      SELECT line.id, said.number, said.our_id FROM said JOIN payment_line AS line ON line.payment_id = said.payment_id
      WHERE NOT EXISTS (SELECT FROM still WHERE still.number = said.number)
        AND NOT EXISTS (SELECT FROM words WHERE words.payment_line_id = line.id)
    ), proven AS MATERIALIZED (
      SELECT true AS holds, agreed.* FROM agreed
      WHERE NOT EXISTS (SELECT FROM held WHERE held.payment_line_id = agreed.payment_line_id AND held.number = agreed.number)
      UNION ALL
      SELECT false, gone.* FROM (
        {_BOOKED}
        FROM (
          SELECT held.payment_line_id, held.attempt_id, held.number, attempt.currency, listed.happened_on, listed.payout,
                 attempt.cohort_on, {_ALLOCATED_ON} AS allocated_on
          FROM held
          JOIN attempt ON attempt.id = held.attempt_id
          JOIN payment_line AS of ON of.id = held.payment_line_id
          LEFT JOIN allocation ON allocation.payment_id = of.payment_id AND allocation.attempt_id = attempt.id
          JOIN settlement_line AS listed
            ON listed.part = :part AND listed.settlement_id = :settlement_id AND listed.number = held.number
          WHERE NOT EXISTS (SELECT FROM agreed WHERE agreed.payment_line_id = held.payment_line_id AND agreed.number = held.number)
        ) AS paid
        JOIN payment_line AS line ON line.id = paid.payment_line_id
      ) AS gone
    ), written AS (
      {_WRITE} SELECT payment_line_id, :run_id, holds, number, attempt_id, amount, proved_on FROM proven
    )
    {_TOTALS.format(
        sums="sum(sign), sum(sign * amount), sum(sign * retained)",
        proven="(SELECT CASE WHEN holds THEN 1 ELSE -1 END AS sign, proven.* FROM proven) AS signed",
    )}
    """  # noqa: S608 - put together from our own pieces
)


def prove(session: Session, scope: Scope, run_id: uuid.UUID, *, first: bool) -> None:
    """Write that the settlement reports the money of each line whose payment it agrees on, or no longer does."""
    near = {"near_first": first_id(scope.first_on - _ASKED_BEFORE), "near_last": first_id(scope.last_on + timedelta(days=2))}
    binds = {**scope.binds(), **near, "run_id": run_id}
    if not first:
        session.execute(_SAY_AGAIN, binds)
        return
    for each in (_ADD_UP, _SET_APART, _SAY_APART):
        session.execute(each, binds)
    session.execute(update(Settlement).where(Settlement.id == scope.settlement_id).values(first_run_id=run_id))
