"""`payhub runs`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from payhub.clock import LOCAL
from payhub.hub import Hub
from payhub.money import format_amount
from payhub.staff import terminal
from reconciliation import running
from reconciliation import running_presenting as presenting
from reconciliation.running_views import MAY_CANCEL

_LIMIT = click.option("--limit", type=click.IntRange(1, 1000), default=30, show_default=True, help="How many are listed.")


@click.group("runs", invoke_without_command=True)
@click.option("--state", type=click.Choice(running.STATES), help="Only those that stand so.")
@click.option("--account", help="Only those of this gateway account.")
@_LIMIT
@click.pass_context
def runs(context: click.Context, state: str | None, account: str | None, limit: int) -> None:
    """Runs, newest first: what waits, how far the others are, how they ended."""
    if context.invoked_subcommand is not None:
        return
    table = Table("run", "account", "day", "state", "asked", "took", "how far", box=None, pad_edge=False, header_style="bold")
    for row in presenting.page(context.obj(), limit=limit, state=state, account=account)["data"]:
        since, until = row["started_at"], row["finished_at"]
        took = f"{(until - since).total_seconds():.1f} s" if since and until else ""
        asked = f"{row['asked_at'].astimezone(LOCAL):%Y-%m-%d %H:%M:%S}"
        table.add_row(row["id"], row["account"], str(row["date"]), row["state"], asked, took, _said(row))
    Console().print(table)


@runs.command("cancel")
@click.argument("run_id", metavar="ID")
@terminal.token_file
@click.pass_obj
def cancel(get_hub: Callable[[], Hub], run_id: str, token_file: Path) -> None:
    """Cancel run ID, whether it waits or is carried out: nothing of it is kept."""
    hub = get_hub()
    person, now = terminal.person(hub, token_file, *MAY_CANCEL), hub.clock.now()
    wanted = presenting.read_id(hub, run_id)
    with hub.db.session() as session:
        running.cancel(session, wanted, person.principal, now)
    running.stop(hub, wanted)
    click.echo(f"{run_id} is cancelled; nothing of it is kept")


def _said(row: dict[str, object]) -> str:
    """Say how far a run is, or how it ended, in a few words."""
    progress = row["progress"]
    known = {name: count for name, count in progress.items() if count is not None} if isinstance(progress, dict) else {}
    rows = [f"{format_amount(count)} {name}" for name, count in known.items()]
    more = [str(row["step"] or ""), str(row["error"] or "")]
    if row["cancelled_by"]:
        more.append(f"by {row['cancelled_by']}")
    if isinstance(row["starts"], int) and row["starts"] > 1:
        more.append(f"begun {row['starts']} times")
    if isinstance(row["stepped_at"], datetime) and row["step"]:
        more.append(f"since {row['stepped_at'].astimezone(LOCAL):%H:%M:%S}")
    return ", ".join(filter(None, [*more, *rows]))


COMMANDS: list[click.Command] = [runs]
