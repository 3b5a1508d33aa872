"""What must hold of discrepancies, recomputed from rows."""

from payhub.registry import Law

_BEGINS = "('opened', 'new evidence', 'opened again', 'reopened')"
_GOES_ON = "('assigned', 'unassigned', 'commented', 'linked', 'asked', 'proposed', 'given back')"
LAWS = (
    Law(
        "a discrepancy is resolved if the last thing that decided it was an end, and open if it was evidence or a person",
        "SELECT count(*) FROM discrepancy",
        f"""
        SELECT d.id, d.state, last.act FROM discrepancy d LEFT JOIN LATERAL (
          SELECT a.act FROM discrepancy_act a WHERE a.discrepancy_id = d.id AND a.act NOT IN {_GOES_ON} ORDER BY a.seq DESC LIMIT 1
        ) AS last ON true
        WHERE last.act IS NULL OR (d.state = 'resolved') = (last.act IN {_BEGINS}) OR d.accepted <> (last.act = 'resolved')
        """,  # noqa: S608 - our own words
    ),
    Law(
        "the evidence of a discrepancy is what its history says of it last",
        "SELECT count(*) FROM discrepancy",
        """
        SELECT d.id, d.amount FROM discrepancy d JOIN LATERAL (
          SELECT a.data FROM discrepancy_act a WHERE a.discrepancy_id = d.id AND a.data ? 'evidence' ORDER BY a.seq DESC LIMIT 1
        ) AS last ON true
        WHERE (CAST(last.data ->> 'amount' AS bigint), last.data -> 'evidence') IS DISTINCT FROM (d.amount, d.evidence)
        """,
    ),
    Law(
        "what people have resolved, two people have agreed on",
        "SELECT count(*) FROM discrepancy WHERE accepted",
        """
        SELECT d.id FROM discrepancy d WHERE d.accepted AND NOT EXISTS (
          SELECT FROM discrepancy_act a JOIN proposal p ON CAST(p.id AS text) = a.data ->> 'proposal'
          WHERE a.discrepancy_id = d.id AND a.act = 'resolved' AND p.kind = 'discrepancy_accept' AND p.state = 'executed'
            AND p.target = 'discrepancy/' || d.id AND p.decided_by <> p.proposed_by AND p.target_seq = d.version - 1)
        """,
    ),
    Law(
        "what waits for a proposal waits for one that may still come to something",
        "SELECT count(*) FROM discrepancy WHERE state = 'proposed'",
        """
        SELECT d.id, p.kind, p.state FROM discrepancy d JOIN proposal p ON p.id = d.proposal_id
        WHERE p.state NOT IN ('proposed', 'approved') AND NOT EXISTS (
          SELECT FROM refund r WHERE r.proposal_id = p.id AND p.state = 'executed'
            AND r.state IN ('approved', 'submitted', 'unknown'))
        """,
    ),
    Law(
        "a discrepancy is the person's to whom it was last given",
        "SELECT count(*) FROM discrepancy WHERE owner_id IS NOT NULL",
        """
        SELECT d.id, d.owner_id, last.owner FROM discrepancy d LEFT JOIN LATERAL (
          SELECT a.data ->> 'owner' AS owner FROM discrepancy_act a
          WHERE a.discrepancy_id = d.id AND a.act IN ('assigned', 'unassigned') ORDER BY a.seq DESC LIMIT 1
        ) AS last ON true
        WHERE CAST(d.owner_id AS text) IS DISTINCT FROM last.owner
          OR d.owner_id IS NOT NULL AND NOT EXISTS (SELECT FROM principal p WHERE p.id = d.owner_id AND p.kind = 'person')
        """,
    ),
)
