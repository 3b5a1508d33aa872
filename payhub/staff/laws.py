"""What must hold of proposals and of the audit chain, recomputed from rows."""

from payhub.registry import Law

LAWS = (
    Law(
        "what was approved has two different principals, and the second is a person",
        "SELECT count(*) FROM proposal WHERE state IN ('approved', 'executed')",
        "SELECT p.id, p.state, p.proposed_by, p.decided_by FROM proposal p LEFT JOIN principal d ON d.id = p.decided_by "
        "WHERE p.state IN ('approved', 'executed') "
        "AND (d.id IS NULL OR d.kind <> 'person' OR p.decided_by = p.proposed_by)",
    ),
    Law(
        "a proposal's hash is the hash of its content",
        "SELECT count(*) FROM proposal",
        "SELECT id, kind, target FROM proposal WHERE content_hash <> sha256(convert_to(content_text, 'UTF8')) "
        "OR CAST(content_text AS jsonb) <> content",
    ),
    Law(
        "every step of a proposal stands in the audit, by whom it was taken and with the hash it was taken for",
        "SELECT count(*) FROM proposal",
        "SELECT p.id, p.state, step.act FROM proposal p CROSS JOIN LATERAL (VALUES "
        "('proposed', p.proposed_by, p.proposed_at), "
        "('approved', CASE WHEN p.state IN ('approved', 'executed') THEN p.decided_by END, p.decided_at), "
        "('declined', CASE WHEN p.state = 'declined' THEN p.decided_by END, p.decided_at), "
        "('withdrawn', CASE WHEN p.state = 'withdrawn' THEN p.decided_by END, p.decided_at)) AS step (act, actor, at) "
        "WHERE step.actor IS NOT NULL AND NOT EXISTS (SELECT FROM audit_entry a WHERE a.target = 'proposal/' || p.id "
        "AND a.act = 'proposal.' || step.act AND a.actor = step.actor AND a.at = step.at "
        "AND coalesce(a.data ->> 'content_hash', encode(p.content_hash, 'hex')) = encode(p.content_hash, 'hex'))",
    ),
    Law(
        "the audit is one unbroken chain, and each entry says what was hashed",
        "SELECT count(*) FROM audit_entry",
        "SELECT seq, act, target FROM (SELECT *, "
        "coalesce(lag(hash) OVER (ORDER BY seq), decode(repeat('00', 32), 'hex')) AS before, "
        "row_number() OVER (ORDER BY seq) AS ordinal FROM audit_entry) chained "
        "WHERE seq <> ordinal OR previous_hash <> before OR hash <> sha256(previous_hash || convert_to(entry, 'UTF8')) "
        "OR CAST(entry AS jsonb) <> jsonb_build_object('seq', seq, 'at', "
        "to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), "
        "'actor', CAST(actor AS text), 'act', act, 'target', target, 'data', data) ORDER BY seq",
    ),
)
