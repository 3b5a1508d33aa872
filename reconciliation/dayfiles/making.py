"""Making a day file: read in one snapshot, written to disk, signed, kept sealed in pieces; none of it grows with the rows."""

from __future__ import annotations

import base64
import tempfile
import uuid
from datetime import date, datetime
from typing import IO

from sqlalchemy import insert, select, text
from sqlalchemy.orm import Session

from payhub import ids
from payhub.hub import Hub
from payhub.portals.models import Portal
from payhub.staff.canonical import canonical, instant
from reconciliation.dayfiles import entries, writing
from reconciliation.dayfiles.models import DayFile, DayFileSum
from reconciliation.dayfiles.writing import Written
from reconciliation.received import Received, keep
from reconciliation.running import SETTINGS, TRY

FORMAT = 1
_IN_MEMORY = 4 * 1024 * 1024
_SNAPSHOT = text("SELECT pg_current_snapshot()::text AS snapshot, (SELECT system_identifier FROM pg_control_system()) AS cluster")


class BeingMade(Exception):
    """Somebody else makes this portal's files at this moment."""


def make(hub: Hub, portal_id: uuid.UUID, on: date) -> DayFile:
    """Return the statement about a portal's day as things are: a new version, or the last one where nothing has changed since."""
    with hub.db.session() as session, tempfile.SpooledTemporaryFile(_IN_MEMORY) as body:
        # All that is read is of one instant, and the snapshot that is kept is that of all of it.
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        if not session.scalar(TRY, {"key": f"day file {portal_id}"}):
            raise BeingMade
        session.execute(SETTINGS)
        seen, made_at = session.execute(_SNAPSHOT).one(), hub.clock.now()
        written = writing.write(entries.rows(session, portal_id, on), hub.settings.mode, body)
        last = latest(session, portal_id, on)
        if last is not None and last.digest == written.digest:
            return last
        version = last.version + 1 if last else 1
        manifest = _manifest(hub, session.get_one(Portal, portal_id), on, version, made_at, written)
        key, signature = hub.attester.sign(manifest.encode())
        made = DayFile(
            id=ids.new_id(), portal_id=portal_id, business_on=on, version=version, made_at=made_at, count=written.count,
            size=written.size, digest=written.digest, manifest=manifest, signature=base64.b64encode(signature).decode(), key=key,
            snapshot=seen.snapshot, cluster=seen.cluster,
        )  # fmt: skip
        _keep(hub, session, made, written, body)
    return made


def latest(session: Session, portal_id: uuid.UUID, on: date, version: int | None = None) -> DayFile | None:
    """Return the newest version of a day, or the one that is asked for."""
    asked = select(DayFile).where(DayFile.portal_id == portal_id, DayFile.business_on == on)
    if version is not None:
        asked = asked.where(DayFile.version == version)
    return session.scalar(asked.order_by(DayFile.version.desc()).limit(1))


def _manifest(hub: Hub, portal: Portal, on: date, version: int, made_at: datetime, written: Written) -> str:
    return canonical(
        {
            "format": FORMAT, "hub": hub.settings.web.base_url, "mode": hub.settings.mode, "portal": portal.code,
            "day": on.isoformat(), "version": version, "made_at": instant(made_at), "count": written.count, "sums": written.sums(),
            "size": written.size, "sha256": written.digest,
        }
    )  # fmt: skip


def _keep(hub: Hub, session: Session, made: DayFile, written: Written, body: IO[bytes]) -> None:
    session.add(made)
    session.flush()
    if sums := written.sums():
        session.execute(insert(DayFileSum), [{"day_file_id": made.id, **each} for each in sums])
    keep(session, hub.keyring, made.id, Received(body, written.size, bytes.fromhex(written.digest), ""))
