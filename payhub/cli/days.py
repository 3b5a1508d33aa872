"""Commands about treasury days."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from datetime import datetime

import click
from rich.console import Console
from rich.table import Table

from payhub.clock import LOCAL
from payhub.hub import Hub
from payhub.ledger import days
from payhub.money import format_amount

DATE = click.DateTime(["%Y-%m-%d"])


@click.group("day")
def day() -> None:
    """Treasury days: which are open, and shutting them."""


@day.command("shut")
@click.argument("on", type=DATE, metavar="DATE")
@click.option("--by", default=getpass.getuser, show_default="the user's own name", help="Who shuts it.")
@click.pass_obj
def shut(hub: Callable[[], Hub], on: datetime, by: str) -> None:
    """Shut DATE for ever: what comes later counts on the next open day."""
    with hub().db.session() as session:
        done = days.shut(session, on.date(), by, hub().clock.now())
    click.echo(f"{done.business_on} is shut since {_local(done.shut_at)} by {done.shut_by}")


@day.command("list")
@click.option("--limit", default=31, show_default=True, type=click.IntRange(1, 3660), help="How many days.")
@click.pass_obj
def list_(hub: Callable[[], Hub], limit: int) -> None:
    """List the newest days that have postings or are shut."""
    table = Table("day", "postings", "shut at", "by", box=None, pad_edge=False, header_style="bold")
    table.columns[1].justify = "right"
    with hub().db.session() as session:
        for found in days.recent(session, limit):
            table.add_row(str(found.business_on), format_amount(found.postings), _local(found.shut_at), found.shut_by or "")
    Console().print(table)


def _local(instant: datetime | None) -> str:
    return f"{instant.astimezone(LOCAL):%Y-%m-%d %H:%M:%S}" if instant else ""


COMMANDS = (day,)
