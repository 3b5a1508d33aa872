"""Runs: one reconciliation of one settlement, asked for as a row, carried out by a job that may come twice.

A run reads both sides once, then writes what follows: proofs for what both sides show, discrepancies for what they do not, an end
to those that are no longer true. The same run over the same rows writes nothing new.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from sqlalchemy import bindparam, func, select, text, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.types import Date

from payhub import ids, log
from payhub.accounts.calendar import terms_on
from payhub.clock import local_date
from payhub.hub import Hub
from reconciliation import effects, matching
from reconciliation.banking import following
from reconciliation.matching import Scope
from reconciliation.models import Run, Settlement, SettlementCorrection

_log = log.get(__name__)
_STUCK = timedelta(minutes=15)
_RECENT = timedelta(days=31)


class CountsDisagree(Exception):
    """A run did not account for every line: a fault of ours, and nothing of it is kept."""


def ask_run(session: Session, settlement: Settlement, now: datetime) -> uuid.UUID:
    """Ask for a run over a settlement; where one is waiting already, return that one."""
    waiting = session.scalar(select(Run.id).where(Run.settlement_id == settlement.id, Run.state == "waiting").limit(1))
    if waiting is not None:
        return waiting
    run = Run(
        id=ids.new_id(), gateway_account_id=settlement.gateway_account_id, settlement_id=settlement.id,
        period_on=settlement.period_on, state="waiting", asked_at=now, started_at=None, finished_at=None, error=None, counts={},
        elsewhere=[],
    )  # fmt: skip
    session.add(run)
    session.flush()
    return run.id


def execute(hub: Hub, run_id: uuid.UUID) -> list[uuid.UUID]:
    """Carry out a run that is waiting or was left unfinished; return the runs of other days that it asked for."""
    now = hub.clock.now()
    with hub.db.session() as session:
        begun = session.execute(
            update(Run)
            .where(Run.id == run_id, Run.state.in_(("waiting", "running")))
            .values(state="running", started_at=now)
            .returning(Run.id)
        ).one_or_none()
    if begun is None:
        return []
    try:
        with hub.db.session() as session:
            return _carry_out(hub, session, run_id, now)
    except OperationalError:
        raise  # The database was away or busy: the run stays as it is and is started again.
    except Exception as error:
        with hub.db.session() as session:
            session.execute(
                update(Run).where(Run.id == run_id).values(state="failed", error=type(error).__name__, finished_at=hub.clock.now())
            )
        raise


def _carry_out(hub: Hub, session: Session, run_id: uuid.UUID, now: datetime) -> list[uuid.UUID]:
    session.execute(text("SET LOCAL statement_timeout = 0"))
    session.execute(text("SET LOCAL lock_timeout = '60s'"))
    run = session.scalars(select(Run).where(Run.id == run_id)).one()
    # Runs of one account go one at a time; a file that would take this one's place waits.
    session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": f"run {run.gateway_account_id}"})
    session.refresh(run, with_for_update=True)
    settlement = session.scalars(select(Settlement).where(Settlement.id == run.settlement_id).with_for_update(read=True)).one()
    if run.state != "running":
        return []
    if settlement.superseded_by_id is not None:
        run.state, run.error, run.finished_at = "failed", "superseded", hub.clock.now()
        return []
    scope = _scope(hub, settlement)
    before = session.execute(
        select(func.count(), func.max(Run.corrections)).where(Run.settlement_id == settlement.id, Run.state == "done")
    ).one()
    first, run.corrections = not before[0], _corrections(session, settlement)
    matching.match(session, scope)
    counts = matching.counts(session)
    if sum(row["lines"] for row in counts.values()) != settlement.line_count:
        raise CountsDisagree(f"run {run_id}: {counts} of {settlement.line_count} lines")
    effects.prove(session, scope, run_id, first=first)
    effects.tell(session, hub.registers, scope, run_id, now)
    # Lines that no run has seen may be what other days' runs were looking for.
    fresh = first or run.corrections > before[1]
    run.elsewhere = effects.elsewhere(session, scope)
    asked = [ask_run(session, other, now) for other in effects.touched(session, scope, run.elsewhere)] if fresh else []
    run.state, run.counts, run.finished_at, run.error = "done", counts, hub.clock.now(), None
    session.flush()
    following.follow(hub, session, scope, run_id, now, first=first)
    _log.info(
        "run.done",
        account=scope.account_code,
        period=str(scope.first_on),
        classes={name: row["count"] for name, row in counts.items()},
    )
    return asked


def _corrections(session: Session, settlement: Settlement) -> int:
    corrected = select(func.count()).where(SettlementCorrection.settlement_id == settlement.id)
    return session.scalar(corrected) or 0


def _scope(hub: Hub, settlement: Settlement) -> Scope:
    account = hub.registers.gateway_accounts_by_id[settlement.gateway_account_id]
    grace = terms_on(hub.registers, account, settlement.until_on).grace_days
    return Scope(settlement.id, settlement.part, account.id, account.code, settlement.period_on, settlement.until_on, grace)


def to_start(session: Session, now: datetime, limit: int = 50) -> list[uuid.UUID]:
    """Return runs that wait, and those whose job seems lost, oldest first."""
    wanted = select(Run.id).where((Run.state == "waiting") | ((Run.state == "running") & (Run.started_at < now - _STUCK)))
    return list(session.scalars(wanted.order_by(Run.asked_at).limit(limit)))


# What the hub learned after the last run of a day: a reference a file listed before its callback came, an attempt of that day; and
# the end of a refund, or where held money was allocated, if that was asked for or paid on that day or stands in its file.
_LEARNED = text(
    """
    WITH recent AS (
      SELECT settlement.id, settlement.part, settlement.gateway_account_id, settlement.period_on, settlement.until_on,
             (SELECT max(run.started_at) FROM run WHERE run.settlement_id = settlement.id) AS ran_at
      FROM settlement WHERE settlement.superseded_by_id IS NULL AND settlement.until_on >= :since
    ), refunded AS (
      SELECT refund.gateway_account_id, refund.ended_at, (sent.asked_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date AS asked_on,
             ARRAY[sent.reference, sent.gateway_transaction, attempt.reference] AS names
      FROM refund_try AS sent JOIN refund ON refund.id = sent.refund_id JOIN attempt ON attempt.id = sent.attempt_id
      WHERE sent.asked_at >= (:since)::timestamp AT TIME ZONE 'Asia/Ho_Chi_Minh'
    )
    SELECT recent.id FROM recent
    WHERE EXISTS (
        SELECT FROM discrepancy JOIN attempt ON attempt.gateway_account_id = discrepancy.gateway_account_id
          AND attempt.reference = discrepancy.evidence ->> 'reference' AND attempt.confirmed IS NOT NULL
        WHERE discrepancy.kind = 'missing_at_hub' AND discrepancy.state <> 'resolved' AND discrepancy.key LIKE '%/payment/%'
          AND discrepancy.gateway_account_id = recent.gateway_account_id
          AND discrepancy."on" BETWEEN recent.period_on AND recent.until_on)
      OR EXISTS (
        SELECT FROM attempt
        WHERE attempt.gateway_account_id = recent.gateway_account_id
          AND attempt.gateway_on BETWEEN recent.period_on AND recent.until_on AND attempt.ended_at > recent.ran_at)
      OR EXISTS (
        SELECT FROM refunded
        WHERE refunded.gateway_account_id = recent.gateway_account_id AND refunded.ended_at > recent.ran_at
          AND refunded.asked_on <= recent.until_on + 1
          AND (refunded.asked_on BETWEEN recent.period_on AND recent.until_on OR EXISTS (
            SELECT FROM settlement_line AS line
            WHERE line.part = recent.part AND line.settlement_id = recent.id AND line.line_type = 'refund'
              AND (line.reference = ANY (refunded.names) OR line.transaction = ANY (refunded.names)))))
      OR EXISTS (
        SELECT FROM allocation JOIN attempt ON attempt.id = allocation.attempt_id
        WHERE attempt.gateway_account_id = recent.gateway_account_id AND allocation.allocated_at > recent.ran_at
          AND (attempt.gateway_on BETWEEN recent.period_on AND recent.until_on OR EXISTS (
            SELECT FROM settlement_line AS line
            WHERE line.part = recent.part AND line.settlement_id = recent.id AND line.reference = attempt.reference)))
    ORDER BY recent.period_on
    """
).bindparams(bindparam("since", type_=Date))


def ask_learned(session: Session, now: datetime) -> list[uuid.UUID]:
    """Ask for a new run of each recent day of which the hub has learned more since the last one."""
    learned = list(session.scalars(_LEARNED, {"since": local_date(now) - _RECENT}))
    return [
        ask_run(session, settlement, now) for settlement in session.scalars(select(Settlement).where(Settlement.id.in_(learned)))
    ]
