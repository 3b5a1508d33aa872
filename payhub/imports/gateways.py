"""Gateway accounts as a register, and where files of gateways and banks come from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from payhub.accounts import filenames
from payhub.accounts.models import GatewayAccount
from payhub.accounts.sources import FILES, WAYS, FileSource
from payhub.clock import LOCAL, local_date
from payhub.errors import Text
from payhub.imports.kinds import AGENCY, NAME, Kind, code, one_of, text, whole
from payhub.imports.problems import Problem, Unreadable
from payhub.imports.schedule import BEGINS, ENDS
from payhub.imports.specs import Column, Look, Register, Row, Slip

_USUAL_METHOD = "-"
"""How the file writes the method without a name, by which the citizen chooses at the gateway."""
_ENDPOINT = re.compile(r"(?P<name>[a-z][a-z0-9_]{0,19})=(?P<url>https?://[!-~]{1,300})")
_HOST_KEY = r"(?:ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)) [0-9A-Za-z+/]{40,1000}={0,2}"
_HOST = r"[0-9A-Za-z](?:[0-9A-Za-z.-]{0,250}[0-9A-Za-z])?|[0-9A-Fa-f]*:[0-9A-Fa-f:.]{2,44}"


class Endpoints(dict[str, str]):
    """Addresses by name, as a value of a row: nobody changes it."""

    def __hash__(self) -> int:  # type: ignore[override] # the base says None: a dict has no hash, this one never changes
        return hash(frozenset(self.items()))


def _methods(cell: str) -> tuple[str, ...]:
    return tuple("" if name == _USUAL_METHOD else name for name in cell.split())


def _written_methods(value: tuple[str, ...]) -> str:
    return " ".join(name or _USUAL_METHOD for name in value)


def _instant(cell: str) -> datetime:
    try:
        instant = datetime.fromisoformat(cell)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise Unreadable("form", "2027-01-01T00:00:00+07:00")
    return instant


def _endpoints(cell: str) -> Endpoints:
    found = [_ENDPOINT.fullmatch(part) for part in cell.split(" ")]
    named = Endpoints({each["name"]: each["url"] for each in found if each})
    if len(named) < len(found):
        raise Unreadable("form", "api=https://gateway.example/v2")
    return named


def _written_endpoints(value: dict[str, str]) -> str:
    return " ".join(f"{name}={url}" for name, url in sorted(value.items()))


def _names(cell: str) -> str:
    _TEXT.read(cell)
    try:
        filenames.read(cell)
    except filenames.PatternWrong:
        raise Unreadable("form", "SETTLE_{yyyyMMdd}.csv") from None
    return cell


_TEXT = text(filenames.LONGEST)
_METHODS = Kind(
    f"names of methods, separated by spaces; `{_USUAL_METHOD}` is the one without a name, an empty cell the usual one",
    _methods, _written_methods,
)  # fmt: skip
_INSTANT = Kind("instant with its zone, `2027-01-01T00:00:00+07:00`", _instant, lambda value: value.astimezone(LOCAL).isoformat())
_ENDPOINTS = Kind("`name=address`, separated by spaces", _endpoints, _written_endpoints)
_PATTERN = Kind("pattern of names, such as `SETTLE_{yyyyMMdd}.csv`", _names)


class _Contracts(Register):
    """Contracts begin at an instant and are one row each."""

    def begin_of(self, row: Row) -> date:
        """Return the day of that instant."""
        return local_date(row.opened_at)


def _account_slips(row: Row) -> Iterator[Slip]:
    if row.settlement == "direct" and row.bank_account is not None:
        yield "bank_account", "not_used", row.settlement
    if row.settlement == "direct" and row.owner is None:
        yield "owner", "needed", row.settlement
    if row.minimum > row.maximum:
        yield "minimum", "least_above_most"


def _account_checks(look: Look) -> Iterator[Problem]:
    for line, row in look.touched:
        if row.endpoints is None:
            yield Problem(line, "endpoints", "needed", (row.gateway,))
        banks = look.other("bank_accounts").get((row.bank_account,), ())
        if any(bank.currency != row.currency for bank in banks):
            yield Problem(line, "bank_account", "other_currency", (row.currency,))


def _source_slips(row: Row) -> Iterator[Slip]:
    """Say which cells a way needs and which it has no use for."""
    mine, other = ("gateway_account", "bank_account") if row.files == "settlement" else ("bank_account", "gateway_account")
    if getattr(row, mine) is None:
        yield mine, "needed", row.files
    if getattr(row, other) is not None:
        yield other, "not_used", row.files
    needed = {"sftp": ("host", "user", "host_key", "names"), "folder": ("names",), "gateway": ()}[row.way]
    for name in ("host", "port", "user", "host_key", "remote_folder", "names"):
        given = getattr(row, name) is not None
        if name in needed and not given:
            yield name, "needed", row.way
        if given and row.way != "sftp" and name != "names":
            yield name, "not_used", row.way
    if row.way == "gateway" and row.files != "settlement":
        yield "way", "not_used", row.files
    says_days = row.names is None or filenames.read(row.names).says_days
    if row.way == "sftp" and row.files == "settlement" and not says_days:
        yield "names", "needed", "{yyyyMMdd}"


GATEWAY_ACCOUNTS = _Contracts(
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
        Column(
            "owner", AGENCY, "the agency whose it is; needed where that is paid directly",
            required=False, of="agencies", attribute="owner_agency_id",
        ),
        Column("settlement", one_of("pooled", "direct"), "whose bank account is paid: the hub's, or the owner's"),
        Column(
            "bank_account", NAME, "the hub's account that is paid; empty: what arrives is not looked for",
            required=False, of="bank_accounts", attribute="bank_account_id", later=True,
        ),
        Column("currency", code("[A-Z]{3}", "VND", "ISO 4217"), "its currency"),
        Column("minimum", whole(1), "least amount"),
        Column("maximum", whole(1), "greatest amount"),
        Column("rank", whole(0), "place among the ways to pay"),
        Column("methods", _METHODS, "the ways to pay that are offered", required=False, empty=()),
        Column("cost_bp", whole(0, 10_000), "what a payment costs, in basis points"),
        Column("mapping", NAME, "how its settlement files are read"),
        Column("opened_at", _INSTANT, "since when"),
        Column("closed_at", _INSTANT, "until when; empty where none is known", required=False, later=True),
        Column(
            "endpoints", _ENDPOINTS, "the gateway's addresses, by the names that its page of the reference has",
            required=False, later=True,
        ),
    ),
    key=("code",),
    begins="opened_at",
    ends=None,
    exclusive=False,
    undated=True,
    follows=(
        "name_vi", "name_en", "bank_account", "minimum", "maximum", "rank", "methods", "cost_bp", "mapping", "closed_at",
        "endpoints",
    ),
    once=("bank_account", "closed_at"),
    slips=_account_slips,
    checks=_account_checks,
)  # fmt: skip

_HOSTS: dict[str, Any] = {"required": False}
FILE_SOURCES = Register(
    name="file_sources",
    says=Text("nguồn tệp", "file sources"),
    holds="a way by which one sort of file of one account comes by itself",
    model=FileSource,
    columns=(
        Column("code", NAME, "the source"),
        Column("files", one_of(*FILES), "what comes: a gateway's settlements, or a bank's statements or notifications"),
        Column(
            "gateway_account", NAME, "whose settlements", required=False, of="gateway_accounts", attribute="gateway_account_id"
        ),
        Column(
            "bank_account", NAME, "whose statements or notifications",
            required=False, of="bank_accounts", attribute="bank_account_id",
        ),
        Column("way", one_of(*WAYS), "the watched folder, an SFTP server, or the gateway's own list"),
        Column("names", _PATTERN, "what the files are called, and where their days stand; others are left alone", required=False),
        Column("late_days", whole(0, 60), "days after its own from which on a file is looked for"),
        Column("look_back_days", whole(1, 366), "how many days before that are looked at, for what is late or corrected"),
        Column("host", code(_HOST, "sftp.bank.example", "name or address"), "the SFTP server", **_HOSTS),
        Column("port", whole(1, 65_535), "its port; empty: 22", **_HOSTS),
        Column("user", code("[0-9A-Za-z._-]{1,64}", "payhub"), "our name there", attribute="user_name", **_HOSTS),
        Column("host_key", code(_HOST_KEY, "ssh-ed25519 AAAA…", "public key as OpenSSH writes it"), "the server's own", **_HOSTS),
        Column("remote_folder", text(300), "the folder there; empty: where we land", attribute="folder", **_HOSTS),
        BEGINS,
        ENDS,
    ),
    key=("code", "valid_from"),
    slips=_source_slips,
)  # fmt: skip
