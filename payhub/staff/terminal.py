"""Who acts at a terminal: a person with a token in a file, which never stands in a command line or its history."""

from __future__ import annotations

from pathlib import Path

import click

from payhub.errors import Text, Unauthenticated
from payhub.hub import Hub
from payhub.staff.errors import RoleMissing
from payhub.staff.people import Person, authenticate_person

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_HELP = "The file that holds your personal token."

token_file = click.option("--token-file", required=True, type=_FILE, help=_HELP)
"""For a command that a person answers for."""
token_file_if_any = click.option("--token-file", type=_FILE, help=_HELP)
"""For one that may also only look."""


def person(hub: Hub, path: Path, *roles: str) -> Person:
    """Return who holds the token, if they have one of these roles; raise `Unauthenticated` or `RoleMissing`."""
    with hub.db.session() as session:
        found = authenticate_person(hub, session, path.read_text(encoding="utf-8").strip())
    if found is None:
        raise Unauthenticated(Text(f"{path} không chứa mã cá nhân còn hiệu lực", f"{path} holds no token that is in force"))
    if roles and not found.may(*roles):
        raise RoleMissing
    return found
