"""Commands that run the hub's processes and prepare its database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
from granian.constants import Interfaces
from granian.server import Server

from payhub import deployment, roles
from payhub import migrate as migrations
from payhub.app import registry
from payhub.demo.run import run_demo
from payhub.demo.serve import serve
from payhub.hub import Hub
from payhub.ledger.moving import fold_anew_if_moved, has_moved
from payhub.scheduling import run_scheduler, run_worker

LOCAL_HOME = Path(".payhub")


def _prepared(hub: Hub) -> Hub:
    """Refuse to start on a database of the other mode or another version."""
    current, wanted = migrations.current(hub.db.engine), migrations.heads()
    if current != wanted:
        raise click.ClickException(
            f"the database is at {current or 'no'} revision and this program needs {wanted}: run `payhub migrate`"
        )
    if has_moved(hub.db.engine):
        raise click.ClickException("the rows come from another database server: run `payhub migrate` before anything else")
    with hub.db.session() as session:
        deployment.stamp(session, hub.settings.mode, hub.clock.now())
    return hub


@click.command()
@click.option("--revision", default="head", show_default=True, help="Go up to this revision.")
@click.option("--app-role", help="Grant this database role what the hub needs, and take back the rest.")
@click.pass_obj
def migrate(hub: Callable[[], Hub], revision: str, app_role: str | None) -> None:
    """Bring the database to this program's version."""
    migrations.upgrade(hub().db.engine, revision, hub().keyring)
    if revision == "head" and fold_anew_if_moved(hub().db.engine):
        click.echo("the rows come from another database server: the ledger's rollups begin anew")
    if app_role:
        roles.grant(hub().db.engine, app_role)
    click.echo(f"database at revision {migrations.current(hub().db.engine)}")


@click.command()
@click.pass_obj
def web(hub: Callable[[], Hub]) -> None:
    """Serve portals, citizens and gateways over HTTP."""
    ready = _prepared(hub())
    settings = ready.settings.web
    ready.db.close()
    Server(
        "wsgi:app",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        workers=settings.workers,
        blocking_threads=settings.threads,
        websockets=False,
        log_access=False,
        respawn_failed_workers=True,
    ).serve()


@click.command()
@click.pass_obj
def worker(hub: Callable[[], Hub]) -> None:
    """Run jobs until told to stop."""
    run_worker(_prepared(hub()))


@click.command()
@click.pass_obj
def scheduler(hub: Callable[[], Hub]) -> None:
    """Start periodic jobs; a second scheduler waits until the first is gone."""
    run_scheduler(_prepared(hub()), registry().periodic)


@click.command()
@click.option("--payments", default=300, show_default=True, help="How many payments the day has.")
def demo(payments: int) -> None:
    """Drive a whole business day through real processes and prove it."""
    raise SystemExit(run_demo(payments, LOCAL_HOME))


@click.command()
def dev() -> None:
    """Run everything on this machine with sample data, until Ctrl-C."""
    raise SystemExit(serve(LOCAL_HOME))


COMMANDS = (migrate, web, worker, scheduler, demo, dev)
