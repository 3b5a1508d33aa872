"""Commands about portals and their keys."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import click
from sqlalchemy import select

from payhub import ids
from payhub.hub import Hub
from payhub.portals import keys
from payhub.portals.models import ApiKey
from payhub.portals.service import portal_named
from payhub.staff import audit
from payhub.staff.models import SYSTEM_ID


@click.group("key")
def key() -> None:
    """API keys of portals."""


@key.command("new")
@click.argument("portal")
@click.option("--scope", "scopes", multiple=True, default=("payments:write", "payments:read"), show_default=True)
@click.option("--days", type=click.IntRange(1, 3660), default=365, show_default=True, help="How long the key works.")
@click.pass_obj
def key_new(hub: Callable[[], Hub], portal: str, scopes: tuple[str, ...], days: int) -> None:
    """Make a key for PORTAL and show it, this once."""
    made, now = keys.new_key(hub().settings.mode), hub().clock.now()
    prefix = keys.prefix_of(made, hub().settings.mode)
    with hub().db.session() as session:
        owner = portal_named(session, portal)
        if owner is None or prefix is None:
            raise click.ClickException(f"no portal has the code {portal}")
        added = ApiKey(
            id=ids.new_id(), portal_id=owner.id, prefix=prefix, digest=keys.digest(made), scopes=list(scopes), created_at=now,
            expires_at=now + timedelta(days=days), revoked_at=None,
        )  # fmt: skip
        session.add(added)
        session.flush()
        facts = {"portal": owner.code, "prefix": prefix, "scopes": sorted(scopes)}
        audit.append(session, actor=SYSTEM_ID, act="api_key.added", target=f"api_key/{added.id}", at=now, data=facts)
    click.echo(made)


@key.command("revoke")
@click.argument("prefix")
@click.pass_obj
def key_revoke(hub: Callable[[], Hub], prefix: str) -> None:
    """Revoke the key whose middle part is PREFIX; it stops working within a second."""
    with hub().db.session() as session:
        found = session.scalar(select(ApiKey).where(ApiKey.prefix == prefix))
        if found is None:
            raise click.ClickException(f"no key has the prefix {prefix}")
        found.revoked_at = now = hub().clock.now()
        session.flush()
        audit.append(session, actor=SYSTEM_ID, act="api_key.revoked", target=f"api_key/{found.id}", at=now, data={"prefix": prefix})
    click.echo(f"revoked {prefix}")


COMMANDS = (key,)
