"""The life of a run: who may carry it out, how far it is, how it ends.

Whoever carries a run out holds a lock of its account in the transaction in which everything of the run is written. The lock is gone
with the connection, so nobody has to guess by a clock whether the one who held it lives: a run that is `running` while nobody has
its account was left by somebody who died, and the next one begins it anew. How far a run is stands in its row, written by another
connection, for its own transaction shows nothing until it ends.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, bindparam, select, text, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from payhub.errors import NotFound
from payhub.hub import Hub
from payhub.staff import audit
from payhub.staff.models import Principal
from reconciliation.errors import RunEnds, RunOver
from reconciliation.models import Run

STATES = ("waiting", "running", "done", "failed", "cancelled")
STEPS = ("matching", "proving", "telling", "banking")
OPEN = ("waiting", "running")
_LOCKED = "55P03"
_ACCOUNT, _RUN = "run ", "carrying out "
"""What the names of the two locks begin with: one run of an account at a time, and who has which run."""


class Cancelled(Exception):
    """Somebody cancelled the run while it was carried out: nothing of it is kept."""


# A worker that dies in the middle of a long statement is noticed by the server within seconds, and its locks are let go of.
SETTINGS = text(
    "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL lock_timeout = '60s'; "
    "SET LOCAL client_connection_check_interval = '2s'; "
    "SET LOCAL tcp_keepalives_idle = 10; SET LOCAL tcp_keepalives_interval = 5; SET LOCAL tcp_keepalives_count = 3"
)
TRY = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:key, 0))")
_TAKE = text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))")
# Whoever asked for it and has not committed yet holds the row: it is not begun before they have.
_BEGIN = text(
    """
    UPDATE run SET state = 'running', started_at = :now, starts = starts + 1, step = 'matching', stepped_at = :now, progress = '{}'
    WHERE id = (SELECT id FROM run WHERE id = :id AND state IN ('waiting', 'running') FOR NO KEY UPDATE SKIP LOCKED)
    RETURNING id
    """
)
_STEP = text(
    """
    UPDATE run SET step = :step, stepped_at = :now, progress = progress || CAST(:rows AS jsonb)
    WHERE id = (SELECT id FROM run WHERE id = :id AND state = 'running' FOR NO KEY UPDATE SKIP LOCKED)
    """
).bindparams(bindparam("rows", type_=JSON))
_FAIL = text(
    "UPDATE run SET state = 'failed', error = :error, finished_at = :now, step = NULL WHERE id = :id AND state = 'running'"
)
HOLDERS = """
    SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND (classid::bigint << 32) | objid::bigint = hashtextextended({key}, 0)
"""
_STOP = text(f"SELECT pg_cancel_backend(pid) FROM ({HOLDERS.format(key=':key')}) AS holder")  # noqa: S608 - ours
# One of each account that nobody works on, the oldest first. One that was begun often and never ended waits longer each time, so
# that a file which brings workers down does not take all of their time.
_DUE = text(
    f"""
    SELECT id FROM (
      SELECT DISTINCT ON (run.gateway_account_id) run.id, run.asked_at FROM run
      WHERE run.state IN ('waiting', 'running')
        AND (run.starts < 2 OR run.started_at <= :now - make_interval(secs => least(900, power(2, run.starts))))
        AND NOT EXISTS ({HOLDERS.format(key=f"'{_ACCOUNT}' || run.gateway_account_id")})
      ORDER BY run.gateway_account_id, run.asked_at, run.id
    ) AS due ORDER BY asked_at, id LIMIT :limit
    """  # noqa: S608 - put together from our own pieces
)


def due(session: Session, now: datetime, limit: int) -> list[uuid.UUID]:
    """Return runs that wait, and those whose owner is gone, of accounts that nobody works on: one of each, oldest first."""
    return list(session.scalars(_DUE, {"now": now, "limit": limit}))


def claim(hub: Hub, session: Session, run_id: uuid.UUID, now: datetime) -> bool:
    """Begin a run in the transaction that is to carry it out; False where another run of its account is at work, or it is over."""
    session.execute(SETTINGS)
    account_id = session.scalar(select(Run.gateway_account_id).where(Run.id == run_id))
    if account_id is None or not session.scalar(TRY, {"key": f"{_ACCOUNT}{account_id}"}):
        return False
    session.execute(_TAKE, {"key": f"{_RUN}{run_id}"})
    with hub.db.autocommit() as connection:
        return connection.execute(_BEGIN, {"id": run_id, "now": now}).one_or_none() is not None


def step(hub: Hub, run_id: uuid.UUID, name: str, **rows: int) -> None:
    """Let others see how far a run is."""
    with hub.db.autocommit() as connection:
        connection.execute(_STEP, {"id": run_id, "step": name, "rows": rows, "now": hub.clock.now()})


def end(session: Session, run: Run, state: str, now: datetime, **values: Any) -> None:
    """End a run in its own transaction; raise `Cancelled` where somebody was faster."""
    told = {"state": state, "finished_at": now, "step": None, "error": None, **values}
    ended = update(Run).where(Run.id == run.id, Run.state == "running").values(**told).returning(Run.id)
    if session.execute(ended, execution_options={"synchronize_session": False}).one_or_none() is None:
        raise Cancelled
    session.refresh(run)


def fail(hub: Hub, run_id: uuid.UUID, error: Exception) -> None:
    """Say that a run cannot be carried out; nothing of it was kept."""
    with hub.db.autocommit() as connection:
        connection.execute(_FAIL, {"id": run_id, "error": type(error).__name__, "now": hub.clock.now()})


def is_cancelled(hub: Hub, run_id: uuid.UUID) -> bool:
    """Tell whether somebody cancelled a run."""
    with hub.db.autocommit() as connection:
        return bool(connection.scalar(select(Run.state == "cancelled").where(Run.id == run_id)))


def cancel(session: Session, run_id: uuid.UUID, by: Principal, now: datetime) -> Run:
    """Cancel a run that waits or is carried out: once this is committed, nothing of it can be kept. Then `stop` whoever does it.

    Raise `RunOver` where it has ended, and `RunEnds` where it is about to.
    """
    session.execute(text("SET LOCAL lock_timeout = '3s'"))
    stopped = update(Run).where(Run.id == run_id, Run.state.in_(OPEN))
    stopped = stopped.values(state="cancelled", cancelled_by=by.id, finished_at=now, step=None)
    try:
        done = session.scalar(stopped.returning(Run.id), execution_options={"synchronize_session": False})
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) == _LOCKED:
            raise RunEnds from None
        raise
    run = session.get(Run, run_id, populate_existing=True)
    if run is None:
        raise NotFound
    if done is None:
        raise RunOver
    data = {"settlement": str(run.settlement_id), "begun": run.starts > 0}
    audit.append(session, actor=by.id, act="run.cancelled", target=f"run/{run_id}", at=now, data=data)
    return run


def stop(hub: Hub, run_id: uuid.UUID) -> None:
    """Stop whoever carries out a run that was cancelled, where they are; they would find out at the end at the latest."""
    with hub.db.autocommit() as connection:
        connection.execute(_STOP, {"key": f"{_RUN}{run_id}"})
