"""Commands that keep registers by files: one group for each register, imports, and announcements."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import orjson
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from payhub.hub import Hub
from payhub.imports import announcing, presenting, service
from payhub.imports.problems import Problem
from payhub.imports.service import Checked
from payhub.imports.specs import Register
from payhub.imports.standing import export
from payhub.imports.tables import REGISTERS
from payhub.staff import terminal

GetHub = Callable[[], Hub]
_file = click.Path(exists=True, dir_okay=False, path_type=Path)
_limit = click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many are listed.")
_json = click.option("--json", "as_json", is_flag=True, help="Write everything as JSON.")


def _group(register: Register) -> click.Group:
    """Return the commands of one register."""

    @click.group(register.command, help=f"The register of {register.says.en}: {register.holds}.")
    def group() -> None:
        pass

    @group.command("export")
    @click.pass_obj
    def export_(hub: GetHub) -> None:
        """Write the register as CSV: the file that can be imported again."""
        with hub().db.session() as session:
            for line in export(session, register):
                click.echo(line, nl=False)

    @group.command("import")
    @click.argument("file", type=_file)
    @click.option("--dry-run", is_flag=True, help="Show every change; write nothing.")
    @terminal.token_file_if_any
    @_json
    @_limit
    @click.pass_obj
    def import_(hub: GetHub, file: Path, dry_run: bool, token_file: Path | None, as_json: bool, limit: int) -> None:  # noqa: FBT001 - click's way
        """Propose everything that FILE changes, as one act that another person approves."""
        body = file.read_bytes()
        with hub().db.session() as session:
            checked = service.check(hub(), session, register, body)
        if checked.plan.problems or dry_run:
            _show(checked, as_json=as_json, limit=limit)
            sys.exit(1 if checked.plan.problems else 0)
        if token_file is None:
            raise click.UsageError("--token-file is needed: whoever proposes is a person")
        person = terminal.person(hub(), token_file, "admin")
        with hub().db.session() as session:
            made = service.propose(hub(), session, register, body, person.principal, file.name)
            shown = presenting.imported(hub(), session, made, limit=1)
        if as_json:
            click.echo(_dumped({name: value for name, value in shown.items() if name not in {"changes", "next", "proposed_by"}}))
        else:
            click.echo(f"{shown['id']}  {_said(register, shown['counts'])}")
            click.echo(f"another person approves it: payhub approve {shown['proposal']} --totp … --token-file …")

    return group


def _show(checked: Checked, *, as_json: bool, limit: int) -> None:
    """Write what a file would do, or what stands against it."""
    plan, console = checked.plan, Console()
    if as_json:
        whole = presenting.rehearsed(checked, len(plan.changes) or 1, 0)
        click.echo(_dumped({**whole, "problems": [_problem(each) for each in plan.problems]}))
    elif plan.problems:
        console.print(_problems(plan.problems[:limit]))
        _more(console, len(plan.problems) - limit)
        console.print(f"{len(plan.problems):,} things are wrong in {plan.lines:,} rows: nothing can be changed by this file")
    else:
        page = presenting.rehearsed(checked, limit, 0)
        if page["changes"]:
            console.print(_changes(page["changes"]))
        _more(console, len(plan.changes) - limit)
        console.print(f"{_said(plan.register, plan.counts)}. Nothing was written.")
        if checked.earliest_on:
            console.print(f"Approved today, a new account takes effect on {checked.earliest_on} at the earliest.")


def _said(register: Register, counts: dict[str, int]) -> str:
    return f"{register.says.en}: " + ", ".join(f"{count:,} {act}" for act, count in counts.items())


def _more(console: Console, left: int) -> None:
    if left > 0:
        console.print(f"… and {left:,} more: --json lists them all, --limit more of them")


def _table(*columns: str) -> Table:
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    table.columns[0].justify = "right"
    return table


def _changes(shown: Sequence[dict[str, Any]]) -> Table:
    """Return one line per field that changes, and one per row that is added."""
    table = _table("row", "", "key", "field", "was", "is")
    for change in shown:
        key = " ".join(change["key"].values())
        for field, was, becomes in _fields(change):
            table.add_row(str(change["row"]), change["act"], escape(key), field, escape(was), escape(becomes))
    return table


def _fields(change: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    if change["act"] == "added":
        yield "", "", ", ".join(f"{name} {text}" for name, text in change["is"].items() if text and name not in change["key"])
        return
    for name, text in change["is"].items():
        yield name, change["was"][name] or "-", text or "-"


def _problems(shown: Sequence[Problem]) -> Table:
    table = _table("row", "column", "code", "what is wrong")
    for each in shown:
        table.add_row(str(each.row), escape(each.column), each.code, escape(each.text.en))
    return table


def _problem(each: Problem) -> dict[str, Any]:
    return {"row": each.row, "column": each.column, "code": each.code, "vi": each.text.vi, "en": each.text.en}


def _dumped(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


@click.group("imports")
def imports() -> None:
    """Files that were proposed for registers."""


@imports.command("list")
@_limit
@click.pass_obj
def imports_list(hub: GetHub, limit: int) -> None:
    """List imports, newest first."""
    table = _table("import", "register", "state", "by", "file", "what")
    with hub().db.session() as session:
        for shown in presenting.page(hub(), session, limit, None, None)["data"]:
            what = ", ".join(f"{count:,} {act}" for act, count in shown["counts"].items() if count)
            table.add_row(
                shown["id"], shown["register"], shown["state"], shown["proposed_by"].name, escape(shown["file_name"]), what
            )
    Console().print(table)


@imports.command("show")
@click.argument("import_id", metavar="ID")
@_json
@_limit
@click.option("--file", "whole_file", is_flag=True, help="Write the file itself, as it was handed in.")
@click.pass_obj
def imports_show(hub: GetHub, import_id: str, as_json: bool, limit: int, whole_file: bool) -> None:  # noqa: FBT001 - click's way
    """Show what import ID changes; ID may be its proposal's."""
    with hub().db.session() as session:
        made = service.find(session, presenting.read_id(hub(), import_id))
        if whole_file:
            click.echo(service.file_of(made), nl=False)
            return
        every = sum(count for act, count in presenting.imported(hub(), session, made, 1)["counts"].items() if act != "unchanged")
        shown = presenting.imported(hub(), session, made, every if as_json else limit)
    if as_json:
        click.echo(_dumped({**shown, "proposed_by": shown["proposed_by"].name}))
        return
    console = Console()
    console.print(f"{shown['id']}  {shown['state']}  {_said(REGISTERS[shown['register']], shown['counts'])}", highlight=False)
    console.print(f"proposed by {shown['proposed_by'].name} at {shown['proposed_at']:%Y-%m-%d %H:%M} UTC, {shown['proposal']}")
    console.print(_changes(shown["changes"]))
    _more(console, every - limit)


@click.command("announcements")
@click.option("--agency", help="Those of one agency.")
@_limit
@click.pass_obj
def announcements(hub: GetHub, agency: str | None, limit: int) -> None:
    """List what portals are told of agencies' accounts, newest first."""
    with hub().db.session() as session:
        for shown in presenting.announcements(hub(), session, limit, agency=agency)["data"]:
            click.echo(f"{shown['created_at']:%Y-%m-%d %H:%M}  {shown['agency']}  {shown['text_en']}")


@click.command("stop")
@click.argument("agency")
@click.argument("purpose")
@click.option("--reason", required=True, help="Why, in a sentence.")
@terminal.token_file
@click.pass_obj
def stop(hub: GetHub, agency: str, purpose: str, reason: str, token_file: Path) -> None:
    """Stop what has not taken effect yet of AGENCY's accounts for PURPOSE, a kind of fee; the one in force stays."""
    person = terminal.person(hub(), token_file, *announcing.MAY_STOP)
    with hub().db.session() as session:
        for account in announcing.stop(hub(), session, agency, purpose, reason, person):
            masked = announcing.masked(account.number)
            click.echo(f"stopped {masked} of {agency}, which would have taken effect on {account.valid_from}")


_GROUPS = {register.name: _group(register) for register in REGISTERS.values()}
_GROUPS["collecting_accounts"].add_command(stop)
COMMANDS = (*_GROUPS.values(), imports, announcements)
