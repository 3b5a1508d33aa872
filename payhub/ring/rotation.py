"""Moving everything sealed to the newest key: opened, and sealed again under a fresh data key, a batch at a time.

Each batch is one transaction that begins by locking the row of its progress: of two who rotate at once each takes the next batch,
and one that is killed has done whole batches. Nobody who works with a value is waited for, or waits longer than one statement: what
somebody holds is passed over and comes in another pass. A value is replaced only where its key is still the one that was read, so
that one that is erased meanwhile stays erased.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from payhub import log
from payhub.crypto import CryptoError, Keyring, Sealed
from payhub.db import rows_written
from payhub.hub import Hub
from payhub.ring import standing
from payhub.ring.models import KeyRotation
from payhub.ring.standing import older
from payhub.sealed import DERIVED, SEALED, Moved, SealedValue
from payhub.staff import audit
from payhub.staff.models import SYSTEM_ID

BATCH = 500
BATCH_BYTES = 16 * 1024 * 1024
"""Of one batch in memory; a single value may be larger, and is then a batch alone."""
_VANISHED_S = 300
"""Between two statements of a batch."""
_PAUSE_S = 0.5
"""Between two passes, outside any transaction: whoever holds what was passed over lets go meanwhile."""
_log = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Step:
    """One batch that is done."""

    value: str
    moved: Moved


Told = Callable[[Step], None]
Move = Callable[[Session, uuid.UUID | None, int], Moved]


def rotate(hub: Hub, told: Told, batch: int = BATCH) -> int:
    """Bring everything to the newest key; return how many values could not be opened. Told of each batch, after its commit."""
    ring = hub.keyring
    moves: dict[str, Move] = {value.name: partial(_seal_again, ring, value) for value in SEALED}
    moves |= {derived.name: partial(derived.rekey, ring) for derived in DERIVED}
    _begin(hub, ring.newest, list(moves))
    for name, move in moves.items():
        while (moved := _batch(hub, name, move, batch)) is not None:
            told(Step(name, moved))
    return _finish(hub, ring.newest)


def _begin(hub: Hub, target: int, names: Sequence[str]) -> None:
    now = hub.clock.now()
    with hub.db.session() as session:
        standing.enter(hub, session)
        begun = 0
        for name in names:
            fresh = {"target": target, "value": name, "done": 0, "failed": 0, "passed_over": 0, "started_at": now}
            begun += rows_written(session, insert(KeyRotation).values(**fresh).on_conflict_do_nothing())
        # What is finished is looked through again: a process of yesterday's ring may have sealed something since.
        finished = (KeyRotation.target == target, KeyRotation.finished_at.is_not(None))
        session.execute(update(KeyRotation).where(*finished).values(last_id=None, failed=0, passed_over=0, finished_at=None))
        if begun:
            audit.append(session, actor=SYSTEM_ID, act="keys.rotation_started", target=f"key/{target}", at=now)


def _batch(hub: Hub, name: str, move: Move, batch: int) -> Moved | None:
    """Move the next values of one kind; None where it is finished."""
    with hub.db.session() as session:
        # A settlement file takes seconds; the other one who rotates waits for it.
        session.execute(text("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0"))
        # A machine that vanished without a word would hold it for hours.
        session.execute(text(f"SET LOCAL idle_in_transaction_session_timeout = '{_VANISHED_S}s'"))
        at = session.get_one(KeyRotation, (hub.keyring.newest, name), with_for_update=True, populate_existing=True)
        if at.finished_at is not None:
            return None
        moved = move(session, at.last_id, batch)
        if moved.last is not None:
            at.last_id, at.done, at.failed = moved.last, at.done + moved.done, at.failed + len(moved.unopened)
            at.passed_over += moved.passed_over
            return moved
        again = at.passed_over > 0
        if again:
            at.last_id, at.failed, at.passed_over = None, 0, 0
        else:
            at.finished_at = hub.clock.now()
    if again:
        time.sleep(_PAUSE_S)
    return moved if again else None


def _next(session: Session, value: SealedValue, target: int, last_id: uuid.UUID | None, batch: int) -> Sequence[Any]:
    """Return the next rows in the order of their ids, as many as fit into a batch."""
    named = "".join(f", {name} AS of_{name}" for name in value.named)
    after = f"AND {value.id} > :last_id" if last_id else ""
    # How large a value is stands before it: what does not fit is not read.
    statement = text(
        "SELECT * FROM (SELECT *, sum(octet_length(data)) OVER (ORDER BY id) AS size, row_number() OVER (ORDER BY id) AS number "  # noqa: S608 - our own names
        f"FROM (SELECT {value.id} AS id, {value.key} AS key, {value.data} AS data{named} FROM {value.table} "
        f"WHERE {older(value)} {after} ORDER BY {value.id} LIMIT :batch) AS next) AS sized "
        "WHERE size <= :bytes OR number = 1 ORDER BY id"
    )
    binds = {"target": target, "batch": batch, "bytes": BATCH_BYTES, **({"last_id": last_id} if last_id else {})}
    return session.execute(statement, binds).all()


@dataclass(frozen=True, slots=True)
class _Again:
    """A value sealed again, and the key it had."""

    id: uuid.UUID
    before: bytes
    sealed: Sealed


def _seal_again(keyring: Keyring, value: SealedValue, session: Session, after: uuid.UUID | None, batch: int) -> Moved:
    """Seal the next values again."""
    rows = _next(session, value, keyring.newest, after, batch)
    again, unopened = list[_Again](), list[uuid.UUID]()
    for row in rows:
        context = value.context.format(**{name: getattr(row, f"of_{name}") for name in value.named})
        try:
            plain = keyring.open(Sealed(row.key, row.data), context)
        except CryptoError:
            _log.error("keys.value_not_opened", value=value.name, id=str(row.id))
            unopened.append(row.id)
        else:
            again.append(_Again(row.id, row.key, keyring.seal(plain, context)))
    done = _replace(session, value, again)
    return Moved(rows[-1].id if rows else None, len(rows), done, len(again) - done, tuple(unopened))


def _replace(session: Session, value: SealedValue, again: Sequence[_Again]) -> int:
    """Write what was sealed again, wherever the row is free and still has the key that was read; return how many."""
    statement = text(
        f"WITH free AS (SELECT {value.id} AS id FROM {value.table} WHERE {value.id} = ANY (:ids) FOR NO KEY UPDATE SKIP LOCKED) "  # noqa: S608 - our own names
        f"UPDATE {value.table} SET {value.key} = fresh.key, {value.data} = fresh.data "
        "FROM free JOIN unnest(:ids, :befores, :keys, :datas) AS fresh (id, before, key, data) USING (id) "
        f"WHERE {value.table}.{value.id} = free.id AND {value.table}.{value.key} = fresh.before"
    )
    binds = {
        "ids": [each.id for each in again], "befores": [each.before for each in again],
        "keys": [each.sealed.key for each in again], "datas": [each.sealed.data for each in again],
    }  # fmt: skip
    return rows_written(session, statement, binds) if again else 0


def _finish(hub: Hub, target: int) -> int:
    """Take note of the keys that nothing hangs on any more."""
    now = hub.clock.now()
    with hub.db.session() as session:
        session.execute(text("SET LOCAL statement_timeout = 0"))
        standing.count(session, target, now)
        rows = session.scalars(select(KeyRotation).where(KeyRotation.target == target)).all()
        failed = sum(row.failed for row in rows)
        facts = {"done": sum(row.done for row in rows), "failed": failed}
        audit.append(session, actor=SYSTEM_ID, act="keys.rotation_finished", target=f"key/{target}", at=now, data=facts)
    return failed
