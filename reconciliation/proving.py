"""What a run proves: that its settlement reports the money of each payment it agrees on, or no longer does.

Nearly every line agrees in everything. The first run of a settlement says so of all of them at once: it writes which lines it set
apart (`line_apart`), and what it says of those one by one (`proof_apart`), as later runs say whatever has changed since. The view
`proof` shows both as one.

What is proven of all lines at once needs no look at each of them either: it is what the ledger says was collected through the
account on the settlement's days, less what was collected with the attempts that were not taken at once.
"""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from payhub.ids import first_id
from payhub.ledger import rollups
from reconciliation.matching import Agreed, Scope, statement
from reconciliation.models import Settlement

_ASKED_BEFORE = timedelta(days=4)
"""Nearly every payment is paid within so many days of being asked for."""

_ALLOCATED_ON = """(SELECT min(journal.business_on) FROM journal
              WHERE journal.payment_id = allocation.payment_id AND journal.fact = 'allocated')"""
# What is agreed on after a closer look. Money pays the payment of its own attempt, or those it was allocated to.
_CLOSER = f"""
      SELECT our_id AS attempt_id, number, payment_id, our_currency AS currency, happened_on, payout, cohort_on,
             NULL::date AS allocated_on
      FROM verdict WHERE class IN ('matched', 'late') AND applied
      UNION ALL
      SELECT our_id, number, allocation.payment_id, our_currency, happened_on, payout, cohort_on, {_ALLOCATED_ON}
      FROM verdict JOIN allocation ON allocation.attempt_id = verdict.our_id
      WHERE verdict.class IN ('matched', 'late', 'conflicted') AND NOT verdict.applied"""  # noqa: S608 - our own piece
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
_AGREED_CLOSER = f"{_BOOKED} FROM ({_CLOSER}) AS paid {_ONE_BY_ONE}"
_KEY = "payout, agency_id, kind, budget_line, business_on, cohort_on, currency"
_TOTALS = f"""
    INSERT INTO run_total (run_id, {_KEY}, amount, retained)
    SELECT :run_id, {_KEY}, sum(amount), sum(retained) FROM ({{proven}}) AS proven GROUP BY {_KEY}
    HAVING sum(amount) <> 0 OR sum(retained) <> 0
"""  # noqa: S608 - our own piece
# All that was collected through the account on the gateway's days of the settlement, as the ledger stood when both sides were read;
# less what of it came with the attempts that had to be looked at; and what of these was agreed on.
_BY_LEDGER = f"""
    SELECT CAST(:payout AS text) AS payout, agency_id, kind, budget_line, business_on, cohort_on, currency,
           -amount AS amount, -retained AS retained
    FROM ({rollups.SEEN}) AS booked
    WHERE gateway_account_id = :account_id AND gateway_on BETWEEN :first_on AND :last_on AND fact = 'applied' AND account = 'owed'
    UNION ALL
    SELECT CAST(:payout AS text), line.agency_id, line.kind, line.budget_line, journal.business_on, journal.cohort_on,
           attempt.currency, -line.amount, -line.retained
    FROM (SELECT DISTINCT our_id FROM uncertain) AS doubted
    JOIN attempt ON attempt.id = doubted.our_id
    JOIN journal ON journal.payment_id = attempt.payment_id AND journal.attempt_id = attempt.id AND journal.fact = 'applied'
      AND pg_visible_in_snapshot(coalesce(journal.xact, 0)::text::xid8, CAST(:seen AS pg_snapshot))
    JOIN payment_line AS line ON line.payment_id = attempt.payment_id
    UNION ALL
    SELECT {_KEY}, amount, retained FROM ({_AGREED_CLOSER}) AS closer
"""  # noqa: S608 - put together from our own pieces
# Lines of several payouts have to be told apart, and so are gone through. Most payments are made not long before they are paid, and
# their ids are in the order of time: one walk over those.
_BY_LINE = f"""
    WITH taken AS MATERIALIZED (
      SELECT attempt.id AS attempt_id, listed.number, attempt.payment_id, attempt.currency, listed.happened_on, listed.payout,
             attempt.cohort_on, NULL::date AS allocated_on
      FROM settlement_line AS listed
      JOIN attempt ON attempt.gateway_account_id = :account_id AND attempt.reference = listed.reference
        AND attempt.gateway_on BETWEEN :first_on AND :last_on
      WHERE listed.part = :part AND listed.settlement_id = :settlement_id AND listed.line_type = 'payment'
        AND listed.number NOT IN (SELECT number FROM uncertain WHERE number IS NOT NULL)
    )
    {_BOOKED} FROM taken AS paid
    JOIN payment_line AS line ON line.payment_id = paid.payment_id
      AND line.payment_id BETWEEN :near_first AND :near_last AND paid.payment_id BETWEEN :near_first AND :near_last
    UNION ALL
    {_BOOKED} FROM (
      SELECT * FROM taken WHERE payment_id NOT BETWEEN :near_first AND :near_last UNION ALL {_CLOSER}
    ) AS paid {_ONE_BY_ONE}
"""  # noqa: S608 - put together from our own pieces
_BY_LEDGER_ADDED, _BY_LINE_ADDED = (statement(_TOTALS.format(proven=proven)) for proven in (_BY_LEDGER, _BY_LINE))
# Lines that name their payment themselves and came with the file: of such a line the first run may speak at once with all others.
# What is looked up here and below is looked up one by one: it is little, whatever the size of the tables.
_NAMED = """(
      SELECT number FROM uncertain
      WHERE number NOT IN (SELECT number FROM settlement_correction WHERE settlement_id = :settlement_id)
    ) AS known CROSS JOIN LATERAL (
      SELECT * FROM settlement_line AS line
      WHERE line.part = :part AND line.settlement_id = :settlement_id AND line.number = known.number AND line.reference IS NOT NULL
      OFFSET 0
    ) AS line"""
_SET_APART = statement(f"INSERT INTO line_apart (settlement_id, number) SELECT :settlement_id, line.number FROM {_NAMED}")  # noqa: S608 - ours
_WRITE = "INSERT INTO proof_apart (payment_line_id, run_id, holds, number, attempt_id, amount, proved_on)"
_SAY_APART = statement(
    f"{_WRITE} SELECT payment_line_id, :run_id, true, number, attempt_id, amount, proved_on FROM ({_AGREED_CLOSER}) AS agreed"  # noqa: S608 - our own pieces
)
_SIGNED = f"""SELECT {_KEY}, sign * amount AS amount, sign * retained AS retained
    FROM (SELECT CASE WHEN holds THEN 1 ELSE -1 END AS sign, proven.* FROM proven) AS signed"""  # noqa: S608 - our own piece
# A settlement that is run again proves what it did not prove before, and takes back what it proves no longer. `said`: lines of
# which its first run spoke at once, and that are taken at once no longer; of the others nothing has changed.
_SAY_AGAIN = statement(
    f"""
    WITH words AS MATERIALIZED (
      SELECT DISTINCT ON (payment_line_id) proof_apart.* FROM proof_apart JOIN run ON run.id = proof_apart.run_id
      WHERE run.settlement_id = :settlement_id ORDER BY payment_line_id, run_id DESC
    ), said AS MATERIALIZED (
      SELECT line.number, attempt.id AS attempt_id, attempt.payment_id
      FROM {_NAMED} CROSS JOIN LATERAL (
        SELECT * FROM attempt WHERE attempt.gateway_account_id = :account_id AND attempt.reference = line.reference OFFSET 0
      ) AS attempt
      WHERE (SELECT first_run_id IS NOT NULL FROM settlement WHERE id = :settlement_id)
        AND line.number NOT IN (SELECT number FROM line_apart WHERE settlement_id = :settlement_id)
    ), agreed AS MATERIALIZED (
      {_AGREED_CLOSER}
    ), held AS MATERIALIZED (
      SELECT payment_line_id, number, attempt_id FROM words WHERE holds
      UNION ALL
      SELECT line.id, paid.number, paid.attempt_id FROM said AS paid {_ONE_BY_ONE}
      WHERE NOT EXISTS (SELECT FROM words WHERE words.payment_line_id = line.id)
    ), proven AS MATERIALIZED (
      SELECT true AS holds, agreed.* FROM agreed
      WHERE NOT EXISTS (SELECT FROM held WHERE held.payment_line_id = agreed.payment_line_id AND held.number = agreed.number)
      UNION ALL
      SELECT false, gone.* FROM (
        {_BOOKED}
        FROM (
          SELECT held.payment_line_id, held.attempt_id, held.number, attempt.currency, listed.happened_on, listed.payout,
                 attempt.cohort_on, (
                   SELECT {_ALLOCATED_ON} FROM allocation JOIN payment_line AS of USING (payment_id)
                   WHERE of.id = held.payment_line_id AND allocation.attempt_id = attempt.id) AS allocated_on
          FROM held
          CROSS JOIN LATERAL (SELECT * FROM attempt WHERE attempt.id = held.attempt_id OFFSET 0) AS attempt
          CROSS JOIN LATERAL (
            SELECT * FROM settlement_line AS listed
            WHERE listed.part = :part AND listed.settlement_id = :settlement_id AND listed.number = held.number OFFSET 0
          ) AS listed
          WHERE NOT EXISTS (SELECT FROM agreed WHERE agreed.payment_line_id = held.payment_line_id AND agreed.number = held.number)
        ) AS paid
        CROSS JOIN LATERAL (SELECT * FROM payment_line WHERE payment_line.id = paid.payment_line_id OFFSET 0) AS line
      ) AS gone
    ), written AS (
      {_WRITE} SELECT payment_line_id, :run_id, holds, number, attempt_id, amount, proved_on FROM proven
    )
    {_TOTALS.format(proven=_SIGNED)}
    """  # noqa: S608 - put together from our own pieces
)


def prove(session: Session, scope: Scope, run_id: uuid.UUID, agreed: Agreed | None) -> None:
    """Write that the settlement reports the money of each line whose payment it agrees on, or no longer does.

    `agreed`: what the first run of the settlement took at once; None in a later one.
    """
    binds = {**scope.binds(), "run_id": run_id}
    if agreed is None:
        session.execute(_SAY_AGAIN, binds)
        return
    _add_up(session, scope, binds, agreed)
    session.execute(_SET_APART, binds)
    session.execute(_SAY_APART, binds)
    session.execute(update(Settlement).where(Settlement.id == scope.settlement_id).values(first_run_id=run_id))


def _add_up(session: Session, scope: Scope, binds: dict[str, Any], agreed: Agreed) -> None:
    if agreed.payout is not None:
        with rollups.reading(session):
            session.execute(_BY_LEDGER_ADDED, {**binds, "payout": agreed.payout, "seen": agreed.seen})
        return
    near = {"near_first": first_id(scope.first_on - _ASKED_BEFORE), "near_last": first_id(scope.last_on + timedelta(days=2))}
    session.execute(_BY_LINE_ADDED, {**binds, **near})
