"""Rollups: the books added up per day, gateway account, agency, kind and budget line, folded by a job from committed journals.

Whoever writes a journal touches no row that others share. The database stamps each journal with the number of its transaction, and
`fold` says which transactions the rollups hold: all before `next`, but those that were running then. So a journal that is committed
late is neither lost nor doubled, however long its transaction was open, and a total is rollups plus what is not folded yet, read by
one statement.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import bindparam, text
from sqlalchemy.orm import Session
from sqlalchemy.types import ARRAY, BigInteger, Uuid

from payhub.db import rows_written
from payhub.errors import PayHubError, Text
from payhub.hub import Hub

STEP = 2_000
"""How many journals one step folds: some 50 ms of the database's work. What one transaction wrote is never parted."""
_LAST = uuid.UUID(int=2**128 - 1)

KEY = (
    "business_on", "cohort_on", "gateway_on", "gateway_account_id", "agency_id", "kind", "budget_line", "currency", "fact",
    "account",
)  # fmt: skip
_COLUMNS = ", ".join((*KEY, "lines", "amount", "retained"))
# A fact is of the day on which its attempt's money came; what pays a payment says that day itself.
_CAME_ON = "coalesce(CASE WHEN journal.fact <> 'applied' THEN {attempts} END, journal.cohort_on)"
CAME_ON = _CAME_ON.format(attempts="(SELECT attempt.cohort_on FROM attempt WHERE attempt.id = journal.attempt_id)")
# Attempts by their key and lines by the index of their journal, one by one, whatever the planner believes of how many there are.
# Both days of an attempt are written with its first journal and never changed, so they are the same whenever it is folded.
_SIDES = f"""
    SELECT journal.business_on, journal.gateway_account_id, journal.fact, side.*, money.gateway_on,
           {_CAME_ON.format(attempts="money.cohort_on")} AS cohort_on
    FROM ({{journals}}) AS journal
    LEFT JOIN LATERAL (
      SELECT attempt.gateway_on, attempt.cohort_on FROM attempt WHERE attempt.id = journal.attempt_id OFFSET 0
    ) AS money ON true
    CROSS JOIN LATERAL (
      SELECT account, agency_id, kind, budget_line, currency, 1::bigint AS lines, sum(amount)::bigint AS amount,
             coalesce(sum(amount) FILTER (WHERE share = 'retained'), 0)::bigint AS retained
      FROM posting WHERE posting.journal_id = journal.id
      GROUP BY account, agency_id, kind, budget_line, payment_line_id, currency
    ) AS side
"""  # noqa: S608 - our own piece
_UNFOLDED = _SIDES.format(
    journals="""
      SELECT late.* FROM fold CROSS JOIN LATERAL unnest(fold.running) AS each (xact)
      CROSS JOIN LATERAL (SELECT * FROM journal WHERE journal.xact = each.xact OFFSET 0) AS late
      UNION ALL SELECT recent.* FROM fold JOIN journal AS recent ON recent.xact >= fold.next
      UNION ALL SELECT older.* FROM fold JOIN journal AS older ON older.xact IS NULL AND older.id > fold.before
    """
)
BOOKED = f"SELECT {_COLUMNS} FROM rollup WHERE lines <> 0 UNION ALL SELECT {_COLUMNS} FROM ({_UNFOLDED}) AS unfolded"  # noqa: S608 - our own pieces
"""Every movement of the ledger, added up as far as it is folded: for the FROM of a statement that says which days it wants."""
_SINCE = _SIDES.format(
    journals="""
      SELECT since.* FROM journal AS since
      WHERE since.xact >= pg_snapshot_xmin(CAST(:seen AS pg_snapshot))::text::bigint
        AND NOT pg_visible_in_snapshot(since.xact::text::xid8, CAST(:seen AS pg_snapshot))
        AND since.xact IS DISTINCT FROM pg_current_xact_id_if_assigned()::text::bigint
    """
)
SEEN = f"""{BOOKED} UNION ALL
    SELECT {", ".join(KEY)}, -lines, -amount, -retained FROM ({_SINCE}) AS since"""  # noqa: S608 - our own pieces
"""The same as an earlier statement of this transaction saw it, whose `pg_current_snapshot()` is bound as text to `:seen`.

It is exact, whoever folded meanwhile. No journal is ever changed or taken away, so this statement sees at least what that one saw.
What it sees more are just the journals of transactions that were not committed there, and those the snapshot tells by their number:
they are in `BOOKED` once, folded or not, and are taken off once. What this transaction wrote itself counts as it stands now, and
journals without a number are older than any snapshot.
"""

# An index leads to what is not folded; without figures about so few rows the planner might rather read them all.
_READY = text(
    "SELECT set_config('jit', 'off', true), set_config('enable_seqscan', 'off', true), "
    "(SELECT cluster FROM fold) = (SELECT system_identifier FROM pg_control_system()) AS here"
)
# One transaction may have written more than others, and is folded whole.
_STANDS = text("SELECT next, running, before, set_config('statement_timeout', '0', true) FROM fold FOR UPDATE SKIP LOCKED")
# As far as everybody can see, but no further than so many journals; who is still running is folded later.
_REACH = text(
    """
    WITH seen AS MATERIALIZED (SELECT pg_current_snapshot() AS snapshot), reach AS (
      SELECT least((SELECT xact + 1 FROM journal WHERE xact >= :next ORDER BY xact OFFSET :step LIMIT 1),
                   pg_snapshot_xmax(snapshot)::text::bigint) AS next, pg_snapshot_xmax(snapshot)::text::bigint AS last
      FROM seen
    )
    SELECT next, next < last AS more,
           ARRAY(SELECT xip::text::bigint FROM seen, pg_snapshot_xip(snapshot) AS xip WHERE xip::text::bigint < next) AS running
    FROM reach
    """
)
_OLDER = text("SELECT id FROM journal WHERE xact IS NULL AND id > :before ORDER BY id OFFSET :step LIMIT 1")
_ADD = f"""
    INSERT INTO rollup ({_COLUMNS})
    SELECT {", ".join(KEY)}, sum(lines), sum(amount), sum(retained) FROM ({{sides}}) AS side GROUP BY {", ".join(KEY)}
    ORDER BY {", ".join(KEY)}
    ON CONFLICT ON CONSTRAINT uq_rollup_movement DO UPDATE SET lines = rollup.lines + excluded.lines,
      amount = rollup.amount + excluded.amount, retained = rollup.retained + excluded.retained
"""  # noqa: S608 - our own pieces
_FOLD = text(
    _ADD.format(
        sides=_SIDES.format(
            journals="""
      SELECT late.* FROM journal AS late WHERE late.xact = ANY (:running) AND late.xact <> ALL (:still)
      UNION ALL
      SELECT recent.* FROM journal AS recent
      WHERE recent.xact >= :next AND recent.xact < :reach AND recent.xact <> ALL (:still)
    """
        )
    )
).bindparams(bindparam("running", type_=ARRAY(BigInteger())), bindparam("still", type_=ARRAY(BigInteger())))
_FOLD_OLDER = text(
    _ADD.format(
        sides=_SIDES.format(
            journals="SELECT older.* FROM journal AS older WHERE older.xact IS NULL AND older.id > :before AND older.id <= :until"
        )
    )
).bindparams(bindparam("before", type_=Uuid()), bindparam("until", type_=Uuid()))
_MOVE = text("UPDATE fold SET next = :reach, running = :still, before = :until, folded_at = :now").bindparams(
    bindparam("still", type_=ARRAY(BigInteger())), bindparam("until", type_=Uuid())
)


class LedgerMoved(PayHubError):
    """The rows were brought here from another database server, whose transactions were numbered otherwise."""

    code, status = "ledger_moved", 503
    title = Text(
        "Sổ cái vừa được khôi phục từ máy chủ khác: hãy chạy `payhub migrate`",
        "The ledger was restored from another database server: run `payhub migrate`",
    )


def ready(session: Session) -> None:
    """Let what follows in this transaction read `BOOKED` by its indexes; raise `LedgerMoved` where it means nothing here."""
    if not session.execute(_READY).one().here:
        raise LedgerMoved


@contextmanager
def reading(session: Session) -> Iterator[None]:
    """Be `ready` for a while, in a transaction that goes on with statements which want plans of their own."""
    ready(session)
    yield
    session.execute(text("SET LOCAL enable_seqscan TO DEFAULT"))


def fold(hub: Hub, most: int = 20, size: int = STEP) -> int:
    """Fold what is committed, each step in a transaction of its own; return how many steps were needed."""
    for done in range(most):
        with hub.db.session() as session:
            more = step(session, hub.clock.now(), size)
        if not more:
            return done + 1
    return most


def step(session: Session, now: datetime, size: int = STEP) -> bool | None:
    """Fold the next journals; tell whether there are more, or None where somebody else is folding at this moment."""
    ready(session)
    held = session.execute(_STANDS).one_or_none()
    if held is None:
        return None
    # Each of these statements sees whatever was committed since the row was locked, the last one at least what the first one saw.
    reach = session.execute(_REACH, {"next": held.next, "step": size}).one()
    binds = {"next": held.next, "running": held.running, "reach": reach.next, "still": reach.running}
    moved, until = rows_written(session, _FOLD, binds), held.before
    if held.before != _LAST and not reach.more:
        until = session.scalar(_OLDER, {"before": held.before, "step": size}) or _LAST
        session.execute(_FOLD_OLDER, {"before": held.before, "until": until})
    if moved or reach.more or until != held.before:
        session.execute(_MOVE, {**binds, "until": until, "now": now})
    return bool(reach.more) or until != _LAST
