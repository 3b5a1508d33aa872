"""Runs: one reconciliation of one settlement, asked for as a row, carried out by a job that may come twice.

A run reads both sides once, then writes what follows: proofs for what both sides show, discrepancies for what they do not, an end
to those that are no longer true. The same run over the same rows writes nothing new.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import bindparam, func, literal_column, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.types import Date

from payhub import ids, log
from payhub.accounts.calendar import terms_on
from payhub.clock import local_date
from payhub.hub import Hub
from reconciliation import effects, matching, proving, running, telling
from reconciliation.banking import following
from reconciliation.matching import Scope
from reconciliation.models import Run, Settlement, SettlementCorrection

_log = log.get(__name__)
_RECENT = timedelta(days=31)


class CountsDisagree(Exception):
    """A run did not account for every line: a fault of ours, and nothing of it is kept."""


def ask_run(session: Session, settlement: Settlement, now: datetime) -> uuid.UUID:
    """Ask for a run over a settlement; where one is waiting already, return that one, which nobody begins before we commit."""
    values = {
        "id": ids.new_id(), "gateway_account_id": settlement.gateway_account_id, "settlement_id": settlement.id,
        "period_on": settlement.period_on, "state": "waiting", "asked_at": now, "counts": {},
    }  # fmt: skip
    asked = insert(Run).values(**values)
    held = asked.on_conflict_do_update(
        index_elements=[Run.settlement_id], index_where=Run.state == literal_column("'waiting'"), set_={"asked_at": Run.asked_at}
    )
    return session.execute(held.returning(Run.id)).scalar_one()


def execute(hub: Hub, run_id: uuid.UUID) -> list[uuid.UUID]:
    """Carry out a run that is waiting or was left unfinished; return the runs of other days that it asked for.

    Where another run of the account is at work, nothing is done and the run stays as it is: nobody waits.
    """
    now = hub.clock.now()
    try:
        with hub.db.session() as session:
            return _carry_out(hub, session, run_id, now) if running.claim(hub, session, run_id, now) else []
    except running.Cancelled:
        return []
    except OperationalError:
        if running.is_cancelled(hub, run_id):
            return []
        raise  # The database was away or busy: the run stays as it is and is started again.
    except Exception as error:
        running.fail(hub, run_id, error)
        raise


def _carry_out(hub: Hub, session: Session, run_id: uuid.UUID, now: datetime) -> list[uuid.UUID]:
    run = session.scalars(select(Run).where(Run.id == run_id)).one()
    # A file that would take this one's place waits.
    settlement = session.scalars(select(Settlement).where(Settlement.id == run.settlement_id).with_for_update(read=True)).one()
    if settlement.superseded_by_id is not None:
        running.end(session, run, "failed", hub.clock.now(), error="superseded")
        return []
    running.step(hub, run_id, "matching", lines=settlement.line_count)
    scope = _scope(hub, settlement)
    before = session.execute(
        select(func.count(), func.max(Run.corrections)).where(Run.settlement_id == settlement.id, Run.state == "done")
    ).one()
    first, corrections = not before[0], _corrections(session, settlement)
    agreed = matching.match(session, scope)
    counts = matching.counts(session, agreed)
    if sum(row["lines"] for row in counts.values()) != settlement.line_count:
        raise CountsDisagree(f"run {run_id}: {counts} of {settlement.line_count} lines")
    running.step(hub, run_id, "proving", **_matched(counts))
    proving.prove(session, scope, run_id, agreed if first else None)
    running.step(hub, run_id, "telling")
    effects.tell(session, hub.registers, scope, run_id, now)
    running.step(hub, run_id, "banking")
    # Lines that no run has seen may be what other days' runs were looking for.
    fresh = first or corrections > before[1]
    elsewhere = effects.elsewhere(session, scope)
    asked = [ask_run(session, other, now) for other in effects.touched(session, scope, elsewhere)] if fresh else []
    running.end(session, run, "done", hub.clock.now(), counts=counts, corrections=corrections, elsewhere=elsewhere)
    following.follow(hub, session, scope, run_id, now, first=first)
    telling.ask(hub, session, now, settlement.id)
    _log.info(
        "run.done",
        account=scope.account_code,
        period=str(scope.first_on),
        classes={name: row["count"] for name, row in counts.items()},
    )
    return asked


def _matched(counts: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """Return how many of both sides agree, and how many do not."""
    agree = sum(counts[name]["count"] for name in ("matched", "late") if name in counts)
    return {"matched": agree, "others": sum(row["count"] for row in counts.values()) - agree}


def _corrections(session: Session, settlement: Settlement) -> int:
    corrected = select(func.count()).where(SettlementCorrection.settlement_id == settlement.id)
    return session.scalar(corrected) or 0


def _scope(hub: Hub, settlement: Settlement) -> Scope:
    account = hub.registers.gateway_accounts_by_id[settlement.gateway_account_id]
    grace = terms_on(hub.registers, account, settlement.until_on).grace_days
    return Scope(settlement.id, settlement.part, account.id, account.code, settlement.period_on, settlement.until_on, grace)


def to_start(session: Session, now: datetime, limit: int = 50) -> list[uuid.UUID]:
    """Return runs that may be begun now: those that wait, and those whose owner is gone, one of each account, oldest first."""
    return running.due(session, now, limit)


# What the hub learned after the last run of a day: a reference a file listed before its callback came, an attempt of that day; and
# the end of a refund, or where held money was allocated, if that was asked for or paid on that day or stands in its file.
_LEARNED = text(
    """
    WITH recent AS (
      SELECT settlement.id, settlement.part, settlement.gateway_account_id, settlement.period_on, settlement.until_on,
             (SELECT max(run.started_at) FROM run
              WHERE run.settlement_id = settlement.id AND run.state IN ('running', 'done')) AS ran_at
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
    # In the order in which runs ask, so that neither waits for the other.
    ordered = select(Settlement).where(Settlement.id.in_(learned)).order_by(Settlement.gateway_account_id, Settlement.period_on)
    return [ask_run(session, settlement, now) for settlement in session.scalars(ordered)]
