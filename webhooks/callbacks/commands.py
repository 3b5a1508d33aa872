"""Commands about the messages of gateways that are kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
import orjson
from rich.console import Console
from rich.table import Table

from payhub.hub import Hub
from payhub.staff import terminal
from webhooks.callbacks import presenting, replaying
from webhooks.callbacks.schemas import STANDINGS, VERDICTS

GetHub = Callable[[], Hub]


@click.group("callbacks")
def group() -> None:
    """Messages of gateways, as they were kept."""


@group.command("list")
@click.option("--account", help="Code of a gateway account.")
@click.option("--standing", type=click.Choice(STANDINGS), help="`person` are those that wait for somebody.")
@click.option("--verdict", type=click.Choice(VERDICTS))
@click.option("--verified", type=click.Choice(("yes", "no")))
@click.option("--reference", help="What the gateway calls the order.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--after", "cursor", help="Id of the last one listed before.")
@click.pass_obj
def list_(hub: GetHub, /, limit: int, **wanted: str | None) -> None:
    """List messages, newest first."""
    table = Table("callback", "received", "account", "reference", "verdict", "last", "standing", "times")
    with hub().db.session() as session:
        found = presenting.page(hub(), session, limit=limit, **{name: value for name, value in wanted.items() if value})
    for each in found["data"]:
        facts = (each["gateway_account"], each["reference"] or "", each["verdict"], each["last_verdict"], each["standing"])
        table.add_row(each["id"], f"{each['received_at']:%Y-%m-%d %H:%M:%S}Z", *facts, str(each["times"]))
    Console().print(table)
    if found["next"]:
        click.echo(f"more: --after {found['next']}")


@group.command("show")
@click.argument("callback")
@click.pass_obj
def show(hub: GetHub, callback: str) -> None:
    """Show all that is known of CALLBACK but its bytes, as JSON."""
    with hub().db.session() as session:
        found = presenting.look(hub(), session, presenting.read_id(hub(), callback))
    click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())


@group.command("replay")
@click.argument("callback")
@click.option("--reason", type=click.Choice(replaying.REPLAY_REASONS), required=True)
@terminal.token_file
@click.pass_obj
def replay(hub: GetHub, callback: str, reason: str, token_file: Path) -> None:
    """Let CALLBACK be heard again, as if it came now; twice does nothing more."""
    person = terminal.person(hub(), token_file, "clerk", "approver")
    with hub().db.session() as session:
        done = replaying.replay(hub(), session, presenting.read_id(hub(), callback), person.id, reason)
        shown = presenting.describe(hub(), session, [done.row])[0]
    proof = "verifies" if done.verifies else "does not verify with the secrets that are live now"
    click.echo(f"{shown['id']}  {proof}: {done.said}; it is {shown['standing']}")
