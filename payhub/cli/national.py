"""Commands about portals that speak the national contract. Partners and their codes are registers, kept by files."""

from __future__ import annotations

from collections.abc import Callable

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from payhub.clock import LOCAL
from payhub.hub import Hub
from payhub.payments.models import Payment
from payhub.portals.national.models import NationalReference
from payhub.portals.national.standing import standing
from payhub.portals.service import portal_named
from webhooks.models import Delivery, WebhookEndpoint

GetHub = Callable[[], Hub]


@click.group("national")
def national() -> None:
    """Payments as portals name them by the national contract."""


@national.command("show")
@click.argument("portal")
@click.argument("reference")
@click.pass_obj
def show(hub: GetHub, portal: str, reference: str) -> None:
    """Show what REFERENCE (MaThamChieu) of PORTAL names, every other name it has, and what was told of each."""
    with hub().db.session() as session:
        owner = portal_named(session, portal)
        of = (NationalReference.portal_id == owner.id, NationalReference.reference == reference) if owner else None
        name = session.scalar(select(NationalReference).where(*of)) if of else None
        if name is None:
            raise click.ClickException(f"{portal} has given no payment this reference")
        payment = session.get_one(Payment, name.payment_id)
        found = standing(session, hub().registers, payment)
        click.echo(f"payment {payment.reference}  {payment.state}  {payment.total:,} {payment.currency}  TrangThaiGD {found.state}")
        names = select(NationalReference).where(NationalReference.payment_id == payment.id).order_by(NationalReference.event_seq)
        for each in session.scalars(names).all():
            _show_name(session, each)


def _show_name(session: Session, name: NationalReference) -> None:
    differs = f"  wrote another beneficiary: {', '.join(name.differs)}" if name.differs else ""
    click.echo(f"name {name.reference}  {name.partner}  {name.created_at.astimezone(LOCAL):%Y-%m-%d %H:%M}{differs}")
    told = select(Delivery, WebhookEndpoint.url).join(WebhookEndpoint, WebhookEndpoint.id == Delivery.endpoint_id)
    for delivery, url in session.execute(told.where(Delivery.name_id == name.id).order_by(Delivery.position)):
        why = f"  {delivery.last_error}" if delivery.last_error else ""
        click.echo(f"  {delivery.id}  {delivery.state} after {delivery.tries}{why}  {url}")


COMMANDS = (national,)
