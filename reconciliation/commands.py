"""`payhub reconcile`, `payhub discrepancies`."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from datetime import date, datetime
from typing import IO, Any

import click
from rich.console import Console
from rich.table import Table
from sqlalchemy import select

from payhub.errors import Text
from payhub.hub import Hub
from payhub.money import format_amount
from reconciliation import jobs, matching, runs, settlements
from reconciliation.errors import SettlementMissing
from reconciliation.handing_in import print_imported
from reconciliation.models import Run
from reconciliation.running import OPEN
from reconciliation.workbench import listing

DATE = click.DateTime(["%Y-%m-%d"])
_PATIENCE_S = 300


def _table(*columns: str) -> Table:
    table = Table(*columns[:1], box=None, pad_edge=False, header_style="bold")
    for column in columns[1:]:
        table.add_column(column, justify="right")
    return table


@click.command()
@click.argument("account")
@click.argument("day", type=DATE, metavar="DATE")
@click.argument("file", type=click.File("rb"), required=False)
@click.option("--until", type=DATE, metavar="DATE", help="The last day FILE covers; without it, one day.")
@click.option("--now", is_flag=True, help="Carry the run out here instead of waiting for a worker.")
@click.pass_obj
def reconcile(
    get_hub: Callable[[], Hub], account: str, day: datetime, file: IO[bytes] | None, until: datetime | None, *, now: bool
) -> None:
    """Hold a gateway account's day against its settlement; import FILE first if it is given."""
    hub, period_on, console = get_hub(), day.date(), Console()
    if file is not None:
        until_on = until.date() if until else None
        imported = settlements.import_settlement(hub, account, period_on, file.name, file, until_on)
        print_imported(console, imported)
    run_id = _ask(hub, account, period_on)
    if now:
        _carry_out(hub, run_id)
    else:
        jobs.send(hub, run_id)
    _print_run(hub, console, _wait(hub, run_id))
    _print_discrepancies(hub, console, date=period_on)


def _ask(hub: Hub, account: str, period_on: date) -> uuid.UUID:
    with hub.db.session() as session:
        settlement = settlements.current(session, settlements.account_of(hub, account), period_on)
        if settlement is None:
            raise SettlementMissing(
                Text(f"Chưa có tệp của {account} ngày {period_on}", f"There is no file of {account} for {period_on} yet")
            )
        return runs.ask_run(session, settlement, hub.clock.now())


def _carry_out(hub: Hub, run_id: uuid.UUID) -> None:
    """Carry out a run and those it asks for."""
    waiting = [run_id]
    while waiting:
        waiting += runs.execute(hub, waiting.pop(0))


def _wait(hub: Hub, run_id: uuid.UUID) -> Run:
    ends = time.monotonic() + _PATIENCE_S
    while True:
        with hub.db.session() as session:
            run = session.scalars(select(Run).where(Run.id == run_id)).one()
        if run.state not in OPEN:
            return run
        if time.monotonic() > ends:
            raise click.ClickException("the run has not finished: is a worker running? (`--now` carries it out here)")
        time.sleep(0.2)


def _print_run(hub: Hub, console: Console, run: Run) -> None:
    account = hub.registers.gateway_accounts_by_id[run.gateway_account_id]
    console.print(
        f"run of {account.code}, {run.period_on}: {run.state}" + (f" ({run.error})" if run.error else ""), highlight=False
    )
    table = _table("class", "count", "amount", "lines", "attempts", "dated apart")
    for name in matching.CLASSES:
        if row := run.counts.get(name):
            figures = (row["count"], row["amount"], row["lines"], row["attempts"], row["dated_apart"])
            table.add_row(name, *(format_amount(figure) for figure in figures))
    console.print(table)
    if run.state != "done":
        raise click.ClickException(f"the run {'was cancelled' if run.state == 'cancelled' else 'failed'}; nothing of it was kept")


@click.command("discrepancies")
@click.option("--date", "day", type=DATE, metavar="DATE", help="Only those about this day of the gateways.")
@click.option("--overdue", is_flag=True, help="Only those that somebody should have dealt with by now.")
@click.option("--owner", metavar="NAME", help="Only those of this person of the staff.")
@click.pass_obj
def show_discrepancies(get_hub: Callable[[], Hub], day: datetime | None, owner: str | None, *, overdue: bool) -> None:
    """Print what is not resolved, by kind, with the money at stake."""
    wanted = {"date": day.date() if day else None, "owner": owner, "overdue": "yes" if overdue else None}
    _print_discrepancies(get_hub(), Console(), **{name: value for name, value in wanted.items() if value is not None})


def _print_discrepancies(hub: Hub, console: Console, **wanted: Any) -> None:
    with hub.db.session() as session:
        found = sorted(listing.sums(hub, session, **wanted), key=lambda row: (row.kind, row.currency))
    if not found:
        console.print("no open discrepancies")
        return
    table = _table("discrepancy", "open", "amount", "currency", "overdue")
    table.columns[3].justify = "left"
    for row in found:
        kind, currency, *figures = row.kind, row.currency, int(row.number), int(row.amount), int(row.overdue)
        number, amount, overdue = map(format_amount, figures)
        table.add_row(kind, number, amount, currency, overdue)
    console.print(table)


COMMANDS: list[click.Command] = [reconcile, show_discrepancies]
