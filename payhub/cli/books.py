"""Commands about the books."""

from __future__ import annotations

import sys
from collections.abc import Callable

import click
from rich.console import Console
from rich.table import Table

from payhub.app import registry
from payhub.hub import Hub
from payhub.ledger.prove import Proven
from payhub.ledger.prove import prove as prove_laws


@click.command()
@click.pass_obj
def prove(hub: Callable[[], Hub]) -> None:
    """Recompute everything from rows; exit 1 where anything differs."""
    proven = list(prove_laws(hub().db.engine, registry().laws))
    Console().print(proof_table(proven))
    if not all(law.holds for law in proven):
        sys.exit(1)


def proof_table(proven: list[Proven]) -> Table:
    """Return one row per law, with the first ids that break it."""
    table = Table("law", "checked", "holds", title="Proofs")
    for law in proven:
        table.add_row(law.law, f"{law.checked:,}", "[green]yes" if law.holds else "[bold red]NO")
        for row in law.broken:
            table.add_row("  " + "  ".join(str(value) for value in row), "", "", style="red")
    return table


COMMANDS = (prove,)
