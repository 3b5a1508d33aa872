"""Commands about the staff, and about what needs two of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import orjson
from rich.console import Console
from rich.table import Table

from payhub.hub import Hub
from payhub.staff import people, presenting, service, terminal
from payhub.staff.errors import ProposalVoid
from payhub.staff.models import ROLES
from payhub.staff.states import ProposalState

_roles = click.option(
    "--role", "roles", multiple=True, required=True, type=click.Choice(ROLES), help="What they are trusted with; may be repeated."
)
_days = click.option(
    "--days", type=click.IntRange(1, 366), default=people.TOKEN_DAYS, show_default=True, help="How long the token works."
)


@click.group("staff")
def staff() -> None:
    """People who work with the hub, by name."""


@staff.command("add")
@click.argument("name")
@_roles
@_days
@click.pass_obj
def staff_add(hub: Callable[[], Hub], name: str, roles: tuple[str, ...], days: int) -> None:
    """Add NAME; show their token and what their authenticator reads, this once."""
    with hub().db.session() as session:
        _, token, uri = people.add_person(hub(), session, name, roles, days)
    click.echo(token)
    click.echo(uri)


@staff.command("list")
@click.pass_obj
def staff_list(hub: Callable[[], Hub]) -> None:
    """List people and what they are trusted with."""
    table = Table("name", "roles", "since", "closed")
    with hub().db.session() as session:
        for person in people.staff(session):
            closed = person.principal.disabled_at
            since = person.principal.created_at
            table.add_row(
                person.principal.name, ", ".join(sorted(person.roles)), f"{since:%Y-%m-%d}", f"{closed:%Y-%m-%d}" if closed else ""
            )
    Console().print(table)


@staff.command("roles")
@click.argument("name")
@_roles
@click.pass_obj
def staff_roles(hub: Callable[[], Hub], name: str, roles: tuple[str, ...]) -> None:
    """Trust NAME with these roles and no others, at once."""
    with hub().db.session() as session:
        people.set_roles(hub(), session, name, roles)
    click.echo(f"{name}: {', '.join(sorted(set(roles)))}")


@staff.command("disable")
@click.argument("name")
@click.pass_obj
def staff_disable(hub: Callable[[], Hub], name: str) -> None:
    """Close NAME's account for ever; their tokens stop working at once."""
    with hub().db.session() as session:
        people.disable(hub(), session, name)
    click.echo(f"disabled {name}")


@staff.command("token")
@click.argument("name")
@click.option("--authenticator", is_flag=True, help="Renew what their authenticator reads too, as when a phone is lost.")
@_days
@click.pass_obj
def staff_token(hub: Callable[[], Hub], name: str, authenticator: bool, days: int) -> None:  # noqa: FBT001 - click's way
    """Revoke NAME's tokens and show a new one, this once."""
    with hub().db.session() as session:
        shown = [people.new_token(hub(), session, name, days)]
        if authenticator:
            shown.append(people.new_authenticator(hub(), session, name))
    click.echo("\n".join(shown))


@click.command("proposals")
@click.option("--state", type=click.Choice([state.value for state in ProposalState]), default="proposed", show_default=True)
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.pass_obj
def proposals(hub: Callable[[], Hub], state: str, limit: int) -> None:
    """List proposals, newest first."""
    with hub().db.session() as session:
        for shown in presenting.page(hub(), session, limit=limit, state=state)["data"]:
            click.echo(_line(shown))


def _line(shown: dict[str, Any]) -> str:
    """Write one proposal as one line: id, state, kind, target, who proposed it, and its content, or what sums it up."""
    content = {**shown["content"], **shown["words"]}
    said = content.get("summary") or orjson.dumps(content, option=orjson.OPT_SORT_KEYS).decode()
    return "  ".join((shown["id"], shown["state"], shown["kind"], shown["target"], shown["proposed_by"].name, said))


@click.command("approve")
@click.argument("proposal_id", metavar="ID")
@click.option(
    "--totp", prompt="Code", hide_input=True, help="The six digits the authenticator shows; asked for where it is not here."
)
@terminal.token_file
@click.pass_obj
def approve(hub: Callable[[], Hub], proposal_id: str, totp: str, token_file: Path) -> None:
    """Approve proposal ID, which somebody else made."""
    wanted, now = presenting.read_id(hub(), proposal_id), hub().clock.now()
    confirmed = service.confirm(hub(), wanted, terminal.person(hub(), token_file), totp, now)
    with hub().db.session() as session:
        approved = service.approve_confirmed(hub(), session, confirmed, now)
        shown = presenting.describe(hub(), session, [approved])[0]
    if approved.state == ProposalState.VOID:
        raise ProposalVoid
    click.echo(_line(shown))


COMMANDS = (staff, proposals, approve)
