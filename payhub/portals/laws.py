"""What must hold of keys."""

from payhub.registry import Law

LAWS = [
    Law(
        "a key that follows another is the same portal's, and the other has an end",
        "SELECT count(*) FROM api_key WHERE replaces_id IS NOT NULL",
        """
        SELECT follower.id FROM api_key follower JOIN api_key old ON old.id = follower.replaces_id
        WHERE follower.portal_id <> old.portal_id OR old.expires_at IS NULL
        """,
    ),
]
