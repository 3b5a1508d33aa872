"""Settings: read once, typed, complete; every problem is reported together.

Each value comes from the first that has it: `PAYHUB_<SECTION>__<KEY>_FILE` (a file holding it), `PAYHUB_<SECTION>__<KEY>`, the TOML
file named by `PAYHUB_CONFIG`, the default here. `PAYHUB_MODE`, `DATABASE_URL`, `DATABASE_REPLICA_URL` and `REDIS_URL` stand bare.
With nothing set it is production, and a production that lacks its secrets does not start.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any, get_type_hints

from redis import ConnectionPool
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from payhub.accounts.arrivals import Files
from payhub.accounts.breaker import Breaker
from payhub.attesting.keys import Signing
from payhub.crypto import Keyring, holds_certificates
from payhub.discrepancies.terms import Discrepancies
from payhub.imports.settings import Registers
from payhub.inbox.settings import Callbacks
from payhub.people.terms import People
from payhub.portals.settings import Api
from payhub.telling import Webhooks


class SettingsError(Exception):
    """One line per setting that is missing or wrong; values are never quoted."""


@dataclass(frozen=True, slots=True)
class Database:
    """PostgreSQL 15 or later."""

    url: str = field(repr=False)
    replica_url: str = field(default="", repr=False)
    pool_size: int = 4
    statement_timeout_s: int = 30


@dataclass(frozen=True, slots=True)
class Redis:
    """Valkey or Redis 7 or later; may vanish at any moment."""

    url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Secrets:
    """`keys` is the key ring, `version:base64 of 32 bytes` separated by commas, the newest last.

    The highest version seals, unless `current` names another: that holds a new key back until every process has it. -1 names none.
    """

    keys: str = field(repr=False)
    current: int = -1


@dataclass(frozen=True, slots=True)
class Web:
    """The web process. `base_url` is how citizens and gateways reach it; `trusted_proxies` how many proxies stand before it."""

    base_url: str
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 2
    threads: int = 4
    trusted_proxies: int = 0


@dataclass(frozen=True, slots=True)
class Payments:
    """How long things may take, in seconds. `order_s` is the life of an order at the gateway, `ladder_s` when it is asked.

    `refund_confirm_s`: when a gateway is asked again about a refund that it took, each step from the answer before.
    """

    expires_s: int = 3 * 24 * 3600
    order_s: int = 900
    ladder_s: tuple[int, ...] = (60, 300, 900, 3600, 3 * 3600, 12 * 3600, 24 * 3600, 48 * 3600, 72 * 3600)
    refund_confirm_s: tuple[int, ...] = (3600, 24 * 3600, 72 * 3600)


@dataclass(frozen=True, slots=True)
class Jobs:
    """How often the scheduler looks, in seconds."""

    relay_s: int = 1
    deliveries_s: int = 1
    checks_s: int = 10
    refunds_s: int = 5
    probes_s: int = 10
    expiry_s: int = 30
    runs_s: int = 5
    fold_s: int = 5
    day_files_s: int = 300
    sweep_s: int = 3600


@dataclass(frozen=True, slots=True)
class Log:
    """Where `level` is a name of Python's logging and `format` is `json` or `text`."""

    level: str = "INFO"
    format: str = "json"


@dataclass(frozen=True, slots=True)
class Paths:
    """Folders on this machine. `home` holds what the embedded servers keep."""

    home: Path = Path(".payhub")
    mappings: Path = Path("config/mappings")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the hub is told from outside."""

    mode: str
    database: Database
    redis: Redis
    secrets: Secrets
    web: Web
    payments: Payments
    callbacks: Callbacks
    webhooks: Webhooks
    jobs: Jobs
    registers: Registers
    api: Api
    people: People
    discrepancies: Discrepancies
    files: Files
    gateways: Breaker
    signing: Signing
    log: Log
    paths: Paths

    @property
    def live(self) -> bool:
        """Tell whether real money moves."""
        return self.mode == "live"


_BARE = {"DATABASE_URL": ("database", "url"), "DATABASE_REPLICA_URL": ("database", "replica_url"), "REDIS_URL": ("redis", "url")}
DEVELOPMENT_KEY_VERSION = "0"
"""The version number that keys printed in this repository carry; a live hub refuses it."""


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings; raise `SettingsError` naming every one that is missing, unknown or unreadable."""
    environ = os.environ if environ is None else environ
    problems: list[str] = []
    given = _from_toml(environ.get("PAYHUB_CONFIG"), problems)
    mode = str(given.pop("mode", "live"))
    mode = environ.get("PAYHUB_MODE") or mode
    _from_environment(environ, given, problems)
    types = {name: kind for name, kind in get_type_hints(Settings).items() if name != "mode"}
    problems += [f"[{name}] is not a section of the settings" for name in given if name not in types]
    sections = {name: _section(name, kind, given.get(name, {}), problems) for name, kind in types.items()}
    if mode not in {"live", "test"}:
        problems.append("PAYHUB_MODE must be live or test")
    if not problems:
        settings = Settings(mode=mode, **sections)
        problems += _contradictions(settings)
    if problems:
        raise SettingsError("the settings cannot be used:\n  " + "\n  ".join(problems))
    return settings


def _from_toml(name: str | None, problems: list[str]) -> dict[str, Any]:
    if not name:
        return {}
    try:
        return tomllib.loads(Path(name).read_text(encoding="utf-8"))
    except OSError as error:
        problems.append(f"PAYHUB_CONFIG: {name}: {error.strerror}")
    except tomllib.TOMLDecodeError as error:
        problems.append(f"PAYHUB_CONFIG: {name}: {error}")
    return {}


def _from_environment(environ: Mapping[str, str], given: dict[str, Any], problems: list[str]) -> None:
    for variable, value in sorted(environ.items()):
        bare = variable.removesuffix("_FILE")
        if bare in _BARE:
            section, key = _BARE[bare]
        elif bare.startswith("PAYHUB_") and "__" in bare:
            section, key = bare.removeprefix("PAYHUB_").lower().split("__", 1)
        else:
            continue
        given.setdefault(section, {})[key] = value if bare == variable else _text_of(variable, value, problems)


def _text_of(variable: str, name: str, problems: list[str]) -> str:
    try:
        return Path(name).read_text(encoding="utf-8").strip()
    except OSError as error:
        problems.append(f"{variable}: {error.strerror}")
        return ""


def _section(name: str, kind: type, given: Any, problems: list[str]) -> Any:
    if not isinstance(given, dict):
        problems.append(f"[{name}] must be a section")
        return None
    types = get_type_hints(kind)
    known: dict[str, Field[Any]] = {item.name: item for item in fields(kind)}
    problems += [f"{_spell(name, key)} is not a setting" for key in given if key not in known]
    values = {}
    for key, item in known.items():
        if key in given:
            values[key] = _value(_spell(name, key), types[key], given[key], problems)
        elif item.default is MISSING:
            problems.append(f"{_spell(name, key)} is missing")
    return kind(**values) if {key for key, item in known.items() if item.default is MISSING} <= values.keys() else None


def _spell(section: str, key: str) -> str:
    bare = {place: variable for variable, place in _BARE.items()}
    return bare.get((section, key)) or f"PAYHUB_{section.upper()}__{key.upper()} ({section}.{key})"


def _value(name: str, kind: Any, raw: Any, problems: list[str]) -> Any:
    """Read one value as its type; TOML gives it typed already, the environment gives text."""
    try:
        if kind is bool:
            return {"true": True, "false": False}[str(raw).lower()]
        if kind == tuple[int, ...]:
            return tuple(int(part) for part in (raw.split(",") if isinstance(raw, str) else raw))
        return kind(raw)
    except (KeyError, TypeError, ValueError):
        problems.append(f"{name} must be {getattr(kind, '__name__', kind)}")
        return None


def _contradictions(settings: Settings) -> list[str]:
    found = [*_unreadable(settings), *settings.api.wrong(live=settings.live), *settings.signing.wrong(live=settings.live)]
    versions = {entry.split(":", 1)[0].strip() for entry in settings.secrets.keys.split(",")}
    if settings.live and DEVELOPMENT_KEY_VERSION in versions:
        found.append("secrets.keys holds the key printed in the repository: make one with `payhub keys new`")
    if settings.live and not settings.web.base_url.startswith("https://"):
        found.append("web.base_url must start with https:// where money is real")
    if not settings.registers.waits:
        found.append("registers.cooling_days must be 1 to 30")
    if not settings.files.retry_s or min(settings.files.retry_s) < 1:
        found.append("files.retry_s must be seconds, one or more of them")
    ladders = {"payments": settings.payments.ladder_s, "callbacks": settings.callbacks.ladder_s}
    found += [f"{name}.ladder_s must rise" for name, ladder in ladders.items() if not ladder or list(ladder) != sorted(set(ladder))]
    if not settings.people.readable:
        found.append("people.record_terms must be YEAR:YEARS pairs separated by commas, such as 2017:10")
    if not settings.discrepancies.readable:
        found.append("discrepancies.days must be KIND:DAYS pairs separated by commas, such as paid_twice:1")
    if not settings.webhooks.sound:
        found.append("webhooks.spread_percent must be 0 to 100, webhooks.log_days 1 or more")
    if settings.webhooks.ca_bundle and not holds_certificates(settings.webhooks.ca_bundle):
        found.append("webhooks.ca_bundle must be a file of certificates in PEM that can be read")
    return found


def _unreadable(settings: Settings) -> list[str]:
    """Name what cannot be read at all: whoever meets it later would quote a part of it, which may be of a password."""
    found = []
    try:
        ring_of(settings.secrets)
    except ValueError as error:
        found.append(str(error))
    database = settings.database
    urls = (("DATABASE_URL", database.url), ("DATABASE_REPLICA_URL", database.replica_url), ("REDIS_URL", settings.redis.url))
    for name, url in urls:
        try:
            if url:
                ConnectionPool.from_url(url) if name == "REDIS_URL" else make_url(url).get_dialect()
        except (ValueError, SQLAlchemyError):
            found.append(f"{name} is no address that can be read; in a password / is written %2F, @ is %40, # is %23, % is %25")
    return found


def ring_of(secrets: Secrets) -> Keyring:
    """Return the key ring; raise ValueError without quoting anything of it."""
    return Keyring.parse(secrets.keys, None if secrets.current < 0 else secrets.current)
