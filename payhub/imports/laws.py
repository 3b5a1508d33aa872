"""What must hold of registers and of the files they come from, recomputed from rows."""

from payhub.registry import Law

LAWS = (
    Law(
        "an import's changes are those that its proposal was made of",
        "SELECT count(*) FROM register_import",
        "SELECT i.id, i.register FROM register_import i JOIN proposal p ON p.id = i.proposal_id LEFT JOIN LATERAL ("
        "SELECT encode(sha256(convert_to(string_agg(c.entry, E'\\n' ORDER BY c.number), 'UTF8')), 'hex') AS hash "
        "FROM register_change c WHERE c.import_id = i.id) AS made ON true "
        "WHERE p.kind <> 'register_import' OR p.target <> 'register/' || i.register "
        "OR made.hash IS DISTINCT FROM p.content ->> 'changes_sha256' OR encode(i.digest, 'hex') <> p.content ->> 'file_sha256'",
    ),
    Law(
        "an account that came by a file was approved by two people, waited, and was announced",
        "SELECT count(*) FROM collecting_account WHERE import_id IS NOT NULL",
        "SELECT a.id, a.valid_from FROM collecting_account a LEFT JOIN register_import i ON i.id = a.import_id "
        "LEFT JOIN proposal p ON p.id = i.proposal_id AND p.state = 'executed' "
        "WHERE a.import_id IS NOT NULL AND (p.id IS NULL "
        "OR a.valid_from < ((p.decided_at AT TIME ZONE 'UTC') + interval '7 hours')::date + i.cooling_days "
        "OR NOT EXISTS (SELECT FROM announcement n WHERE n.collecting_account_id = a.id AND n.kind = 'account' "
        "AND n.effective_on = a.valid_from))",
    ),
    Law(
        "no two rows of an agency, a portal or an account hold on a same day",
        "SELECT (SELECT count(*) FROM agency) + (SELECT count(*) FROM portal) + (SELECT count(*) FROM collecting_account)",
        "SELECT id, about FROM (SELECT id, about, valid_from, valid_to, "
        "lead(valid_from) OVER (PARTITION BY about ORDER BY valid_from) AS next FROM ("
        "SELECT id, 'agency/' || code AS about, valid_from, valid_to FROM agency "
        "UNION ALL SELECT id, 'portal/' || code, valid_from, valid_to FROM portal "
        "UNION ALL SELECT id, 'account/' || agency_id || '/' || purpose, valid_from, valid_to FROM collecting_account"
        ") AS rows WHERE valid_to IS DISTINCT FROM valid_from) AS followed WHERE next < coalesce(valid_to, 'infinity')",
    ),
)
