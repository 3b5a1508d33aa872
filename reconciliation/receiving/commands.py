"""`payhub files`: what came by itself and what became of it, and where files come from."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy.orm import Session

from payhub.clock import LOCAL
from payhub.hub import Hub
from payhub.staff import terminal
from payhub.staff.models import Principal
from reconciliation import jobs
from reconciliation.receiving import folder, looking, presenting, working
from reconciliation.receiving.models import STATES, ReceivedFile
from reconciliation.receiving.views import MAY_DECIDE

GetHub = Callable[[], Hub]


@click.group("files", invoke_without_command=True)
@click.option("--state", type=click.Choice(STATES), help="Only those that stand so.")
@click.option("--account", help="Only those of this gateway account or bank account.")
@click.option("--limit", type=click.IntRange(1, 1000), default=30, show_default=True, help="How many are listed.")
@click.pass_context
def files(context: click.Context, state: str | None, account: str | None, limit: int) -> None:
    """Files that came by folder, SFTP or a gateway's list, newest first, and what became of each."""
    if context.invoked_subcommand is not None:
        return
    table = _table("file", "account", "by", "name", "days", "state", "came", "why")
    for row in presenting.page(context.obj(), "en", limit=limit, state=state, account=account)["data"]:
        days = "" if row["date"] is None else str(row["date"]) + (f" to {row['until']}" if row["until"] != row["date"] else "")
        by = row["way"] if row["decided_by"] is None else f"{row['way']}, {row['decided_by']}"
        said = row["detail"] or row["error"] or ""
        state_now = row["state"] if row["step"] is None else f"{row['state']}: {row['step']}"
        told = (row["id"], row["account"], by, escape(row["file_name"]), days, state_now)
        table.add_row(*told, _at(row["received_at"]), escape(said))
    Console().print(table)


@files.command("sources")
@click.pass_obj
def show_sources(get_hub: GetHub) -> None:
    """Where files come from, when each was reached last, and what stands in the way."""
    table = _table("source", "account", "way", "files", "reached", "tried", "failures", "next", "error")
    for row in presenting.every_source(get_hub())["data"]:
        told = (row["code"], row["account"], row["way"], row["files"], _at(row["reached_at"]), _at(row["tried_at"]))
        table.add_row(*told, str(row["failures"] or ""), _at(row["next_at"]), row["error"] or "")
    Console().print(table)


@files.command("look")
@click.argument("source", required=False)
@click.pass_obj
def look(get_hub: GetHub, source: str | None) -> None:
    """Look into the folder and ask every server and gateway now, or only SOURCE, and take what is new, here."""
    hub = get_hub()
    if source is None:
        folder.look(hub)
    known = {each.row.code: each.id for each in looking.asked(hub)}
    if source is not None and source not in known:
        raise click.ClickException(f"the register has no source {source} that can be asked today")
    for code, source_id in known.items():
        if source in {None, code} and not looking.poll(hub, source_id):
            click.echo(f"{code}: not reached, see payhub files sources")
    _take(hub)


@files.command("cancel")
@click.argument("file_id", metavar="ID")
@terminal.token_file
@click.pass_obj
def cancel(get_hub: GetHub, file_id: str, token_file: Path) -> None:
    """Cancel file ID, if it waits or is being fetched: nothing of it is taken."""
    _decide(get_hub(), file_id, token_file, working.cancel)
    click.echo(f"{file_id} is cancelled; nothing of it is taken")


@files.command("again")
@click.argument("file_id", metavar="ID")
@terminal.token_file
@click.pass_obj
def again(get_hub: GetHub, file_id: str, token_file: Path) -> None:
    """Have file ID tried again, if it was refused, failed or was cancelled."""
    _decide(get_hub(), file_id, token_file, working.again)
    click.echo(f"{file_id} waits to be taken again")


def _decide(
    hub: Hub, file_id: str, token_file: Path, act: Callable[[Session, uuid.UUID, Principal, datetime], ReceivedFile]
) -> None:
    person, wanted = terminal.person(hub, token_file, *MAY_DECIDE), presenting.read_id(hub, file_id)
    with hub.db.session() as session:
        act(session, wanted, person.principal, hub.clock.now())


def _take(hub: Hub) -> None:
    """Take everything that waits, here, and leave the runs to the workers."""
    done: set[uuid.UUID] = set()
    while True:
        with hub.db.session() as session:
            waiting = [each for each in working.due(session, hub.clock.now()) if each not in done]
        if not waiting:
            return
        for file_id in waiting:
            done.add(file_id)
            run_id = working.execute(hub, file_id)
            if run_id is not None:
                jobs.send(hub, run_id)
            click.echo(_line(presenting.one(hub, presenting.public(hub, file_id), "en")))


def _line(row: dict[str, Any]) -> str:
    said = row["detail"] or row["error"]
    return f"{row['account']}  {row['file_name']}  {row['state']}" + (f": {said}" if said else "")


def _table(*columns: str) -> Table:
    return Table(*columns, box=None, pad_edge=False, header_style="bold")


def _at(instant: datetime | None) -> str:
    return "" if instant is None else f"{instant.astimezone(LOCAL):%Y-%m-%d %H:%M}"


COMMANDS: list[click.Command] = [files]
