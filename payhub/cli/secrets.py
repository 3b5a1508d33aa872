"""Commands about secrets shared with gateways, portals and webhook endpoints."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click

from payhub import ids
from payhub.clock import LOCAL
from payhub.errors import InvalidInput
from payhub.hub import Hub
from payhub.secrets import presenting, service
from payhub.secrets.states import SecretState
from payhub.staff import terminal

_OPEN = (SecretState.PROPOSED.value, SecretState.LIVE.value)
_STDIN = Path("-")
_file = partial(
    click.option, "--file", "path", type=click.Path(path_type=Path, allow_dash=True), help="Where it is; - is standard input."
)


def _read(path: Path) -> str:
    """Return the secret in a file, or on standard input, which a terminal does not echo; the last line's end is not part of it."""
    if path == _STDIN and sys.stdin.isatty():
        return str(click.prompt("Secret", hide_input=True, confirmation_prompt=True, err=True))
    try:
        raw = sys.stdin.buffer.read() if path == _STDIN else path.read_bytes()
        return raw.decode().removesuffix("\n").removesuffix("\r")
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise click.ClickException("the secret is not text in UTF-8") from None


class _Named(click.Group):
    """Says which word of a command cannot be used, and why; never what was given."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except InvalidInput as error:
            raise click.ClickException("; ".join(f"{each.pointer[1:]}: {each.text.en}" for each in error.problems)) from None


@click.group("secrets", cls=_Named)
def secrets() -> None:
    """Secrets shared with gateways, portals and webhook endpoints."""


@secrets.command("list")
@click.option("--kind", help="Only of gateway, portal or webhook.")
@click.option("--all", "everything", is_flag=True, help="Those that are over too.")
@click.option("--limit", type=click.IntRange(1, 1000), default=200, show_default=True)
@click.pass_obj
def list_(hub: Callable[[], Hub], kind: str | None, everything: bool, limit: int) -> None:  # noqa: FBT001 - click's way
    """List secrets, newest first, without what they are: whose, what for, state, since when, and the proposal it waits for."""
    with hub().db.session() as session:
        found = presenting.page(hub(), session, limit=limit, kind=kind, states=() if everything else _OPEN)["data"]
    for shown in found:
        since = (shown["ended_at"] or shown["live_at"] or shown["created_at"]).astimezone(LOCAL)
        said = (*(shown[name] for name in ("id", "kind", "owner", "use", "state", "origin")), f"{since:%Y-%m-%d %H:%M}")
        click.echo("  ".join((*said, *filter(None, (shown["waits_for"],)))))


@secrets.command("add")
@click.argument("kind")
@click.argument("owner")
@click.option("--use", help="Gateway: the protocol's name for it; portal: inbound or outbound.")
@_file(required=False)
@click.option("--generate", is_flag=True, help="Make one and show it, this once.")
@terminal.token_file
@click.pass_obj
def add(
    hub: Callable[[], Hub], *, kind: str, owner: str, use: str | None, path: Path | None, generate: bool, token_file: Path
) -> None:
    """Add a secret of OWNER: of a gateway or portal it waits for another person to approve it."""
    if (path is None) is not generate:
        raise click.UsageError("say --file or --generate: a secret never stands on a command line")
    person, of = terminal.person(hub(), token_file, "admin"), presenting.kind_of(kind)
    given = _read(path) if path else None
    with hub().db.session() as session:
        added = service.add(hub(), session, of, of.find(session, owner), person.principal, use=use, given=given)
        shown = presenting.describe(hub(), session, [(of, added.row)])[0]
    click.echo("  ".join(filter(None, (shown["id"], shown["state"], shown["waits_for"]))))
    if added.shown:
        click.echo(added.shown)


@secrets.command("retire")
@click.argument("secret", metavar="ID")
@click.option("--last", is_flag=True, help="Even if no other one is live: nothing is signed or verified then.")
@terminal.token_file
@click.pass_obj
def retire(hub: Callable[[], Hub], secret: str, last: bool, token_file: Path) -> None:  # noqa: FBT001 - click's way
    """Retire secret ID: of a gateway or portal once another person has approved it. What it was is destroyed."""
    person = terminal.person(hub(), token_file, "admin")
    with hub().db.session() as session:
        of, row = service.find(hub(), session, secret)
        proposal = service.retire(hub(), session, of, row, person.principal, last=last)
    waits = ids.public_id("prp", proposal.id, hub().settings.mode) if proposal else None
    click.echo("  ".join(filter(None, (secret, str(row.state), waits))))


@secrets.command("compare")
@click.argument("secret", metavar="ID")
@_file(required=True)
@terminal.token_file
@click.pass_obj
def compare(hub: Callable[[], Hub], secret: str, path: Path, token_file: Path) -> None:
    """Tell whether secret ID is the one you hold, before you approve it; exit 1 where it is another."""
    person, text = terminal.person(hub(), token_file, "admin", "approver"), _read(path)
    with hub().db.session() as session:
        same = service.compare(hub(), session, *service.find(hub(), session, secret), text, person.principal)
    click.echo("the same" if same else "another")
    sys.exit(0 if same else 1)


COMMANDS = (secrets,)
