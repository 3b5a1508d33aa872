"""Reading the sample registers: the same files, read the same way, as those that are handed in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from payhub.accounts.models import GatewayAccount
from payhub.errors import Text
from payhub.imports.kinds import AGENCY, NAME, Kind, one_of, text, whole
from payhub.imports.reading import read
from payhub.imports.specs import Column, Register
from payhub.imports.tables import REGISTERS
from payhub.portals.models import ApiKey

Row = Mapping[str, Any]

_USUAL_METHOD = "-"
"""How the file writes the method without a name, by which the citizen chooses at the gateway."""


def _methods(cell: str) -> list[str]:
    return ["" if name == _USUAL_METHOD else name for name in cell.split()]


_METHODS = Kind(
    f"names of methods, separated by spaces; `{_USUAL_METHOD}` is the one without a name, an empty cell the usual one",
    _methods,
)
_INSTANT = Kind("instant with its zone, ISO 8601", datetime.fromisoformat, datetime.isoformat)
_OWN = {
    "gateway_accounts": Register(
        name="gateway_accounts",
        says=Text("tài khoản cổng thanh toán", "gateway accounts"),
        holds="a contract with a gateway",
        model=GatewayAccount,
        columns=(
            Column("code", NAME, "the account"),
            Column("gateway", NAME, "the gateway"),
            Column("terminal", text(40), "its terminal"),
            Column("name_vi", text(300), "name in Vietnamese"),
            Column("name_en", text(300), "name in English"),
            Column("owner", AGENCY, "the agency whose it is", required=False),
            Column("settlement", one_of("pooled", "direct"), "whose bank account is paid"),
            Column("bank_account", NAME, "the hub's account that is paid", required=False, later=True),
            Column("currency", text(3), "ISO 4217"),
            Column("minimum", whole(1), "least amount"),
            Column("maximum", whole(1), "greatest amount"),
            Column("rank", whole(0), "place among the ways to pay"),
            Column("methods", _METHODS, "the ways to pay that are offered", required=False),
            Column("cost_bp", whole(0, 10_000), "what a payment costs, in basis points"),
            Column("mapping", text(80), "how its settlement files are read"),
            Column("opened_at", _INSTANT, "since when"),
        ),
        key=("code",),
        ends=None,
    ),
    "keys": Register(
        name="keys",
        says=Text("khóa API", "API keys"),
        holds="a portal's API key",
        model=ApiKey,
        columns=(Column("portal", NAME, "the portal"), Column("scopes", text(300), "separated by spaces")),
        key=("portal",),
        ends=None,
    ),
}


class SampleUnreadable(Exception):
    """A sample file is not what its register asks for."""


def read_rows(folder: Path, name: str) -> tuple[Register, Sequence[Any]]:
    """Return a register and the rows of its file."""
    register = REGISTERS.get(name) or _OWN[name]
    path = folder / register.file_name
    found = read(register, path.read_bytes())
    if found.problems:
        listed = "; ".join(f"row {each.row} {each.column}: {each.text.en}" for each in found.problems[:5])
        raise SampleUnreadable(f"{path}: {listed}")
    return register, [row for _, row in found.rows]


def rows(folder: Path, name: str) -> list[Row]:
    """Return the rows of one register's file, by column."""
    return [row._asdict() for row in read_rows(folder, name)[1]]
