"""Which versions of the ring the database hangs on: what a process must have to start, and which key may be dropped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from payhub.crypto import Keyring
from payhub.db import SEALS_WITH
from payhub.errors import PayHubError, Text
from payhub.hub import Hub
from payhub.ring.models import KeyRotation, KeyVersion
from payhub.sealed import DERIVED, SEALED, SealedValue

_LOCK = 7_289_420


class RingUnfit(PayHubError):
    """The ring lacks a key that the database hangs on, or has another in its place."""

    code, status = "ring_unfit", 409
    title: ClassVar[Text] = Text("Bộ khóa không phù hợp với cơ sở dữ liệu", "The key ring does not fit the database")


@dataclass(frozen=True, slots=True)
class Standing:
    """What hangs on each version, by the name of the value; what is made with no version that is on the ring counts too."""

    newest: int
    versions: frozenset[int]
    values: Mapping[str, Mapping[int, int]]
    sealing: Mapping[int, int]
    """Connections of processes, by the version that they seal with."""
    waiting: Mapping[int, int]
    """Proposals of secrets that wait, by the version of their fingerprint."""
    links: int
    """Open payments whose link may have been given out with an older key."""
    links_until: datetime | None

    def left(self, version: int) -> int:
        """Return how many values a version still opens."""
        return sum(found.get(version, 0) for found in self.values.values())


def older(value: SealedValue) -> str:
    """Return, as SQL, the condition of rows whose value another version than :target wraps."""
    return f"octet_length({value.key}) > 0 AND get_byte({value.key}, 0) <> :target"


def enter(hub: Hub, session: Session) -> None:
    """Let a process begin to seal: refuse a ring that cannot open everything, and take note of the key that it seals with.

    A database that is not migrated so far has nothing to refuse.
    """
    if session.scalar(text("SELECT to_regclass('public.key_version')")) is None:
        return
    ring, known = hub.keyring, _known(session)
    lacking = [row.version for row in known.values() if row.used_since and not row.emptied_at and row.version not in ring.keys]
    if lacking:
        raise _unfit(lacking, "thiếu khóa phiên bản", "secrets.keys lacks a version that still opens values, put it back:")
    _refuse_others(ring, known)
    current = known.get(ring.newest)
    noted = all(version in known and known[version].check_value for version in ring.keys)
    if not noted or current is None or current.used_since is None or current.emptied_at is not None:
        _take_note(ring, session, hub.clock.now())


def _known(session: Session) -> dict[int, KeyVersion]:
    return {row.version: row for row in session.scalars(select(KeyVersion).execution_options(populate_existing=True))}


def _take_note(ring: Keyring, session: Session, now: datetime) -> None:
    """Write down the keys of this ring, and that the newest of them is used; of two processes at once the second looks again."""
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    _refuse_others(ring, _known(session))
    for version in ring.keys:
        fresh = insert(KeyVersion).values(version=version, check_value=ring.check_value(version))
        session.execute(fresh.on_conflict_do_update(index_elements=["version"], set_={"check_value": fresh.excluded.check_value}))
    current = session.get_one(KeyVersion, ring.newest, populate_existing=True)
    current.used_since, current.emptied_at = current.used_since or now, None


def _refuse_others(ring: Keyring, known: Mapping[int, KeyVersion]) -> None:
    """Refuse a ring in which a version is another key than it was: what one of them seals the other does not open."""
    both = ((version, known[version].check_value) for version in ring.keys if version in known)
    others = [version for version, value in both if value not in {None, ring.check_value(version)}]
    if others:
        said = "secrets.keys holds another key than before, put the former one back under version"
        raise _unfit(others, "khóa khác với trước đây, hãy trả lại khóa cũ cho phiên bản", said)


def _unfit(versions: list[int], vi: str, en: str) -> RingUnfit:
    listed = ", ".join(str(version) for version in sorted(versions))
    return RingUnfit(Text(f"secrets.keys: {vi} {listed}", f"{en} {listed}"))


def count(session: Session, newest: int, now: datetime) -> dict[str, dict[int, int]]:
    """Count what each version opens, by reading every key, and take note of older ones on which nothing hangs any more.

    As long as a process that seals with one is connected, something may.
    """
    # Asked first: whoever sealed something and left since is counted.
    sealing = _sealing(session)
    found = {value.name: _versions(session, value) for value in SEALED}
    found |= {derived.name: dict(derived.versions(session)) for derived in DERIVED}
    # And again: counting takes long, and whoever began meanwhile may have sealed what was counted before.
    session.execute(text("SELECT pg_stat_clear_snapshot()"))
    sealing |= _sealing(session)
    used = {version for versions in found.values() for version, values in versions.items() if values}
    for version in sorted(used):
        fresh = {"version": version, "used_since": now}
        again = insert(KeyVersion).values(**fresh).on_conflict_do_update(index_elements=["version"], set_={"emptied_at": None})
        session.execute(again)
    for row in session.scalars(select(KeyVersion).with_for_update()):
        row.used_since = row.used_since or (now if row.version in used else None)
        if row.used_since and row.version not in {*used, *sealing, newest}:
            row.emptied_at = row.emptied_at or now
    return found


def _versions(session: Session, value: SealedValue) -> dict[int, int]:
    counted = text(
        f"SELECT get_byte({value.key}, 0) AS version, count(*) AS held FROM {value.table} "  # noqa: S608 - our own names
        f"WHERE octet_length({value.key}) > 0 GROUP BY 1"
    )
    return {row.version: row.held for row in session.execute(counted)}


def behind(session: Session, newest: int) -> dict[int, int]:
    """Count connections of processes that seal with another key, by its version: they may not have the newest at all."""
    return {version: held for version, held in _sealing(session).items() if version != newest}


def _sealing(session: Session) -> dict[int, int]:
    return {row.version: row.held for row in session.execute(_SEALING, {"named": f"^{SEALS_WITH}[0-9]+$"})}


def look(hub: Hub, session: Session) -> Standing:
    """Return what hangs on which version now."""
    session.execute(text("SET LOCAL statement_timeout = 0"))
    newest, now = hub.keyring.newest, hub.clock.now()
    began = session.scalar(select(func.min(KeyRotation.started_at)).where(KeyRotation.target == newest))
    links = session.execute(_LINKS, {"before": began or now}).one()
    return Standing(
        newest=newest,
        versions=frozenset(hub.keyring.keys),
        values=count(session, newest, now),
        sealing=_sealing(session),
        waiting={row.version: row.held for row in session.execute(_WAITING)},
        links=links.held,
        links_until=links.until,
    )


_SEALING = text(
    "SELECT CAST(substring(application_name FROM '[0-9]+$') AS integer) AS version, count(*) AS held FROM pg_stat_activity "
    "WHERE datname = current_database() AND application_name ~ :named GROUP BY 1"
)
_LINKS = text("SELECT count(*) AS held, max(expires_at) AS until FROM payment WHERE state = 'open' AND created_at < :before")
_WAITING = text(
    "SELECT CAST(split_part(fingerprint, ':', 1) AS integer) AS version, count(*) AS held FROM ("
    "SELECT fingerprint FROM gateway_secret WHERE state = 'proposed' "
    "UNION ALL SELECT fingerprint FROM portal_secret WHERE state = 'proposed') AS waiting GROUP BY 1"
)
