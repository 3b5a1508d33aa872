"""Commands about who is told what, and how it is signed."""

from __future__ import annotations

import uuid

import click
from rich.console import Console
from rich.table import Table
from sqlalchemy import select

from payhub.errors import InvalidInput
from payhub.portals.models import Portal
from payhub.portals.service import portal_named
from webhooks import delivery_commands, endpoints, messages
from webhooks.models import WebhookEndpoint
from webhooks.signing import SCHEMES
from webhooks.terminal import ENDPOINT, GetHub

_scheme = click.option("--scheme", type=click.Choice(SCHEMES), help="How messages are signed.")


class _Named(click.Group):
    """Says which word of a command cannot be used, and why."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except InvalidInput as error:
            raise click.ClickException("; ".join(f"{each.pointer[1:]}: {each.text.en}" for each in error.problems)) from None


@click.group("webhooks", cls=_Named)
def group() -> None:
    """Endpoints of portals, and deliveries to them."""


for command in delivery_commands.COMMANDS:
    group.add_command(command)


@group.command("add")
@click.argument("portal")
@click.argument("url")
@click.option("--type", "types", multiple=True, help="Event type to be told of; payment.paid, or all that CONFIRM has words for.")
@click.option(
    "--protocol", type=click.Choice(endpoints.PROTOCOLS), default="standard", show_default=True,
    help="Standard Webhooks, or CONFIRM of PaymentPlatform 1.0.6, which is proven with the portal's own secret.",
)  # fmt: skip
@_scheme
@click.option("--version", type=int, default=messages.CURRENT, show_default=True, help="Version of the bodies.")
@click.pass_obj
def add(
    hub: GetHub, portal: str, url: str, *, types: tuple[str, ...], protocol: str, scheme: str | None, version: int
) -> None:
    """Tell PORTAL at URL; prints the endpoint's id and, this once, its signing secret (of a key pair, the public key)."""
    types = types or (("payment.paid",) if protocol == "standard" else endpoints.CONFIRMED)
    with hub().db.session() as session:
        owner = portal_named(session, portal)
        if owner is None:
            raise click.ClickException(f"no portal has the code {portal}")
        way = scheme or SCHEMES[0]
        endpoint, secret = endpoints.add(
            hub(), session, owner.id, url, list(types), protocol=protocol, scheme=way, version=version
        )
    click.echo(f"{endpoint.id} {secret}" if protocol == "standard" else str(endpoint.id))


@group.command("list")
@click.pass_obj
def list_(hub: GetHub) -> None:
    """List every endpoint."""
    table = Table("endpoint", "portal", "url", "protocol", "told of", "signed", "version", "disabled")
    with hub().db.session() as session:
        for endpoint, portal in session.execute(
            select(WebhookEndpoint, Portal.code).join(Portal, Portal.id == WebhookEndpoint.portal_id).order_by(WebhookEndpoint.id)
        ):
            way = (endpoint.scheme, str(endpoint.version), str(endpoint.disabled_at or ""))
            table.add_row(str(endpoint.id), portal, endpoint.url, endpoint.protocol, ", ".join(endpoint.event_types), *way)
    Console().print(table)


@group.command("rotate")
@click.argument("endpoint", type=ENDPOINT)
@_scheme
@click.pass_obj
def rotate(hub: GetHub, endpoint: uuid.UUID, scheme: str | None) -> None:
    """Give ENDPOINT a new secret beside the one it has, and print it; messages carry both signatures until `retire`."""
    with hub().db.session() as session:
        secret = endpoints.rotate(hub(), session, endpoint, scheme=scheme)
    click.echo(secret)


@group.command("retire")
@click.argument("endpoint", type=ENDPOINT)
@click.pass_obj
def retire(hub: GetHub, endpoint: uuid.UUID) -> None:
    """Drop all but the newest secret of ENDPOINT."""
    with hub().db.session() as session:
        endpoints.retire_secrets(hub(), session, endpoint)


@group.command("disable")
@click.argument("endpoint", type=ENDPOINT)
@click.pass_obj
def disable(hub: GetHub, endpoint: uuid.UUID) -> None:
    """Stop telling ENDPOINT; nothing is forgotten."""
    with hub().db.session() as session:
        endpoints.disable(session, endpoint, hub().clock.now())


@group.command("enable")
@click.argument("endpoint", type=ENDPOINT)
@click.pass_obj
def enable(hub: GetHub, endpoint: uuid.UUID) -> None:
    """Tell ENDPOINT again, everything it missed first."""
    with hub().db.session() as session:
        endpoints.enable(session, endpoint, hub().clock.now())
