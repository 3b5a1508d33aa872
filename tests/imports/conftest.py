"""Files of registers, whoever hands them in, and a second person."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from payhub.cli import imports as commands
from payhub.clock import local_date
from payhub.errors import PayHubError
from payhub.imports import service
from payhub.imports.planning import Plan, plan
from payhub.imports.reading import read
from payhub.imports.standing import export
from payhub.imports.tables import REGISTERS

ROOT = {command.name: command for command in commands.COMMANDS}


@pytest.fixture
def new_fee() -> dict[str, str]:
    """A fee that no register has, from next year on."""
    return {
        "code": "LP-MOI", "kind": "le_phi", "name_vi": "Lệ phí mới", "name_en": "New fee", "budget_line": "2771", "rule": "fixed",
        "amount": "120000", "late_money": "apply", "source": "example", "valid_from": "2027-01-01",
    }  # fmt: skip


@pytest.fixture
def thu(hire) -> Any:
    """Keeps the registers."""
    return hire("thu", "admin")


@pytest.fixture
def exported(hub) -> Callable[[str], bytes]:
    """A register as its file."""

    def read_out(name: str) -> bytes:
        with hub.db.session() as session:
            return "".join(export(session, REGISTERS[name])).encode()

    return read_out


@pytest.fixture
def edited(exported) -> Callable[..., bytes]:
    """A register's file after some rows were changed, found by the beginning of the line, and others added as cells by column."""

    def write(name: str, *added: dict[str, str], **changes: dict[str, str]) -> bytes:
        rows = list(csv.DictReader(io.StringIO(exported(name).decode())))
        for row in rows:
            row.update(changes.get(next(iter(row.values())), {}))
        return as_csv(name, [*rows, *added])

    return write


def as_csv(name: str, rows: list[dict[str, str]]) -> bytes:
    heading = [column.name for column in REGISTERS[name].columns]
    text = io.StringIO()
    writer = csv.DictWriter(text, heading, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


@pytest.fixture
def file() -> Callable[..., bytes]:
    """A file of a register with these rows alone."""
    return lambda name, *rows: as_csv(name, list(rows))


@pytest.fixture
def planned(hub) -> Callable[[str, bytes], Plan]:
    """What a file would do today."""

    def hold(name: str, body: bytes) -> Plan:
        with hub.db.session() as session:
            return plan(session, REGISTERS[name], read(REGISTERS[name], body), local_date(hub.clock.now()))

    return hold


@pytest.fixture
def wrong(planned) -> Callable[[str, bytes], list[tuple[int, str, str]]]:
    """What stands against a file: row, column, code."""
    return lambda name, body: [(each.row, each.column, each.code) for each in planned(name, body).problems]


@pytest.fixture
def propose(hub, thu) -> Callable[..., Any]:
    """Propose a file as Thu; return the import."""

    def put(name: str, body: bytes, by: Any = None) -> Any:
        with hub.db.session() as session:
            return service.propose(hub, session, REGISTERS[name], body, (by or thu).person.principal, f"{name}.csv")

    return put


@pytest.fixture
def agree(propose, minh, clock) -> Callable[[str, bytes], Any]:
    """Propose a file as Thu and approve it as Minh; return the import."""

    def both(name: str, body: bytes) -> Any:
        made = propose(name, body)
        # A code works once.
        clock.pass_(seconds=60)
        minh.approve(made.proposal_id)
        return made

    return both


@pytest.fixture
def payhub(hub) -> Callable[..., Any]:
    """Run a command; return its result, or raise what it was refused for."""

    def run(name: str, *arguments: str) -> Any:
        result = CliRunner().invoke(ROOT[name], arguments, obj=lambda: hub, env={"COLUMNS": "200"})
        if isinstance(result.exception, PayHubError):
            raise result.exception
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def saved(tmp_path) -> Callable[[str, bytes], str]:
    def write(name: str, body: bytes) -> str:
        path = tmp_path / name
        path.write_bytes(body)
        return str(path)

    return write


@pytest.fixture
def token_file(tmp_path) -> Callable[[Any], str]:
    def write(who: Any) -> str:
        path = tmp_path / f"token-{who.person.principal.name}"
        path.write_text(who.token + "\n")
        return str(path)

    return write


@pytest.fixture
def run(hub) -> Callable[..., None]:
    """Run statements in one transaction, as somebody with a password to the database would."""

    def execute(*statements: str, **values: Any) -> None:
        with hub.db.engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement), values)

    return execute
