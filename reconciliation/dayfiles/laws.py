"""What must hold of day files, counted again from the ledger as it stood when each was made."""

from payhub.registry import Law
from reconciliation.dayfiles.entries import ENTRIES

# Transactions of another server are numbered otherwise, and journals without a number were there before all files.
_RECOUNT = f"""
    SELECT file.id AS day_file_id, entry.type, entry.currency, count(*) AS count, sum(entry.amount)::bigint AS amount
    FROM day_file AS file
    JOIN ({ENTRIES.format(which="posting.business_on IN (SELECT business_on FROM day_file)")}) AS entry
      ON entry.portal_id = file.portal_id AND entry.business_on = file.business_on AND entry.amount <> 0
    JOIN journal ON journal.id = entry.id
    WHERE file.cluster = (SELECT system_identifier FROM pg_control_system())
      AND (journal.xact IS NULL OR pg_visible_in_snapshot(journal.xact::text::xid8, file.snapshot::pg_snapshot))
    GROUP BY 1, 2, 3
"""  # noqa: S608 - our own piece
LAWS = [
    Law(
        "each day file adds up to the ledger's entries of its portal and day, as they stood when it was made",
        "SELECT count(*) FROM day_file",
        f"""
        WITH said AS (
          SELECT day_file_sum.* FROM day_file_sum JOIN day_file ON day_file.id = day_file_id
          WHERE cluster = (SELECT system_identifier FROM pg_control_system())
        )
        SELECT day_file_id, type, said.count, found.count, said.amount, found.amount
        FROM said FULL JOIN ({_RECOUNT}) AS found USING (day_file_id, type, currency)
        WHERE (said.count, said.amount) IS DISTINCT FROM (found.count, found.amount)
        """,  # noqa: S608 - our own piece
    ),
    Law(
        "a day file says of itself what was signed, and its versions follow one another",
        "SELECT count(*) FROM day_file",
        """
        SELECT file.id, file.version FROM (
          SELECT *, row_number() OVER (PARTITION BY portal_id, business_on ORDER BY version) AS ordinal FROM day_file) AS file
        JOIN portal ON portal.id = file.portal_id
        CROSS JOIN LATERAL (SELECT manifest::jsonb AS said) AS signed
        WHERE version <> ordinal
           OR count <> (SELECT coalesce(sum(count), 0) FROM day_file_sum WHERE day_file_id = file.id)
           OR (said ->> 'sha256', said ->> 'portal', said ->> 'day') IS DISTINCT FROM (digest::text, portal.code, business_on::text)
           OR (said ->> 'version', said ->> 'count', said ->> 'size') IS DISTINCT FROM (version::text, count::text, size::text)
           OR size <> 0 AND NOT EXISTS (SELECT FROM file_part WHERE file_part.file_id = file.id)
        """,
    ),
]
