"""Commands about who is told what."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import click
from rich.console import Console
from rich.table import Table
from sqlalchemy import select

from payhub.hub import Hub
from payhub.portals.models import Portal
from payhub.portals.service import portal_named
from webhooks import deliveries, endpoints
from webhooks.models import WebhookEndpoint

GetHub = Callable[[], Hub]


@click.group("webhooks")
def group() -> None:
    """Endpoints of portals, and deliveries to them."""


@group.command("add")
@click.argument("portal")
@click.argument("url")
@click.option("--type", "types", multiple=True, help="Event type to be told of; payment.paid, or all that CONFIRM has words for.")
@click.option(
    "--protocol", type=click.Choice(("standard", "payment_platform")), default="standard", show_default=True,
    help="Standard Webhooks, or CONFIRM of PaymentPlatform 1.0.6, which is proven with the portal's own secret.",
)  # fmt: skip
@click.pass_obj
def add(hub: GetHub, portal: str, url: str, types: tuple[str, ...], protocol: str) -> None:
    """Tell PORTAL at URL; prints the endpoint's id and, this once, its signing secret."""
    types = types or (("payment.paid",) if protocol == "standard" else endpoints.CONFIRMED)
    with hub().db.session() as session:
        owner = portal_named(session, portal)
        if owner is None:
            raise click.ClickException(f"no portal has the code {portal}")
        endpoint, secret = endpoints.add(hub(), session, owner.id, url, list(types), protocol)
    click.echo(f"{endpoint.id} {secret}" if protocol == "standard" else str(endpoint.id))


@group.command("list")
@click.pass_obj
def list_(hub: GetHub) -> None:
    """List every endpoint."""
    table = Table("endpoint", "portal", "url", "protocol", "told of", "disabled")
    with hub().db.session() as session:
        for endpoint, portal in session.execute(
            select(WebhookEndpoint, Portal.code).join(Portal, Portal.id == WebhookEndpoint.portal_id)
        ):
            told = ", ".join(endpoint.event_types)
            table.add_row(str(endpoint.id), portal, endpoint.url, endpoint.protocol, told, str(endpoint.disabled_at or ""))
    Console().print(table)


@group.command("rotate")
@click.argument("endpoint", type=click.UUID)
@click.pass_obj
def rotate(hub: GetHub, endpoint: uuid.UUID) -> None:
    """Give ENDPOINT a new secret beside the one it has, and print it; messages carry both signatures until `retire`."""
    with hub().db.session() as session:
        secret = endpoints.rotate(hub(), session, endpoint)
    click.echo(secret)


@group.command("retire")
@click.argument("endpoint", type=click.UUID)
@click.pass_obj
def retire(hub: GetHub, endpoint: uuid.UUID) -> None:
    """Drop all but the newest secret of ENDPOINT."""
    with hub().db.session() as session:
        endpoints.retire_secrets(hub(), session, endpoint)


@group.command("disable")
@click.argument("endpoint", type=click.UUID)
@click.pass_obj
def disable(hub: GetHub, endpoint: uuid.UUID) -> None:
    """Stop telling ENDPOINT; nothing is forgotten."""
    with hub().db.session() as session:
        endpoints.disable(session, endpoint, hub().clock.now())


@group.command("enable")
@click.argument("endpoint", type=click.UUID)
@click.pass_obj
def enable(hub: GetHub, endpoint: uuid.UUID) -> None:
    """Tell ENDPOINT again, everything it missed first."""
    with hub().db.session() as session:
        endpoints.enable(session, endpoint)


@group.command("resend")
@click.argument("delivery", type=click.UUID)
@click.pass_obj
def resend(hub: GetHub, delivery: uuid.UUID) -> None:
    """Put a dead DELIVERY back into its queue."""
    with hub().db.session() as session:
        deliveries.resend(session, delivery, hub().clock.now())
