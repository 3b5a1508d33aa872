"""What must hold of runs that ended otherwise than well, and of files that came by themselves, recomputed from rows."""

from payhub.registry import Law

LAWS = (
    Law(
        "a run that was cancelled, failed or has not ended proves nothing",
        "SELECT count(*) FROM run WHERE state <> 'done'",
        "SELECT run.id, run.state FROM run WHERE state <> 'done' AND (EXISTS (SELECT FROM run_total AS t WHERE t.run_id = run.id) "
        "OR EXISTS (SELECT FROM run_refund AS r WHERE r.run_id = run.id) OR run.counts <> '{}')",
    ),
    Law(
        "a file that came by itself and was taken is a settlement or a statement of its account, by the same bytes",
        "SELECT count(*) FROM received_file WHERE state IN ('taken', 'known')",
        """
        SELECT file.id, file.state FROM received_file AS file
        LEFT JOIN settlement AS s
          ON s.id = file.settlement_id AND s.gateway_account_id = file.gateway_account_id AND s.digest = file.digest
        LEFT JOIN statement AS b
          ON b.id = file.statement_id AND b.bank_account_id = file.bank_account_id AND b.digest = file.digest
        WHERE (file.state IN ('taken', 'known')) <> (s.id IS NOT NULL OR b.id IS NOT NULL)
        """,
    ),
)
