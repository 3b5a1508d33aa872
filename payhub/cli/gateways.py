"""Commands about gateway accounts: how they stand, and holding one back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from payhub.accounts import holds
from payhub.accounts.models import HOLD_REASONS, GatewayHold
from payhub.accounts.standing import standings
from payhub.clock import LOCAL
from payhub.hub import Hub
from payhub.staff import terminal

_reason = click.option("--reason", type=click.Choice(HOLD_REASONS), required=True)


@click.group("gateways", invoke_without_command=True)
@click.pass_context
def gateways(context: click.Context) -> None:
    """Gateway accounts and how they stand."""
    if context.invoked_subcommand is None:
        _show(context.obj())


@gateways.command("hold")
@click.argument("account")
@_reason
@terminal.token_file
@click.pass_obj
def hold(hub: Callable[[], Hub], account: str, reason: str, token_file: Path) -> None:
    """Offer ACCOUNT to nobody, at once, until it is released; attempts that are under way go on."""
    _act(hub(), holds.hold, account, reason, token_file)
    click.echo(f"{account} is held: no page offers it from now on")


@gateways.command("release")
@click.argument("account")
@_reason
@terminal.token_file
@click.pass_obj
def release(hub: Callable[[], Hub], account: str, reason: str, token_file: Path) -> None:
    """Offer ACCOUNT again."""
    _act(hub(), holds.release, account, reason, token_file)
    click.echo(f"{account} is offered again")


def _act(hub: Hub, act: Callable[..., GatewayHold], account: str, reason: str, token_file: Path) -> None:
    person = terminal.person(hub, token_file, *holds.MAY)
    with hub.db.session() as session:
        act(session, account, reason, person.principal, hub.clock.now())


def _show(hub: Hub) -> None:
    table = Table("account", "gateway", "stands", "calls", "bad", "good of all", "held")
    with hub.db.session() as session:
        found = standings(hub, session)
    for each in found:
        rate = "" if each["rate"] is None else f"{each['rate']:.1%}"
        since = f"{each['held_at'].astimezone(LOCAL):%Y-%m-%d %H:%M}" if each["held_at"] else ""
        held = f"{each['reason']}, by {each['held_by']}, {since}" if since else ""
        numbers = (str(each["calls"]), str(each["bad"]), rate)
        table.add_row(each["account"], each["gateway"], each["condition"], *numbers, held)
    Console().print(table)


COMMANDS = (gateways,)
