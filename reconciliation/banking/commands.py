"""`payhub statements import`, `payhub payouts`."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO

import click
from rich.console import Console
from rich.table import Table

from payhub.hub import Hub
from payhub.money import format_amount
from reconciliation.banking import presenting
from reconciliation.banking.models import KINDS, PAYOUT_STATES
from reconciliation.banking.statements import import_statement

_LIMIT = 50


@click.group()
def statements() -> None:
    """Statements of the hub's own bank accounts."""


@statements.command("import")
@click.argument("account")
@click.argument("file", type=click.File("rb"))
@click.option("--kind", type=click.Choice(KINDS), default="statement", help="What the file is.")
@click.pass_obj
def import_(get_hub: Callable[[], Hub], account: str, file: IO[bytes], kind: str) -> None:
    """Take a bank's FILE for one of the hub's bank accounts, and hold the payouts against it."""
    taken, console = import_statement(get_hub(), account, kind, file.name, file), Console()
    for row in taken.statements:
        ends = [format_amount(each) for each in (row.opening, row.closing) if each is not None]
        balances = f", {' to '.join(ends)} {row.currency}" if ends else ""
        what = "known already, nothing changed" if taken.already else f"{row.line_count} lines{balances}"
        console.print(f"{kind} of {account}, {row.from_on} to {row.to_on}: {what}", highlight=False)


@click.command("payouts")
@click.option("--state", type=click.Choice(PAYOUT_STATES), help="Only those that stand so.")
@click.option("--account", help="Only those of this gateway account.")
@click.pass_obj
def show_payouts(get_hub: Callable[[], Hub], state: str | None, account: str | None) -> None:
    """Print what gateways say they pay over, newest first, and whether the bank shows it."""
    page = presenting.page_of_payouts(get_hub(), limit=_LIMIT, state=state, account=account)
    table = Table("account", "payout", "due", "state", "banked", box=None, pad_edge=False, header_style="bold")
    for column in ("gross", "fees", "net", "currency"):
        table.add_column(column, justify="right")
    for row in page["data"]:
        said = (row["account"], row["reference"], str(row["due_on"]), row["state"], str(row["banked_on"] or ""))
        table.add_row(*said, *(format_amount(row[name]) for name in ("gross", "fees", "net")), row["currency"])
    Console().print(table)


COMMANDS: list[click.Command] = [statements, show_payouts]
