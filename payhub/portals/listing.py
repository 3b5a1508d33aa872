"""Keys as operators see them: everything about them but what opens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from payhub.portals.issuing import limit_of
from payhub.portals.limits import Limit
from payhub.portals.models import ApiKey, ApiKeyUse, Portal


@dataclass(frozen=True, slots=True)
class Shown:
    """One key; a limit of None is the usual one."""

    portal: str
    prefix: str
    state: str
    """`live`, `ending` where another follows it, `expired` or `revoked`."""
    scopes: tuple[str, ...]
    networks: tuple[str, ...]
    limit: Limit | None
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None
    replaces: str | None
    """Prefix of the key that it follows."""


def listed(session: Session, now: datetime, *, portal: str | None = None, over: bool = False, limit: int = 500) -> list[Shown]:
    """Return keys by portal, the newest first; those that are over only where they are asked for."""
    old = select(ApiKey.id, ApiKey.prefix).subquery()
    follower = select(ApiKey.replaces_id).where(ApiKey.replaces_id.is_not(None)).subquery()
    asked = (
        select(ApiKey, Portal.code, ApiKeyUse.used_at, old.c.prefix.label("replaces"), follower.c.replaces_id.label("followed"))
        .join(Portal, Portal.id == ApiKey.portal_id)
        .outerjoin(ApiKeyUse, ApiKeyUse.api_key_id == ApiKey.id)
        .outerjoin(old, old.c.id == ApiKey.replaces_id)
        .outerjoin(follower, follower.c.replaces_id == ApiKey.id)
        .order_by(Portal.code, ApiKey.created_at.desc(), ApiKey.id)
        .limit(limit)
    )
    if portal is not None:
        asked = asked.where(Portal.code == portal)
    if not over:
        asked = asked.where(ApiKey.revoked_at.is_(None), (ApiKey.expires_at.is_(None)) | (ApiKey.expires_at > now))
    return [
        Shown(
            row.code, key.prefix, _state(key, now, followed=row.followed is not None), tuple(key.scopes), tuple(key.networks),
            limit_of(key), key.created_at, key.expires_at, row.used_at, row.replaces,
        )
        for row in session.execute(asked) for key in [row.ApiKey]
    ]  # fmt: skip


def _state(key: ApiKey, now: datetime, *, followed: bool) -> str:
    if key.revoked_at is not None:
        return "revoked"
    if key.expires_at is not None and key.expires_at <= now:
        return "expired"
    return "ending" if followed else "live"
