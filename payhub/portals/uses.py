"""When each key was last used, so that one that nobody needs any more is seen: what is written is never a minute behind."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from payhub import log
from payhub.db import Database

EVERY = timedelta(minutes=1)
# Processes know nothing of each other: whoever comes within the minute of another writes nothing.
_WRITE = text(
    """
    INSERT INTO api_key_use (api_key_id, used_at) VALUES (:key_id, :now)
    ON CONFLICT (api_key_id) DO UPDATE SET used_at = excluded.used_at WHERE api_key_use.used_at <= excluded.used_at - :every
    """
)
_log = log.get(__name__)


class Uses:
    """What one process has written of its calls. Safe to use from many threads: the worst is a statement too many."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._written: dict[uuid.UUID, datetime] = {}

    def note(self, key_id: uuid.UUID, now: datetime) -> None:
        """Write that a key was used, unless that was written within the minute; it must not be part of what the call does."""
        written = self._written.get(key_id)
        if written is not None and now - written < EVERY:
            return
        self._written[key_id] = now
        try:
            with self._db.autocommit() as connection:
                connection.execute(_WRITE, {"key_id": key_id, "now": now, "every": EVERY})
        except SQLAlchemyError as error:
            _log.warning("key_use.not_written", kind=type(error).__name__)
