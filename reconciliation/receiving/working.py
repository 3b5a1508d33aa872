"""Taking a file that came: fetched, taken, and written down what became of it; begun again where whoever did it died.

As with runs, whether they live is told by a lock of the account, which is gone with its connection. Taking is idempotent by the
file's digest, so a file that was taken by somebody who died before saying so is found to be known.
"""

from __future__ import annotations

import hashlib
import tempfile
import uuid
from collections.abc import Sequence
from datetime import date, datetime
from typing import IO, Any

from sqlalchemy import select, text, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from payhub import log
from payhub.accounts.sources import FileSource
from payhub.clock import local_date
from payhub.errors import NotFound, PayHubError
from payhub.hub import Hub
from payhub.registers import in_force
from payhub.staff import audit
from payhub.staff.models import Principal
from reconciliation.banking.statements import import_statement
from reconciliation.files import mappings, reading
from reconciliation.receiving import arriving, folder, listed, sftp
from reconciliation.receiving.errors import FileGone, FileNotAgain, FileOver, PeriodUnknown, Unreachable
from reconciliation.receiving.models import AGAIN, OPEN, ReceivedFile
from reconciliation.receiving.places import place_of
from reconciliation.running import HOLDERS, SETTINGS, TRY
from reconciliation.settlements import import_settlement

_LOCK = "receiving "
_IN_MEMORY = 4 * 1024 * 1024
_PIECE = 1024 * 1024
_log = log.get(__name__)

_BEGIN = text(
    """
    UPDATE received_file SET state = 'running', step = 'fetching', started_at = :now, starts = starts + 1, error = NULL
    WHERE id = (SELECT id FROM received_file WHERE id = :id AND state IN ('waiting', 'running') FOR NO KEY UPDATE SKIP LOCKED)
    RETURNING id
    """
)
# One of each account that nobody works on; what could not be had, or was never ended, waits longer each time.
_DUE = text(
    f"""
    SELECT id FROM (
      SELECT DISTINCT ON (account) file.id, file.received_at FROM received_file AS file
      CROSS JOIN LATERAL (SELECT coalesce(file.gateway_account_id, file.bank_account_id) AS account) AS of
      WHERE file.state IN ('waiting', 'running')
        AND (file.starts < 1 OR file.state = 'running' AND file.starts < 2
             OR file.started_at <= :now - make_interval(secs => least(900, power(2, file.starts))))
        AND NOT EXISTS ({HOLDERS.format(key=f"'{_LOCK}' || account")})
      ORDER BY account, file.received_at, file.id
    ) AS due ORDER BY received_at, id LIMIT :limit
    """  # noqa: S608 - put together from our own pieces
)


def due(session: Session, now: datetime, limit: int = 50) -> list[uuid.UUID]:
    """Return files that may be taken now, those that somebody left unfinished among them: one of each account, oldest first."""
    return list(session.scalars(_DUE, {"now": now, "limit": limit}))


def execute(hub: Hub, file_id: uuid.UUID) -> uuid.UUID | None:
    """Take a file that waits or was left unfinished; return the run that is to follow. Nobody waits for an account that is busy."""
    now = hub.clock.now()
    # This transaction holds the lock, and neither rows nor a snapshot, while the file is fetched and others take it.
    with hub.db.session() as owner:
        row = _claim(hub, owner, file_id, now)
        if row is None:
            return None
        run_id, ended = _attempt(hub, row)
        if ended:
            _end(hub, file_id, ended)
    with hub.db.session() as session:
        row = session.get_one(ReceivedFile, file_id)
    folder.tidy(hub, row)
    _log.info("file.ended", file=str(file_id), way=row.way, state=row.state, error=row.error)
    return run_id


def _claim(hub: Hub, owner: Session, file_id: uuid.UUID, now: datetime) -> ReceivedFile | None:
    owner.execute(SETTINGS)
    row = owner.get(ReceivedFile, file_id)
    if row is None or not owner.scalar(TRY, {"key": f"{_LOCK}{row.gateway_account_id or row.bank_account_id}"}):
        return None
    with hub.db.autocommit() as connection:
        begun = connection.execute(_BEGIN, {"id": file_id, "now": now}).one_or_none()
    return None if begun is None else row


def _attempt(hub: Hub, row: ReceivedFile) -> tuple[uuid.UUID | None, dict[str, Any]]:
    """Fetch and take a file; return the run that follows and how the row ends, nothing where it was cancelled."""
    size: dict[str, Any] = {}
    try:
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as body:
            _fetch(hub, row, body)
            size = _measured(row, body)
            if not _step(hub, row.id):
                return None, {}
            run_id, ended = _take(hub, row, body)
    except Unreachable as error:
        return None, {"state": "waiting", "error": error.reason}
    except OperationalError:
        raise  # The database was away: the row stays as it is and is begun again.
    except PayHubError as error:
        ours = error.status >= 500 or isinstance(error, FileGone)
        return None, {"state": "failed" if ours else "refused", **size, **arriving.told(error)}
    except Exception as error:
        _end(hub, row.id, {"state": "failed", "error": type(error).__name__, **size})
        raise
    return run_id, {**ended, **size}


def _fetch(hub: Hub, row: ReceivedFile, body: IO[bytes]) -> None:
    if row.way == folder.WAY:
        folder.fetch(hub, row, body)
        return
    place = place_of(hub, row.gateway_account_id, row.bank_account_id)
    if row.way == listed.WAY:
        listed.fetch(hub, place.code, row.file_name, body)
        return
    assert row.file_source_id is not None  # noqa: S101 - what is no folder's is of a source
    with hub.db.session() as session:
        code = select(FileSource.code).where(FileSource.id == row.file_source_id).scalar_subquery()
        known: Sequence[FileSource] = session.scalars(
            select(FileSource).where(FileSource.code == code).order_by(FileSource.valid_from)
        ).all()
        secrets = sftp.secrets_of(hub, session, row.file_source_id)
    sftp.fetch(hub, in_force(known, local_date(hub.clock.now())) or known[-1], secrets, row, body)


def _measured(row: ReceivedFile, body: IO[bytes]) -> dict[str, Any]:
    """Return size and digest of what was fetched; raise `FileGone` where it is not what was found."""
    whole = hashlib.sha256()
    body.seek(0)
    while piece := body.read(_PIECE):
        whole.update(piece)
    size = body.tell()
    body.seek(0)
    if row.way == listed.WAY and whole.hexdigest() != row.mark:
        raise FileGone
    return {"size": size, "digest": whole.digest()}


def _take(hub: Hub, row: ReceivedFile, body: IO[bytes]) -> tuple[uuid.UUID | None, dict[str, Any]]:
    """Hand a file to whoever takes such files; whatever came before this row came by another way."""
    place = place_of(hub, row.gateway_account_id, row.bank_account_id)
    if row.files != "settlement":
        taken = import_statement(hub, place.code, row.files, row.file_name, body)
        first, days = taken.statements[0], [day for each in taken.statements for day in (each.from_on, each.to_on)]
        known = taken.already and first.received_at < row.received_at
        told = {"statement_id": first.id, "from_on": min(days), "until_on": max(days)}
        return None, {"state": "known" if known else "taken", **told}
    from_on, until_on = _days(hub, row, body)
    imported = import_settlement(hub, place.code, from_on, row.file_name, body, until_on)
    settlement = imported.settlement
    known = imported.already and settlement.received_at < row.received_at
    told = {"settlement_id": settlement.id, "from_on": settlement.period_on, "until_on": settlement.until_on}
    return imported.run_id, {"state": "known" if known else "taken", **told}


def _days(hub: Hub, row: ReceivedFile, body: IO[bytes]) -> tuple[date, date]:
    """Return the days of a settlement as its name says; where it does not, the one day of its rows."""
    if row.from_on is not None:
        return row.from_on, row.until_on or row.from_on
    account = hub.registers.gateway_accounts[place_of(hub, row.gateway_account_id, None).code]
    read = reading.settlement(body, mappings.load(hub.settings.paths.mappings, account.mapping))
    for _ in read:
        pass
    body.seek(0)
    if not read.tally.lines or read.tally.first_on != read.tally.last_on:
        raise PeriodUnknown
    return read.tally.first_on, read.tally.last_on


def _step(hub: Hub, file_id: uuid.UUID) -> bool:
    """Go on to taking; False where the file was cancelled meanwhile. After this it cannot be."""
    mine = update(ReceivedFile).where(ReceivedFile.id == file_id, ReceivedFile.state == "running")
    with hub.db.autocommit() as connection:
        return connection.execute(mine.values(step="taking").returning(ReceivedFile.id)).one_or_none() is not None


def _end(hub: Hub, file_id: uuid.UUID, ended: dict[str, Any]) -> None:
    mine = update(ReceivedFile).where(ReceivedFile.id == file_id, ReceivedFile.state == "running")
    finished = None if ended["state"] in OPEN else hub.clock.now()
    with hub.db.autocommit() as connection:
        connection.execute(mine.values(step=None, finished_at=finished, **ended))


def cancel(session: Session, file_id: uuid.UUID, by: Principal, now: datetime) -> ReceivedFile:
    """Cancel a file that waits or is being fetched: nothing of it is taken."""
    stopped = update(ReceivedFile).where(
        ReceivedFile.id == file_id, ReceivedFile.state.in_(OPEN), ReceivedFile.step.is_distinct_from("taking")
    )
    values = {"state": "cancelled", "ended_by": by.id, "finished_at": now, "step": None}
    return _decided(session, file_id, stopped.values(**values), FileOver(), ("file.cancelled", by, now))


def again(session: Session, file_id: uuid.UUID, by: Principal, now: datetime) -> ReceivedFile:
    """Have a file tried again that was refused, failed or was cancelled."""
    tried = update(ReceivedFile).where(
        ReceivedFile.id == file_id, ReceivedFile.state.in_(AGAIN), ReceivedFile.tidied_at.is_(None)
    )
    cleared = dict.fromkeys(("error", "error_vi", "error_en", "finished_at", "started_at"))
    values = {"state": "waiting", "ended_by": by.id, "starts": 0, **cleared}
    return _decided(session, file_id, tried.values(**values), FileNotAgain(), ("file.tried_again", by, now))


def _decided(
    session: Session, file_id: uuid.UUID, change: Any, otherwise: PayHubError, act: tuple[str, Principal, datetime]
) -> ReceivedFile:
    done = session.scalar(change.returning(ReceivedFile.id), execution_options={"synchronize_session": False})
    row = session.get(ReceivedFile, file_id, populate_existing=True)
    if row is None:
        raise NotFound
    if done is None:
        raise otherwise
    name, by, now = act
    audit.append(session, actor=by.id, act=name, target=f"received_file/{file_id}", at=now, data={"way": row.way})
    return row
