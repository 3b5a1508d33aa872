"""Commands about portals' keys."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from payhub.clock import LOCAL
from payhub.errors import InvalidInput
from payhub.hub import Hub
from payhub.portals import issuing, listing
from payhub.portals.limits import Limit
from payhub.portals.scopes import SCOPES, USUAL
from payhub.portals.terms import Terms
from payhub.staff import terminal
from payhub.staff.models import SYSTEM_ID

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_DURATION, _LIMIT = re.compile(r"([0-9]{1,5})([smhd])"), re.compile(r"([0-9]{1,7})/s(?:,([0-9]{1,7}))?")
_WIDE = 400


class _Duration(click.ParamType[timedelta]):
    name = "duration"

    def convert(self, value: str | timedelta, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        found = _DURATION.fullmatch(value)
        if found is None:
            self.fail(f"{value!r} must be a number and a unit, such as 90d, 12h, 30m or 0s", param, ctx)
        return timedelta(**{_UNITS[found[2]]: int(found[1])})


class _Limit(click.ParamType[Limit | str]):
    name = "limit"

    def convert(self, value: str | Limit, param: click.Parameter | None, ctx: click.Context | None) -> Limit | str:
        if isinstance(value, Limit) or value == "usual":
            return value
        if value == "none":
            return Limit(0, 1)
        found = _LIMIT.fullmatch(value)
        if found is None:
            self.fail(f"{value!r} must be RATE/s,BURST such as 50/s,200; or none; or usual", param, ctx)
        return Limit(int(found[1]), int(found[2] or max(1, int(found[1]))))


class _Named(click.Group):
    """Says which option of a command cannot be used, and why."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except InvalidInput as error:
            raise click.ClickException("; ".join(f"{each.pointer[1:]}: {each.text.en}" for each in error.problems)) from None


_networks = click.option("--network", "networks", multiple=True, metavar="CIDR", help="Only from here; may be repeated.")
_limit = click.option("--limit", type=_Limit(), help="Calls: RATE/s,BURST, such as 50/s,200; none; or usual, as the settings say.")


@click.group("key", cls=_Named)
def key() -> None:
    """API keys of portals."""


@key.command("new")
@click.argument("portal")
@click.option("--scope", "scopes", multiple=True, default=USUAL, show_default=True, help="What it may do: see `payhub key scopes`.")
@click.option("--days", type=click.IntRange(1, 3660), default=365, show_default=True, help="How long the key works.")
@_networks
@_limit
@terminal.token_file_if_any
@click.pass_obj
def key_new(
    hub: Callable[[], Hub], *, portal: str, scopes: Sequence[str], days: int, networks: Sequence[str], limit: Limit | str | None,
    token_file: Path | None,
) -> None:  # fmt: skip
    """Make a key for PORTAL and show it, this once."""
    terms = Terms(scopes, networks, limit if isinstance(limit, Limit) else None)
    by = _who(hub(), token_file)
    with hub().db.session() as session:
        _, made = issuing.issue(hub(), session, by, portal, terms, timedelta(days=days))
    click.echo(made)


@key.command("list")
@click.argument("portal", required=False)
@click.option("--all", "everything", is_flag=True, help="Those that are over too.")
@click.pass_obj
def key_list(hub: Callable[[], Hub], *, portal: str | None, everything: bool) -> None:
    """List keys: what finds each, what it may do, until when, from where, how fast, and when it was last used."""
    usual = hub().limits.usual
    with hub().db.session() as session:
        found = listing.listed(session, hub().clock.now(), portal=portal, over=everything)
    table = Table("portal", "key", "state", "until", "last used", "limit", "networks", "scopes", box=None, pad_edge=False,
                  header_style="bold")  # fmt: skip
    for each in found:
        table.add_row(
            each.portal, each.prefix, each.state, _day(each.expires_at), _minute(each.used_at), _spelled(each.limit or usual),
            " ".join(each.networks) or "any", " ".join(each.scopes),
        )  # fmt: skip
    console = Console()
    # No key's line is broken: it is searched and piped.
    console.width = max(console.width, Console(width=_WIDE).measure(table).maximum)
    console.print(table)


@key.command("scopes")
def key_scopes() -> None:
    """List what a key can be allowed."""
    for scope, opens in SCOPES.items():
        click.echo(f"{scope:20} {opens}")


@key.command("rotate")
@click.argument("prefix", metavar="KEY")
@click.option("--overlap", type=_Duration(), default="7d", show_default=True, help="How long the old one works beside the new one.")
@terminal.token_file_if_any
@click.pass_obj
def key_rotate(hub: Callable[[], Hub], *, prefix: str, overlap: timedelta, token_file: Path | None) -> None:
    """Make a key that may do what KEY may and show it, this once; KEY ends after the overlap."""
    by = _who(hub(), token_file)
    with hub().db.session() as session:
        _, made = issuing.rotate(hub(), session, by, prefix, overlap)
    click.echo(made)


@key.command("change")
@click.argument("prefix", metavar="KEY")
@_networks
@click.option("--anywhere", is_flag=True, help="It may be used from any network.")
@_limit
@click.option("--days", type=click.IntRange(1, 3660), help="How long it works from now.")
@terminal.token_file_if_any
@click.pass_obj
def key_change(
    hub: Callable[[], Hub], *, prefix: str, networks: Sequence[str], anywhere: bool, limit: Limit | str | None, days: int | None,
    token_file: Path | None,
) -> None:  # fmt: skip
    """Change from where KEY may be used, how fast, or for how long. Its scopes stay: make another key for others."""
    if anywhere and networks:
        raise click.UsageError("give either --network or --anywhere")
    changes: dict[str, Any] = {"networks": networks} if networks or anywhere else {}
    if limit is not None:
        changes["limit"] = limit if isinstance(limit, Limit) else None
    if days is not None:
        changes["lives"] = timedelta(days=days)
    if not changes:
        raise click.UsageError("say what changes: --network, --anywhere, --limit or --days")
    by = _who(hub(), token_file)
    with hub().db.session() as session:
        click.echo(f"changed {issuing.change(hub(), session, by, prefix, **changes).prefix}")


@key.command("revoke")
@click.argument("prefix", metavar="KEY")
@terminal.token_file_if_any
@click.pass_obj
def key_revoke(hub: Callable[[], Hub], *, prefix: str, token_file: Path | None) -> None:
    """End KEY, named by its middle part: within a second no process lets it in."""
    by = _who(hub(), token_file)
    with hub().db.session() as session:
        click.echo(f"revoked {issuing.revoke(hub(), session, by, prefix).prefix}")


def _who(hub: Hub, token_file: Path | None) -> uuid.UUID:
    """Return who the audit names: the person whose token it is, or the hub itself for whoever may run its commands."""
    return terminal.person(hub, token_file, "admin").id if token_file else SYSTEM_ID


def _day(instant: datetime | None) -> str:
    return f"{instant.astimezone(LOCAL):%Y-%m-%d %H:%M}" if instant else "for ever"


def _minute(instant: datetime | None) -> str:
    return f"{instant.astimezone(LOCAL):%Y-%m-%d %H:%M}" if instant else "never"


def _spelled(limit: Limit) -> str:
    return f"{limit.rate}/s,{limit.burst}" if limit.rate else "none"


COMMANDS = (key,)
