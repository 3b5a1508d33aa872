"""`payhub totals`: what was collected, reported and banked, and what belongs to no agency."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

import click
from rich.console import Console
from rich.table import Table

from payhub.hub import Hub
from payhub.money import format_amount
from reconciliation import totals
from reconciliation.reports import accounts
from reconciliation.reports.accounts import AccountTotal
from reconciliation.reports.proven import MODES
from reconciliation.reports.schemas import LONGEST
from reconciliation.totals import Total

DATE = click.DateTime(["%Y-%m-%d"])
_WIDE = 1000
_DAY = {"activity": "business day", "cohort": "cohort of"}


@click.command("totals")
@click.argument("day", type=DATE, metavar="[DATE]", required=False)
@click.option("--until", type=DATE, metavar="DATE", help="Add up the days from DATE to this one.")
@click.option("--mode", type=click.Choice(MODES), default="activity", help="By the day booked on, or by the day the money came.")
@click.option(
    "--by", type=click.Choice(["agency", "gateway"]), default="agency", help="Per agency and kind, or per gateway account."
)
@click.pass_obj
def show_totals(get_hub: Callable[[], Hub], day: datetime | None, until: datetime | None, mode: str, by: str) -> None:
    """Print a day, the newest without DATE: collected, reported, banked, and what is no agency's."""
    with get_hub().db.session() as session:
        first_on = day.date() if day else totals.newest_day(session)
        if first_on is None:
            raise click.ClickException("nothing has been collected yet")
        last_on = until.date() if until else first_on
        if not 0 <= (last_on - first_on).days < LONGEST:
            raise click.ClickException(f"--until must be DATE or later, at most {LONGEST} days in all")
        found = totals.agency_totals(session, first_on, until=last_on, mode=mode, by_account=by == "gateway")
        own = accounts.account_totals(session, first_on, until=last_on, mode=mode)
    click.echo(f"{_DAY[mode]} {first_on}" + (f" to {last_on}" if last_on != first_on else ""))
    _print(_agencies(_by_account(found) if by == "gateway" else totals.by_kind(found), totals.grand(found), by))
    if own:
        _print(_accounts(own))


def _by_account(found: Iterable[Total]) -> list[Total]:
    """Return one row per gateway account and currency."""
    codes = sorted({total.gateway_account or "" for total in found})
    return [
        replace(whole, agency=code)
        for code in codes
        for whole in totals.grand([total for total in found if total.gateway_account == code])
    ]


def _agencies(rows: Sequence[Total], sums: Sequence[Total], by: str) -> Table:
    names = totals.shown(total.figures() for total in sums)
    table = _table("agency" if by == "agency" else "gateway account", "kind", *names, "currency")
    table.columns[1].justify = table.columns[-1].justify = "left"
    for total in rows:
        table.add_row(*_figures(total, names))
    table.add_section()
    for total in sums:
        table.add_row(*_figures(total, names), style="bold")
    return table


def _figures(total: Total, names: Sequence[str]) -> tuple[str, ...]:
    figures = total.figures()
    return total.agency, total.kind, *(format_amount(figures[name]) for name in names), total.currency


def _accounts(rows: Sequence[AccountTotal]) -> Table:
    names = accounts.shown(rows)
    table = _table("of no agency", *names, "currency")
    table.columns[-1].justify = "left"
    for total in rows:
        shown = (total.figures[name] for name in names)
        table.add_row(total.gateway_account, *("" if figure is None else format_amount(figure) for figure in shown), total.currency)
    return table


def _table(*columns: str) -> Table:
    table = Table(*columns[:1], box=None, pad_edge=False, header_style="bold")
    for column in columns[1:]:
        table.add_column(column.replace("_", " "), justify="right")
    return table


def _print(table: Table) -> None:
    # A figure is never cut short: a terminal that is narrower breaks the lines itself.
    console = Console()
    console.width = max(console.width, Console(width=_WIDE).measure(table).maximum)
    console.print(table)


COMMANDS: list[click.Command] = [show_totals]
