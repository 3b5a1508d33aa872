"""`payhub settlements import` and `list`, `payhub statements list`: handing files in by hand, and what was handed in."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import IO, Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy import select

from payhub.clock import LOCAL
from payhub.hub import Hub
from payhub.money import format_amount
from reconciliation import jobs
from reconciliation.banking import presenting as banking
from reconciliation.banking.commands import statements
from reconciliation.files.lines import REASONS
from reconciliation.models import Settlement
from reconciliation.settlements import Imported, account_of, import_settlement
from reconciliation.trying import settlements

_DATE = click.DateTime(["%Y-%m-%d"])
_LIMIT = click.option("--limit", type=click.IntRange(1, 1000), default=30, show_default=True, help="How many are listed.")
GetHub = Callable[[], Hub]


@settlements.command("import")
@click.argument("account")
@click.argument("day", type=_DATE, metavar="DATE")
@click.argument("file", type=click.File("rb"))
@click.option("--until", type=_DATE, metavar="DATE", help="The last day FILE covers; without it, one day.")
@click.pass_obj
def import_(get_hub: GetHub, account: str, day: datetime, file: IO[bytes], until: datetime | None) -> None:
    """Take FILE (`-` is standard input) for a day of a gateway account; a worker then holds it against the hub."""
    hub, console = get_hub(), Console()
    name = "" if file is sys.stdin.buffer else file.name
    imported = import_settlement(hub, account, day.date(), name, file, until.date() if until else None)
    if not imported.already:
        jobs.send(hub, imported.run_id)
    print_imported(console, imported)


@settlements.command("list")
@click.option("--account", help="Only those of this gateway account.")
@click.option("--date", "day", type=_DATE, metavar="DATE", help="Only those that cover this day.")
@click.option("--all", "every", is_flag=True, help="Those too whose place another took.")
@_LIMIT
@click.pass_obj
def list_(get_hub: GetHub, account: str | None, day: datetime | None, limit: int, *, every: bool) -> None:
    """Settlement files that were taken, newest first."""
    hub = get_hub()
    table = Table("account", "days", "file", "taken", box=None, pad_edge=False, header_style="bold")
    for column in ("lines", "set aside", "sum", "currency"):
        table.add_column(column, justify="right")
    for row in _found(hub, account, day.date() if day else None, limit, every=every):
        days = f"{row.period_on}" + (f" to {row.until_on}" if row.until_on != row.period_on else "")
        if row.superseded_by_id is not None:
            days += " (replaced)"
        code = hub.registers.gateway_accounts_by_id[row.gateway_account_id].code
        taken = f"{row.received_at.astimezone(LOCAL):%Y-%m-%d %H:%M}"
        figures = (format_amount(row.line_count), format_amount(row.reject_count), format_amount(row.line_sum), row.currency)
        table.add_row(code, days, escape(row.file_name), taken, *figures)
    Console().print(table)


@statements.command("list")
@click.option("--account", help="Only those of this bank account.")
@_LIMIT
@click.pass_obj
def list_statements(get_hub: GetHub, account: str | None, limit: int) -> None:
    """Statements and notifications that were taken, newest first."""
    table = Table("account", "kind", "days", "file", box=None, pad_edge=False, header_style="bold")
    for column in ("lines", "opening", "closing", "currency"):
        table.add_column(column, justify="right")
    for row in banking.page_of_statements(get_hub(), limit=limit, bank_account=account)["data"]:
        days = f"{row['from']} to {row['until']}" + (" (replaced)" if row["superseded_by"] else "")
        balances = ("" if row[name] is None else format_amount(row[name]) for name in ("opening", "closing"))
        told = (row["bank_account"], row["kind"], days, escape(row["file_name"]))
        table.add_row(*told, format_amount(row["lines"]), *balances, row["currency"])
    Console().print(table)


def print_imported(console: Console, imported: Imported) -> None:
    """Say what a file was taken as, and which rows were set aside."""
    row = imported.settlement
    taken = f"{row.line_count} lines, {row.reject_count} rows set aside"
    what = "known already, nothing changed" if imported.already else taken
    console.print(f"{row.file_name}: {what}", highlight=False, markup=False)
    for reject in imported.rejects:
        console.print(f"  row {reject.number}, column {reject.field}: {REASONS[reject.reason].en}", highlight=False, markup=False)


def _found(hub: Hub, account: str | None, day: date | None, limit: int, *, every: bool) -> Sequence[Settlement]:
    wanted: Any = select(Settlement).order_by(Settlement.id.desc()).limit(limit)
    if account is not None:
        account_id: uuid.UUID = account_of(hub, account).id
        wanted = wanted.where(Settlement.gateway_account_id == account_id)
    if day is not None:
        wanted = wanted.where(Settlement.period_on <= day, Settlement.until_on >= day)
    if not every:
        wanted = wanted.where(Settlement.superseded_by_id.is_(None))
    with hub.db.session() as session:
        found: Sequence[Settlement] = session.scalars(wanted).all()
        return found


COMMANDS: list[click.Command] = [settlements]
"""With all of its commands, that which only looks among them."""
