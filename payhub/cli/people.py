"""Commands about people: finding their payments, having them erased, and destroying what is past its term.

What a person is found by is asked for or read from standard input, never an argument: arguments stay in the shell's history and are
seen by everybody on the machine.
"""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import click

from payhub import ids
from payhub.errors import NotFound
from payhub.hub import Hub
from payhub.people import erasure, jobs, service
from payhub.people.models import FIELDS
from payhub.staff import terminal
from payhub.staff.people import Person

_FIELD = "What they are found by; the value is asked for."


@click.group("people")
def people() -> None:
    """Who pays: found, erased, destroyed when nobody may keep it."""


@people.command("find")
@click.option("--field", type=click.Choice(FIELDS), required=True, help=_FIELD)
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True, help="How many, the newest first.")
@terminal.token_file
@click.pass_obj
def find(hub: Callable[[], Hub], field: str, limit: int, token_file: Path) -> None:
    """List the payments of one person, with who pays masked; the audit has who asked."""
    person = terminal.person(hub(), token_file, "clerk", "auditor")
    with hub().db.session() as session:
        found = service.search(hub(), session, person.id, field=field, value=_value(field), limit=limit)
    for shown in found["data"]:
        masked = (shown[name] or "" for name in FIELDS)
        click.echo("  ".join((shown["payment"], shown["reference"], shown["payment_state"], shown["state"], *masked)).rstrip())
    if found["next"]:
        click.echo(f"there are more: the newest {limit} are shown", err=True)


@people.command("erase")
@click.option("--payment", "payments", multiple=True, help="Id of a payment; may be repeated.")
@click.option("--field", type=click.Choice(FIELDS), help=_FIELD)
@click.option("--reason", type=click.Choice(erasure.REASONS), default=erasure.REASONS[0], show_default=True)
@terminal.token_file
@click.pass_obj
def erase(hub: Callable[[], Hub], payments: Sequence[str], field: str | None, reason: str, token_file: Path) -> None:
    """Propose that nobody sees any more who pays: by payments, or all of whoever is found; another person approves it."""
    if bool(payments) == bool(field):
        raise click.UsageError("give either --payment or --field")
    person = terminal.person(hub(), token_file, "clerk")
    wanted = list(_found(hub(), person, field, _value(field))) if field else [_read(hub(), each) for each in payments]
    if not wanted:
        raise click.ClickException("nothing is found by this")
    for start in range(0, len(wanted), erasure.MOST):
        some = wanted[start : start + erasure.MOST]
        with hub().db.session() as session:
            proposal = erasure.propose(hub(), session, some, reason, person.principal)
            click.echo(f"{ids.public_id('prp', proposal.id, hub().settings.mode)}  {len(proposal.content['payments'])} payments")


@people.command("destroy")
@click.pass_obj
def destroy(hub: Callable[[], Hub]) -> None:
    """Destroy now what is past its term, as the scheduler has it done every hour."""
    done = jobs.run(hub())
    click.echo("  ".join(f"{name} {count}" for name, count in sorted(done.items())) or "nothing is past its term")


def _found(hub: Hub, person: Person, field: str, value: str) -> Iterator[uuid.UUID]:
    """Yield every payment that is found and not erased yet, page by page; each look is in the audit."""
    cursor = None
    while True:
        with hub.db.session() as session:
            page = service.search(hub, session, person.id, field=field, value=value, limit=erasure.MOST, cursor=cursor)
        yield from (_read(hub, each["payment"]) for each in page["data"])
        cursor = page["next"]
        if cursor is None:
            return


def _value(field: str) -> str:
    if sys.stdin.isatty():
        return str(click.prompt(field.replace("_", " "), hide_input=True, err=True))
    return sys.stdin.readline().strip()


def _read(hub: Hub, public: str) -> uuid.UUID:
    payment_id = ids.read_public_id("pay", public, hub.settings.mode)
    if payment_id is None:
        raise NotFound
    return payment_id


COMMANDS = (people,)
