"""Commands about what endpoints were told, and telling them again."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

import click
import orjson
from rich.console import Console
from rich.table import Table

from payhub.clock import LOCAL
from webhooks import endpoints, presenting, resending
from webhooks.pinging import ping as send_ping
from webhooks.resending import Range
from webhooks.terminal import DELIVERY, ENDPOINT, GetHub

_PAGE = 50
_limit = click.option("--limit", type=click.IntRange(1, 200), default=_PAGE, show_default=True)


@click.command("deliveries")
@click.argument("endpoint", type=ENDPOINT)
@click.option("--state", type=click.Choice(presenting.STATES))
@click.option("--since", type=click.DateTime(), help="Of events that happened then or later, in Viet Nam's time.")
@_limit
@click.option("--after", "cursor", help="Id of the last one listed before.")
@click.pass_obj
def list_(hub: GetHub, /, endpoint: uuid.UUID, since: datetime | None, limit: int, **wanted: Any) -> None:
    """List deliveries to ENDPOINT, the latest event first; `--state dead` are those that were given up."""
    with hub().db.session() as session:
        found = presenting.page(hub(), session, endpoint, limit=limit, since=_local(since), **wanted)
    table = Table("delivery", "position", "happened", "event", "payment", "state", "tries", "last")
    for each in found["data"]:
        last = each["last_error"] or str(each["last_status"] or "")
        said = (each["type"], each["payment"], each["state"], str(each["tries"]), last)
        table.add_row(each["id"], str(each["position"]), f"{each['occurred_at'].astimezone(LOCAL):%Y-%m-%d %H:%M:%S}", *said)
    Console().print(table)
    if found["next"]:
        click.echo(f"more: --after {found['next']}")


@click.command("log")
@click.argument("delivery", type=DELIVERY)
@click.pass_obj
def log_(hub: GetHub, delivery: uuid.UUID) -> None:
    """Show DELIVERY and its tries as JSON: status, error, how long it took, how the reply began."""
    with hub().db.session() as session:
        found = presenting.look(hub(), session, delivery)
    _print(found)


@click.command("resend")
@click.argument("deliveries", type=DELIVERY, nargs=-1)
@click.option("--endpoint", type=ENDPOINT, help="Instead of single ones: those of this endpoint, by the options below.")
@click.option("--since", type=click.DateTime(), help="Of events that happened then or later, in Viet Nam's time.")
@click.option("--from", "first", type=click.IntRange(0), default=0, help="From this position on.")
@click.option("--to", "last", type=click.IntRange(0), help="Up to this position, included.")
@click.option("--dead", is_flag=True, help="Only what was given up.")
@click.pass_obj
def resend(hub: GetHub, /, deliveries: tuple[uuid.UUID, ...], endpoint: uuid.UUID | None, **wanted: Any) -> None:
    """Tell DELIVERIES again, or a range of an endpoint's: what was given up, and what was taken, under the same webhook-ids."""
    if bool(deliveries) == (endpoint is not None):
        raise click.UsageError("name deliveries, or an endpoint with --endpoint")
    told = hub().settings.webhooks
    for delivery in deliveries:
        with hub().db.session() as session:
            row = resending.one(session, delivery, told, hub().clock.now())
            endpoints.record(session, "resent", row.endpoint_id, hub().clock.now(), None, count=1, delivery=str(row.id))
    if endpoint is not None:
        click.echo(f"{_many(hub, endpoint, Range(**{**wanted, 'since': _local(wanted['since'])}))} deliveries are told again")


@click.command("ping")
@click.argument("endpoint", type=ENDPOINT)
@click.pass_obj
def ping(hub: GetHub, endpoint: uuid.UUID) -> None:
    """Send ENDPOINT a message of the type endpoint.ping now, and show how it went as JSON; fails where it was not taken."""
    found = send_ping(hub(), endpoint)
    _print(found)
    if found["error"]:
        raise click.ClickException(f"it was not taken: {found['error']}")


def _many(hub: GetHub, endpoint: uuid.UUID, wanted: Range) -> int:
    """Put a range back, in as many transactions as it takes."""
    total, first = 0, wanted.first
    while True:
        now = hub().clock.now()
        with hub().db.session() as session:
            endpoints.locked(session, endpoint)
            part = Range(first, wanted.last, wanted.since, wanted.dead)
            done = resending.many(session, endpoint, part, hub().settings.webhooks, now)
            endpoints.record(session, "resent", endpoint, now, None, count=done.count, dead=wanted.dead)
        total += done.count
        if done.next is None:
            return total
        first = done.next


def _local(said: datetime | None) -> datetime | None:
    return said.replace(tzinfo=LOCAL) if said else None


def _print(found: dict[str, Any]) -> None:
    click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())


COMMANDS = (list_, log_, resend, ping)
