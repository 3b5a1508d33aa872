"""The `payhub` command: everything an operator does, one subcommand each."""

from __future__ import annotations

import sys
from functools import cache

import click
from rich.console import Console
from sqlalchemy.exc import OperationalError

from payhub import log
from payhub.app import make_hub, registry
from payhub.cli import books, days, gateways, imports, keys, national, people, processes, registers, secrets, signing, staff
from payhub.deployment import WrongMode
from payhub.embedded import EmbeddedError
from payhub.errors import PayHubError
from payhub.hub import Hub
from payhub.payments.states import dot
from payhub.ring import standing
from payhub.settings import SettingsError

_errors = Console(stderr=True)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="payhub-server")
@click.pass_context
def payhub(context: click.Context) -> None:
    """PayHub: public fees asked for, paid and proven."""

    @cache
    def hub() -> Hub:
        made = make_hub()
        log.configure(made.settings.log)
        if context.invoked_subcommand != "migrate":
            with made.db.session() as session:
                standing.enter(made, session)
        return made

    context.obj = hub


@payhub.command()
def states() -> None:
    """Print the state graphs in the DOT language."""
    click.echo(dot(), nl=False)


ROOMS = (processes, books, days, registers, gateways, staff, secrets, keys, signing, imports, people, national)
for command in (*(each for room in ROOMS for each in room.COMMANDS), *registry().commands):
    payhub.add_command(command)


def main() -> None:
    """Run the command; what an operator can put right is one sentence, not a traceback."""
    try:
        payhub()
    except OperationalError:
        _errors.print("payhub: the database does not answer: check DATABASE_URL and that PostgreSQL runs", style="red")
        sys.exit(2)
    except (SettingsError, WrongMode, EmbeddedError, PayHubError) as error:
        _errors.print(f"payhub: {error}", style="red", markup=False, highlight=False)
        sys.exit(2)
