"""`payhub day-files`: making, listing and verifying what portals are told of their days."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from sqlalchemy import select

from payhub.clock import LOCAL
from payhub.hub import Hub
from payhub.money import format_amount
from payhub.portals.models import Portal
from payhub.portals.service import portal_named
from reconciliation.dayfiles import asking, making, presenting, reading
from reconciliation.dayfiles.errors import DayGoesOn
from reconciliation.dayfiles.models import DayFile

_DATE = click.DateTime(["%Y-%m-%d"])
_portal = click.option("--portal", "code", metavar="CODE", help="Only of this portal.")


@click.group("day-files")
def day_files() -> None:
    """What each portal checks itself against, once a day."""


@day_files.command("make")
@click.argument("day", type=_DATE)
@_portal
@click.pass_obj
def make(get_hub: Callable[[], Hub], day: datetime, code: str | None) -> None:
    """State DAY as things are, here and now: for each portal a new version unless nothing has changed."""
    hub, on = get_hub(), day.date()
    if not asking.over(on, hub.clock.now()):
        raise DayGoesOn
    for portal in _portals(hub, code, on):
        try:
            made = making.make(hub, portal.id, on)
        except making.BeingMade:
            raise click.ClickException(f"{portal.code}: somebody makes this portal's files just now") from None
        click.echo(f"{portal.code}  {on}  version {made.version}  {made.count:,} rows  {made.digest}")


@day_files.command("list")
@click.argument("day", type=_DATE, required=False)
@_portal
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@click.pass_obj
def list_(get_hub: Callable[[], Hub], day: datetime | None, code: str | None, limit: int) -> None:
    """List day files, newest first, with what their rows add up to."""
    asked = select(DayFile, Portal.code).join(Portal, Portal.id == DayFile.portal_id)
    asked = asked if day is None else asked.where(DayFile.business_on == day.date())
    asked = asked if code is None else asked.where(Portal.code == code)
    table = Table("day", "portal", "version", "made", "rows", "sums", box=None, pad_edge=False, header_style="bold")
    with get_hub().db.session() as session:
        found = session.execute(asked.order_by(DayFile.business_on.desc(), Portal.code, DayFile.version.desc()).limit(limit)).all()
        shown = presenting.describe(session, [made for made, _ in found])
    for (made, portal), each in zip(found, shown, strict=True):
        sums = ", ".join(f"{row.type} {format_amount(row.amount)} {row.currency} ({row.count})" for row in each["sums"])
        at = f"{made.made_at.astimezone(LOCAL):%Y-%m-%d %H:%M}"
        table.add_row(str(made.business_on), portal, str(made.version), at, f"{made.count:,}", sums)
    console = Console()
    console.width = max(console.width, Console(width=400).measure(table).maximum)
    console.print(table)


@day_files.command("verify")
@click.argument("day", type=_DATE)
@_portal
@click.option("--version", type=click.IntRange(1), help="The newest without it.")
@click.pass_obj
def verify(get_hub: Callable[[], Hub], day: datetime, code: str | None, version: int | None) -> None:
    """Hold files against their signatures, manifests, contents and sums; exit 1 where one does not hold."""
    hub, wrong = get_hub(), False
    for portal, made in _files(hub, day.date(), code, version):
        verified = reading.verify(hub, made)
        wrong = wrong or bool(verified.wrong)
        said = "; ".join(verified.wrong) or "holds"
        later = "; the ledger has more of the day by now" if verified.moved_on else ""
        click.echo(f"{portal.code}  {made.business_on}  version {made.version}  {said}{later}")
    sys.exit(1 if wrong else 0)


@day_files.command("get")
@click.argument("day", type=_DATE)
@click.option("--portal", "code", metavar="CODE", required=True)
@click.option("--version", type=click.IntRange(1), help="The newest without it.")
@click.option("--to", "folder", type=click.Path(path_type=Path, file_okay=False, exists=True), required=True, help="A folder.")
@click.pass_obj
def get(get_hub: Callable[[], Hub], day: datetime, code: str, version: int | None, folder: Path) -> None:
    """Write a file, its manifest and its signature into a folder, as a portal gets them."""
    hub = get_hub()
    for portal, made in _files(hub, day.date(), code, version):
        name = folder / f"{portal.code}-{made.business_on}-v{made.version}"
        with name.with_suffix(".csv").open("wb") as file:
            file.writelines(reading.content(hub, made.id))
        name.with_suffix(".json").write_text(made.manifest, encoding="utf-8")
        name.with_suffix(".sig").write_text(made.signature, encoding="ascii")
        click.echo(f"{name}.csv, .json, .sig (key {made.key})")


def _portals(hub: Hub, code: str | None, on: date) -> list[Portal]:
    if code is None:
        return [hub.registers.portals[portal_id] for portal_id in asking.portals_on(hub.registers, on)]
    with hub.db.session() as session:
        portal = portal_named(session, code)
    if portal is None:
        raise click.ClickException(f"no portal has the code {code}")
    return [portal]


def _files(hub: Hub, on: date, code: str | None, version: int | None) -> Iterator[tuple[Portal, DayFile]]:
    asked = select(DayFile.portal_id).where(DayFile.business_on == on).distinct()
    with hub.db.session() as session:
        if code is None:
            portals = list(session.scalars(select(Portal).where(Portal.id.in_(asked)).order_by(Portal.code)))
        else:
            portals = _portals(hub, code, on)
        found = [(portal, presenting.find(session, portal.id, on, version)) for portal in portals]
    if not found:
        raise click.ClickException(f"no file was made of {on} yet")
    yield from found


COMMANDS: list[click.Command] = [day_files]
