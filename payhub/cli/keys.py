"""Commands about the key ring."""

from __future__ import annotations

import sys
from collections.abc import Callable

import click
from rich.console import Console
from rich.table import Table

from payhub.clock import LOCAL
from payhub.crypto import new_key
from payhub.hub import Hub
from payhub.ring import rotation, standing
from payhub.ring.standing import Standing


@click.group("keys")
def keys() -> None:
    """Keys of the ring that seals personal data and secrets."""


@keys.command("new")
def keys_new() -> None:
    """Print a fresh key; put it at the end of secrets.keys as VERSION:KEY."""
    click.echo(new_key())


@keys.command("status")
@click.pass_obj
def keys_status(hub: Callable[[], Hub]) -> None:
    """Count what each key still opens, and say which may be dropped; exit 1 where a key is missing."""
    with hub().db.session() as session:
        found = standing.look(hub(), session)
    shown = sorted({*found.versions, *(version for versions in found.values.values() for version in versions)})
    table = Table("sealed", *(f"key {version}" for version in shown), box=None, pad_edge=False, header_style="bold")
    for name, versions in found.values.items():
        table.add_row(name, *(f"{versions.get(version, 0):,}" for version in shown))
    Console().print(table)
    for version in shown:
        click.echo(_verdict(found, version))
    if not set(shown) <= found.versions:
        sys.exit(1)


def _verdict(found: Standing, version: int) -> str:
    """Say in a line what may be done with a key."""
    left, waiting, sealing = found.left(version), found.waiting.get(version, 0), found.sealing.get(version, 0)
    until = found.links_until
    if version not in found.versions:
        said = f"is not on the ring, and {left:,} values need it: put it back"
    elif version >= found.newest:
        said = "seals" if version == found.newest else "is held back by secrets.current"
    elif left:
        said = f"must stay: it opens {left:,} values; run `payhub keys rotate`"
    elif sealing:
        said = f"must stay: processes with {sealing:,} connections seal with it still; start them again, and rotate again"
    elif waiting:
        said = f"must stay until {waiting:,} proposals of secrets are decided"
    elif until:
        last = f"{until.astimezone(LOCAL):%Y-%m-%d %H:%M}"
        said = f"opens nothing; {found.links:,} open payments may have links of it: drop it after {last}"
    else:
        said = "may be dropped from secrets.keys"
    return f"key {version} {said}"


@keys.command("rotate")
@click.option("--batch", type=click.IntRange(1, 10_000), default=rotation.BATCH, show_default=True, help="Values in a transaction.")
@click.option("--anyway", is_flag=True, help="Though processes seal with another key: those that lack the newest fail at once.")
@click.pass_obj
def keys_rotate(hub: Callable[[], Hub], batch: int, anyway: bool) -> None:  # noqa: FBT001 - click's way
    """Seal everything again under the newest key; killed, it goes on where it was when it is run again."""
    if not anyway:
        _demand_all_follow(hub())
    done: dict[str, int] = {}

    def tell(step: rotation.Step) -> None:
        done[step.value] = done.get(step.value, 0) + step.moved.done
        for row in step.moved.unopened:
            click.echo(f"{step.value} {row} cannot be opened", err=True)
        if sys.stderr.isatty():
            click.echo(f"\r{step.value}: {done[step.value]:,}\033[K", nl=False, err=True)

    failed = rotation.rotate(hub(), tell, batch)
    click.echo(f"{sum(done.values()):,} values moved to key {hub().keyring.newest}")
    if failed:
        raise click.ClickException(f"{failed:,} values could not be opened")


def _demand_all_follow(hub: Hub) -> None:
    """Refuse while a process seals with another key: if it lacks the newest it opens no secret any more, and answers nobody."""
    newest = hub.keyring.newest
    with hub.db.session() as session:
        others = standing.behind(session, newest)
    if others:
        listed = ", ".join(f"{held:,} connections with key {version}" for version, held in sorted(others.items()))
        raise click.ClickException(
            f"processes seal with another key than {newest} still ({listed}): start them again with this ring, "
            "or say --anyway if all of them have it"
        )


COMMANDS = (keys,)
