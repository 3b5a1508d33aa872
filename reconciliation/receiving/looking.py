"""Asking servers and gateways what they have, each when it is due, and later each time it could not be reached."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from datetime import date, datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from payhub import log
from payhub.accounts.filenames import Days
from payhub.accounts.sources import FileSource
from payhub.clock import local_date
from payhub.errors import PayHubError
from payhub.hub import Hub
from payhub.identifiers import is_identifier
from reconciliation.receiving import arriving, listed, sftp
from reconciliation.receiving.arriving import Seen
from reconciliation.receiving.errors import Unreachable
from reconciliation.receiving.models import FileSourceContact, ReceivedFile
from reconciliation.receiving.places import Expected, Source, sources
from reconciliation.running import SETTINGS, TRY

_LOCK = "polling "
_SEEN_AGAIN = timedelta(hours=12)
"""A gateway's list says no more of a file than its name: so often it is looked at whether another stands behind it."""
_log = log.get(__name__)


def due(hub: Hub, session: Session) -> list[uuid.UUID]:
    """Return the sources that are to be asked now."""
    now = hub.clock.now()
    waiting = set(session.scalars(select(FileSourceContact.file_source_id).where(FileSourceContact.next_at > now)))
    return [source.id for source in _asked(hub, session, now) if source.id not in waiting]


def poll(hub: Hub, source_id: uuid.UUID) -> bool:
    """Ask one source what it has, and write down what is new; tell whether it could be reached."""
    now = hub.clock.now()
    # This transaction holds a lock, and neither rows nor a snapshot, while the other side is waited for.
    with hub.db.session() as owner:
        owner.execute(SETTINGS)
        if not owner.scalar(TRY, {"key": f"{_LOCK}{source_id}"}):
            return True
        source = next((each for each in _asked(hub, owner, now) if each.id == source_id), None)
        if source is None:
            return True
        secrets = sftp.secrets_of(hub, owner, source_id) if source.row.way == sftp.WAY else {}
        error = None
        try:
            if source.row.way == sftp.WAY:
                _note_listed(hub, source, sftp.listed(hub, source.row, secrets))
            else:
                _look_at_gateway(hub, source)
        except Unreachable as unreachable:
            error = unreachable.reason
        _contacted(hub, owner, source_id, now, error)
    if error:
        _log.warning("source.not_reached", source=source.row.code, way=source.row.way, error=error)
    return error is None


def asked(hub: Hub) -> list[Source]:
    """Return every source that can be asked today."""
    with hub.db.session() as session:
        return _asked(hub, session, hub.clock.now())


def window(row: FileSource, today: date) -> tuple[date, date]:
    """Return the first and the last day whose files are looked for."""
    last = today - timedelta(days=row.late_days)
    return last - timedelta(days=row.look_back_days - 1), last


def _asked(hub: Hub, session: Session, now: datetime) -> list[Source]:
    today = local_date(now)
    return [source for way in (sftp.WAY, listed.WAY) for source in sources(hub, session, today, way)]


def _note_listed(hub: Hub, source: Source, found: list[tuple[str, str]]) -> None:
    first, last = window(source.row, local_date(hub.clock.now()))
    with hub.db.session() as session:
        for name, mark in sorted(found):
            days = source.days_of(name)
            if days is not None and days.meet(first, last):
                _note(hub, session, source, name, mark, days)


def _look_at_gateway(hub: Hub, source: Source) -> None:
    for day in _days(*window(source.row, local_date(hub.clock.now()))):
        for name in listed.names_on(hub, source.place.code, day):
            days = source.days_of(name)
            # It is asked for by its name: one of another form would have to be guessed from what is kept.
            if days is None or not is_identifier(name):
                continue
            if not _seen_lately(hub, source, name):
                _compare(hub, source, name, days if days.first else Days(day, day))


def _compare(hub: Hub, source: Source, name: str, days: Days) -> None:
    """Look at what stands behind a name: the file that is known, or another."""
    try:
        mark = hashlib.sha256(listed.content_of(hub, source.place.code, name)).hexdigest()
    except PayHubError as error:
        _log.warning("source.file_left", source=source.row.code, file=name, error=error.code)
        return
    with hub.db.session() as session:
        _note(hub, session, source, name, mark, days)
        same = (ReceivedFile.gateway_account_id == source.place.id, ReceivedFile.way == listed.WAY, ReceivedFile.mark == mark)
        session.execute(update(ReceivedFile).where(*same, ReceivedFile.file_name == name).values(seen_at=hub.clock.now()))


def _seen_lately(hub: Hub, source: Source, name: str) -> bool:
    same = (ReceivedFile.gateway_account_id == source.place.id, ReceivedFile.way == listed.WAY, ReceivedFile.file_name == name)
    lately = ReceivedFile.seen_at > hub.clock.now() - _SEEN_AGAIN
    with hub.db.session() as session:
        return session.scalar(select(ReceivedFile.id).where(*same, lately).limit(1)) is not None


def _note(hub: Hub, session: Session, source: Source, name: str, mark: str, days: Days) -> None:
    expected = Expected(source.row.files, days.first, days.last, source.id)
    arriving.note(hub, session, Seen(source.place, source.row.way, name, mark), expected)


def _days(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first += timedelta(days=1)


def _contacted(hub: Hub, session: Session, source_id: uuid.UUID, now: datetime, error: str | None) -> None:
    files = hub.settings.files
    known = session.get(FileSourceContact, source_id)
    failures = 0 if error is None else (known.failures if known else 0) + 1
    wait_s = files.poll_s if error is None else files.retry_s[min(failures, len(files.retry_s)) - 1]
    told = {"tried_at": now, "failures": failures, "next_at": now + timedelta(seconds=wait_s), "error": error}
    told |= {"reached_at": now} if error is None else {}
    written = insert(FileSourceContact).values(file_source_id=source_id, **told)
    session.execute(written.on_conflict_do_update(index_elements=[FileSourceContact.file_source_id], set_=told))
