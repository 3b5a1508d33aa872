"""Making, changing, following up and ending keys; the audit has each of these acts, and never a key."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from payhub import ids
from payhub.errors import FieldProblem, InvalidInput, PayHubError, Text
from payhub.hub import Hub
from payhub.portals import keys
from payhub.portals.limits import Limit
from payhub.portals.models import ApiKey
from payhub.portals.service import portal_named
from payhub.portals.terms import Terms, duration_problems
from payhub.staff import audit

_MOMENT = timedelta(seconds=1)


class KeyUnknown(PayHubError):
    """No key is found by this prefix."""

    code, status = "key_unknown", 404
    title = Text("Không có khóa API với phần giữa này", "No key has this prefix")


class KeyOver(PayHubError):
    """A key that has expired, was revoked, or has its follower already."""

    code, status = "key_over", 409
    title = Text("Khóa API đã kết thúc hoặc đã có khóa thay thế", "The key is over, or another follows it already")


def issue(hub: Hub, session: Session, by: uuid.UUID, portal_code: str, terms: Terms, lives: timedelta) -> tuple[ApiKey, str]:
    """Make a key for a portal; return its row and itself, which nobody can see again."""
    portal = portal_named(session, portal_code)
    problems = [*terms.problems(), *duration_problems("/lives", lives, _MOMENT)]
    if portal is None:
        problems.append(FieldProblem("/portal", "unknown", Text("Không có cổng với mã này", "No portal has this code")))
    if problems or portal is None:
        raise InvalidInput(problems)
    row, made = _made(hub, session, portal.id, terms, hub.clock.now() + lives)
    facts = {"portal": portal.code, **_said(row)}
    audit.append(session, actor=by, act="api_key.added", target=f"api_key/{row.id}", at=row.created_at, data=facts)
    return row, made


def rotate(hub: Hub, session: Session, by: uuid.UUID, prefix: str, overlap: timedelta) -> tuple[ApiKey, str]:
    """Make a key that may do what another may; that one ends after the overlap. Return the new one as `issue` does."""
    old, now = _standing(hub, session, prefix), hub.clock.now()
    if session.scalar(select(ApiKey.id).where(ApiKey.replaces_id == old.id)) is not None:
        raise KeyOver(Text("Khóa này đã có khóa thay thế", "Another key follows this one already"))
    if problems := list(duration_problems("/overlap", overlap, timedelta(0))):
        raise InvalidInput(problems)
    lives = old.expires_at - old.created_at if old.expires_at else timedelta(days=365)
    terms = Terms(old.scopes, old.networks, limit_of(old))
    old.expires_at = ends = min(old.expires_at or now + overlap, now + overlap)
    row, made = _made(hub, session, old.portal_id, terms, now + lives, replaces=old.id)
    facts = {"old": old.prefix, "old_ends": f"{ends:%Y-%m-%dT%H:%M:%SZ}", **_said(row)}
    audit.append(session, actor=by, act="api_key.rotated", target=f"api_key/{row.id}", at=now, data=facts)
    return row, made


def change(hub: Hub, session: Session, by: uuid.UUID, prefix: str, **changes: Any) -> ApiKey:
    """Change a key's `networks`, `limit` (None: as the settings say) or `lives`, its time from now; its scopes stay."""
    row, now = _standing(hub, session, prefix), hub.clock.now()
    terms = Terms(row.scopes, changes.get("networks", row.networks), changes.get("limit", limit_of(row)))
    lives = changes.get("lives", _MOMENT)
    # Its scopes are those it was given, whatever is on the list by now.
    found = (each for each in terms.problems() if each.pointer != "/scopes")
    if problems := [*found, *duration_problems("/lives", lives, _MOMENT)]:
        raise InvalidInput(problems)
    before = _said(row)
    _set(row, terms)
    row.expires_at = now + lives if "lives" in changes else row.expires_at
    session.flush()
    facts = {"before": before, **_said(row)}
    audit.append(session, actor=by, act="api_key.changed", target=f"api_key/{row.id}", at=now, data=facts)
    return row


def revoke(hub: Hub, session: Session, by: uuid.UUID, prefix: str) -> ApiKey:
    """End a key: within a second no process lets it in. To end it again changes nothing."""
    row = _find(session, prefix)
    if row.revoked_at is None:
        row.revoked_at = now = hub.clock.now()
        session.flush()
        audit.append(session, actor=by, act="api_key.revoked", target=f"api_key/{row.id}", at=now, data={"prefix": row.prefix})
    return row


def limit_of(key: ApiKey) -> Limit | None:
    """Return a key's own limit, None where it has the usual one."""
    return None if key.rate is None or key.burst is None else Limit(key.rate, key.burst)


def _find(session: Session, prefix: str) -> ApiKey:
    # Whoever has the whole key at hand may show it: what finds it is its third part.
    part = prefix.split("_")[2] if prefix.count("_") == 3 else prefix
    row = session.scalar(select(ApiKey).where(ApiKey.prefix == part).with_for_update())
    if row is None:
        raise KeyUnknown
    return row


def _standing(hub: Hub, session: Session, prefix: str) -> ApiKey:
    row = _find(session, prefix)
    if row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= hub.clock.now()):
        raise KeyOver(Text("Khóa đã hết hạn hoặc bị thu hồi; hãy tạo khóa mới", "The key is over: make a new one"))
    return row


def _made(
    hub: Hub, session: Session, portal_id: uuid.UUID, terms: Terms, ends: datetime, replaces: uuid.UUID | None = None
) -> tuple[ApiKey, str]:
    made = keys.new_key(hub.settings.mode)
    row = ApiKey(
        id=ids.new_id(), portal_id=portal_id, prefix=made.split("_")[2], digest=keys.digest(made), created_at=hub.clock.now(),
        scopes=sorted(set(terms.scopes)), expires_at=ends, revoked_at=None, replaces_id=replaces,
    )  # fmt: skip
    _set(row, terms)
    session.add(row)
    session.flush()
    return row, made


def _set(row: ApiKey, terms: Terms) -> None:
    row.networks = sorted({str(ip_network(each)) for each in terms.networks})
    row.rate, row.burst = (terms.limit.rate, terms.limit.burst) if terms.limit else (None, None)


def _said(row: ApiKey) -> dict[str, Any]:
    """Return what the audit keeps of a key."""
    ends = f"{row.expires_at:%Y-%m-%dT%H:%M:%SZ}" if row.expires_at else None
    own = {"rate": row.rate, "burst": row.burst} if limit_of(row) else {}
    return {"prefix": row.prefix, "scopes": list(row.scopes), "networks": list(row.networks), "expires": ends, **own}
