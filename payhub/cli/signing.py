"""Commands about the keys that the hub signs with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from payhub.attesting import keys
from payhub.hub import Hub


@click.group("signing-keys")
def signing_keys() -> None:
    """Keys the hub signs with: day files for portals."""


@signing_keys.command("new")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def new(file: Path) -> None:
    """Make a key in FILE, for its owner alone; put its PEM at the front of signing.keys."""
    try:
        keys.write(file, keys.new_key())
    except FileExistsError:
        raise click.ClickException(f"{file} exists: a key is never written over") from None
    click.echo(keys.read(file.read_text(encoding="ascii"))[0].id)


@signing_keys.command("list")
@click.pass_obj
def list_(hub: Callable[[], Hub]) -> None:
    """List the keys that are published, the one that signs first."""
    signs = hub().attester.signs
    for key in hub().attester.keys.values():
        click.echo(f"{key.id}  {'signs' if key.id == signs.id else 'private' if key.private else 'public'}")


@signing_keys.command("public")
@click.argument("key", metavar="ID")
@click.pass_obj
def public(hub: Callable[[], Hub], key: str) -> None:
    """Print the public half of key ID in PEM: what stays in signing.keys of one that signs no more."""
    found = hub().attester.keys.get(key)
    if found is None:
        raise click.ClickException(f"signing.keys has no key {key}")
    click.echo(keys.public_half(found), nl=False)


COMMANDS = (signing_keys,)
