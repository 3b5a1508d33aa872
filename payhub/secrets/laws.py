"""What must hold of secrets, recomputed from rows."""

from payhub.registry import Law

_LIVE = " + ".join(
    f"(SELECT count(*) FROM {table} WHERE state = 'live')"  # noqa: S608 - our own names
    for table in ("gateway_secret", "portal_secret", "file_source_secret", "webhook_secret")
)
_TWO_PEOPLE = (
    "SELECT 'gateway_secret' AS holder, id, state, fingerprint FROM gateway_secret "
    "UNION ALL SELECT 'portal_secret', id, state, fingerprint FROM portal_secret "
    "UNION ALL SELECT 'file_source_secret', id, state, fingerprint FROM file_source_secret"
)

LAWS = (
    Law(
        "of one owner and use at most two secrets are live",
        f"SELECT {_LIVE}",
        "SELECT owner, use FROM (SELECT gateway_account_id AS owner, name AS use, state FROM gateway_secret "
        "UNION ALL SELECT portal_id, direction, state FROM portal_secret "
        "UNION ALL SELECT file_source_id, name, state FROM file_source_secret "
        "UNION ALL SELECT endpoint_id, direction, state FROM webhook_secret) AS secret "
        "WHERE state = 'live' GROUP BY owner, use HAVING count(*) > 2",
    ),
    Law(
        "a gateway's, a portal's or a file source's secret waits exactly as long as its proposal does",
        f"SELECT count(*) FROM ({_TWO_PEOPLE}) AS secret WHERE state = 'proposed'",  # noqa: S608 - our own names
        f"SELECT secret.id, secret.holder FROM ({_TWO_PEOPLE}) AS secret WHERE (state = 'proposed') <> EXISTS ("  # noqa: S608 - our own names
        "SELECT FROM proposal p WHERE p.kind = 'secret_add' AND p.target = secret.holder || '/' || secret.id "
        "AND p.state = 'proposed' AND p.content ->> 'fingerprint' = secret.fingerprint)",
    ),
)
