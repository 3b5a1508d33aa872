"""The database: one engine, two ways of working.

Hot steps are single statements on an autocommit connection, one round trip each. Everything else is a transaction of a `Session`,
opened and committed at the edge (a view, a job, a command) and never held while the network is waited for.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any, ClassVar, cast

import orjson
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    CursorResult,
    Date,
    DateTime,
    Engine,
    Executable,
    LargeBinary,
    MetaData,
    Text,
    Uuid,
    create_engine,
    event,
    literal_column,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker

from payhub.settings import Database as DatabaseSettings

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


SEALS_WITH = "payhub key "
"""Before the version of the ring a process seals with: the name of its connections, by which an operator sees who has which key."""


class Base(DeclarativeBase):
    """Every mapped row of the hub and its rooms."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text(),
        int: BigInteger(),
        bytes: LargeBinary(),
        datetime: DateTime(timezone=True),
        date: Date(),
        uuid.UUID: Uuid(),
        list[str]: ARRAY(Text()),
        dict[str, Any]: JSONB(),
    }


class Database:
    """A pool of connections; safe to share between threads, not between processes (see `after_fork`)."""

    def __init__(self, settings: DatabaseSettings, name: str = "payhub", info: Mapping[str, Any] | None = None) -> None:
        """`info` is what every session carries: what its deployment says of rows that are written far from any settings."""
        # Autocommit is how a connection rests: the hot steps then never switch it, and a session pays for switching instead.
        self.resting = _engine(settings, settings.pool_size, name)
        self.engine: Engine = self.resting.execution_options(isolation_level="READ COMMITTED")
        self._sessions = sessionmaker(self.engine, expire_on_commit=False, info=dict(info or {}))
        self._apart = _engine(settings, 1, name)
        self._sessions_apart = sessionmaker(self._apart.execution_options(isolation_level="READ COMMITTED"), expire_on_commit=False)

    @contextmanager
    def autocommit(self) -> Iterator[Connection]:
        """Lend a connection on which every statement is a transaction of its own."""
        with self.resting.connect() as connection:
            yield connection

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Lend a session; commit at the end, roll back on any error."""
        with self._sessions() as session, session.begin():
            yield session

    @contextmanager
    def apart(self) -> Iterator[Session]:
        """Lend a session on a connection kept for this alone: who is in a transaction waits for no second of the rest."""
        with self._sessions_apart() as session, session.begin():
            yield session

    def after_fork(self) -> None:
        """Forget the parent's connections without closing them."""
        self.resting.dispose(close=False)
        self._apart.dispose(close=False)

    def close(self) -> None:
        """Close every connection."""
        self.resting.dispose()
        self._apart.dispose()


def _engine(settings: DatabaseSettings, size: int, name: str) -> Engine:
    return create_engine(
        settings.url,
        isolation_level="AUTOCOMMIT",
        skip_autocommit_rollback=True,
        pool_size=size,
        max_overflow=0,
        pool_timeout=10,
        json_serializer=lambda value: orjson.dumps(value).decode(),
        json_deserializer=orjson.loads,
        hide_parameters=True,
        connect_args={
            "options": f"-c statement_timeout={settings.statement_timeout_s}s -c timezone=UTC -c lock_timeout=10s",
            "application_name": name,
            # A server that vanishes without a word is noticed within seconds.
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 20_000,
        },
    )


def once_committed(session: Session, act: Callable[[], None]) -> None:
    """Do something as soon as what the session writes is committed, and never where it is not: sending a job, say."""

    def committed(session: Session) -> None:
        if not session.in_nested_transaction():
            act()

    event.listen(session, "after_commit", committed)


def rows_written(session: Session, statement: Executable, binds: Mapping[str, Any] | None = None) -> int:
    """Execute a statement that writes many rows, of which the session holds none, and return how many it wrote."""
    result = session.execute(statement, binds, execution_options={"synchronize_session": False})
    return cast("CursorResult[Any]", result).rowcount


def word(value: str | int) -> ColumnElement[Any]:
    """Return a constant of ours written into the statement itself: it costs no parameter and no place in the cache key."""
    return literal_column(f"'{value}'" if isinstance(value, str) else str(value))


def constraint_of(error: BaseException) -> str:
    """Return the name of the constraint a database error speaks of, or an empty text."""
    diag: Any = getattr(getattr(error, "orig", None), "diag", None)
    return str(getattr(diag, "constraint_name", None) or "")
