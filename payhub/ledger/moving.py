"""Rows that came from another database server by a dump: its transactions were numbered otherwise, so all is folded anew."""

from __future__ import annotations

from sqlalchemy import Engine, text

_CAME = text("SELECT cluster <> (SELECT system_identifier FROM pg_control_system()) FROM fold")
# Journals lose the number of a transaction that nobody here knows, which rewrites no row, and count as not folded. Nothing is
# booked meanwhile; totals are right at every moment after, and fast again when everything is folded.
_ANEW = """
    ALTER TABLE journal DROP COLUMN xact;
    ALTER TABLE journal ADD COLUMN xact bigint;
    ALTER TABLE journal ALTER COLUMN xact SET DEFAULT ((pg_current_xact_id())::text)::bigint;
    CREATE INDEX ix_journal_xact ON journal (xact) WHERE xact IS NOT NULL;
    UPDATE rollup SET lines = 0, amount = 0, retained = 0;
    UPDATE fold SET (next, running, before, cluster, folded_at) = (
      SELECT pg_snapshot_xmax(seen)::text::bigint, ARRAY(SELECT xip::text::bigint FROM pg_snapshot_xip(seen) AS xip),
             '00000000-0000-0000-0000-000000000000'::uuid, system_identifier, now()
      FROM pg_current_snapshot() AS seen, pg_control_system())
"""


def has_moved(engine: Engine) -> bool:
    """Tell whether the rows come from another database server."""
    with engine.connect() as connection:
        return bool(connection.scalar(_CAME))


def fold_anew_if_moved(engine: Engine) -> bool:
    """Let the rollups begin again where the rows come from another server, as the owner of the tables; tell whether they do."""
    with engine.begin() as connection:
        if not connection.scalar(_CAME):
            return False
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        connection.exec_driver_sql(_ANEW)
    return True
