"""One Idempotency-Key, one effect: the first answer is kept with what it did, in the same statement, and given again.

`claim` is a piece of a hot statement: it takes an advisory lock on (owner, key) and writes the answer; where either fails the
statement does nothing and `Once.explain` says why. Kept for `api.idempotency_s` seconds.

An answer may repeat what a portal wrote about a person. It is kept sealed with a key made of the request itself, which is kept
nowhere: only whoever sends the very same request again, and so has all of that, opens it.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, ClassVar

from flask import Response, g, request
from sqlalchemy import (
    CTE,
    BigInteger,
    DateTime,
    Index,
    LargeBinary,
    SmallInteger,
    Uuid,
    bindparam,
    delete,
    func,
    select,
)
from sqlalchemy import Text as SqlText
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from payhub.crypto import decrypt, encrypt
from payhub.db import Base, Database, rows_written
from payhub.errors import PayHubError, Text
from payhub.http import View, the_hub


class Idempotency(Base):
    """The first answer to a key."""

    __tablename__ = "idempotency"
    __table_args__ = (Index("ix_idempotency_created_at", "created_at"),)

    owner_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    """The portal, or the person, whose key it is."""
    key: Mapped[str] = mapped_column(primary_key=True)
    """Digest of the key: people put names and numbers into it."""
    fingerprint: Mapped[bytes]
    """Digest of key, method, path and body."""
    status: Mapped[int] = mapped_column(SmallInteger)
    body: Mapped[bytes]
    """`_PLAIN` and the answer where it repeats no words of the request, else `_SEALED` and the answer sealed."""
    created_at: Mapped[datetime]


class IdempotencyKeyMissing(PayHubError):
    """A POST without the header that makes repeating it safe."""

    code, status = "idempotency_key_missing", 400
    title: ClassVar[Text] = Text("Thiếu tiêu đề Idempotency-Key", "The Idempotency-Key header is missing")


class IdempotencyKeyInvalid(PayHubError):
    """A key of another form than 1-128 visible ASCII characters."""

    code, status = "idempotency_key_invalid", 400
    title: ClassVar[Text] = Text(
        "Idempotency-Key phải gồm 1-128 ký tự ASCII nhìn thấy được", "Idempotency-Key must be 1-128 visible ASCII characters"
    )


class IdempotencyKeyReused(PayHubError):
    """The key was used for another request."""

    code, status = "idempotency_key_reused", 422
    title: ClassVar[Text] = Text(
        "Idempotency-Key này đã dùng cho yêu cầu khác", "This Idempotency-Key was used for another request"
    )


class RequestInFlight(PayHubError):
    """The first request with this key has not answered yet."""

    code, status = "request_in_flight", 409
    title: ClassVar[Text] = Text(
        "Yêu cầu trước với cùng Idempotency-Key đang được xử lý", "The first request with this Idempotency-Key is still running"
    )

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "1"})


ERRORS = (IdempotencyKeyMissing, IdempotencyKeyInvalid, IdempotencyKeyReused, RequestInFlight)
_PURPOSE = "idempotency"
_VISIBLE = re.compile(r"[!-~]{1,128}")
_PLAIN, _SEALED = b"\0", b"\1"


@dataclass(frozen=True, slots=True)
class Once:
    """One key of one portal or person with the request it came with."""

    owner_id: uuid.UUID
    key: str
    fingerprint: bytes
    secret: bytes = field(repr=False)
    """Seals the answer; made of the request, kept nowhere."""

    @classmethod
    def of(cls, owner_id: uuid.UUID, key: str, request: bytes) -> Once:
        """Return what is known of a request with its key: what is kept of it, and what never is."""
        whole = hashlib.sha512(owner_id.bytes + key.encode() + b"\n" + request).digest()
        named = hashlib.blake2b(key.encode(), digest_size=16, key=owner_id.bytes).hexdigest()
        return cls(owner_id, named, whole[:32], whole[32:])

    @property
    def lock(self) -> int:
        """The number of the advisory lock that stands for this key."""
        return int.from_bytes(hashlib.blake2b(self.owner_id.bytes + self.key.encode(), digest_size=8).digest(), "big", signed=True)

    def binds(self, status: int, body: bytes, now: datetime, *, words: bool = True) -> dict[str, Any]:
        """Return the parameters of `claim`, the answer to keep among them; without `words` it repeats nothing anybody wrote."""
        return {
            "once_lock": self.lock,
            "once_owner": self.owner_id,
            "once_key": self.key,
            "once_fingerprint": self.fingerprint,
            "once_status": status,
            "once_body": self._seal(body) if words else _PLAIN + body,
            "once_now": now,
        }

    def carry_out(self, db: Database, now: datetime, act: Callable[[Session], tuple[int, bytes]]) -> Response:
        """Do something that has no hot statement, once, in one transaction with its answer: (status, JSON)."""
        answered = self.first_answer(db)
        if answered is not None:
            return answered
        with db.session() as session:
            if not session.scalar(select(func.pg_try_advisory_xact_lock(self.lock))):
                raise RequestInFlight
            row = session.execute(_FIRST, {"owner": self.owner_id, "key": self.key}).one_or_none()
            if row is not None:
                return self._replay(row)
            status, body = act(session)
            values = {"owner_id": self.owner_id, "key": self.key, "fingerprint": self.fingerprint, "created_at": now}
            session.execute(insert(Idempotency).values(**values, status=status, body=self._seal(body)))
        return Response(body, status, mimetype="application/json")

    def _replay(self, row: Any) -> Response:
        if row.fingerprint != self.fingerprint:
            raise IdempotencyKeyReused
        kept = row.body[1:] if row.body[:1] == _PLAIN else decrypt(self.secret, row.body[1:], self._context)
        return Response(kept, row.status, {"Idempotency-Replayed": "true"}, mimetype="application/json")

    @property
    def _context(self) -> str:
        return f"answer {self.key}"

    def _seal(self, body: bytes) -> bytes:
        return _SEALED + encrypt(self.secret, body, self._context)

    def first_answer(self, db: Database) -> Response | None:
        """Return the kept answer, or None where there is none; raise where the key was used for something else."""
        with db.autocommit() as connection:
            row = connection.execute(_FIRST, {"owner": self.owner_id, "key": self.key}).one_or_none()
        return None if row is None else self._replay(row)


_FIRST = select(Idempotency.fingerprint, Idempotency.status, Idempotency.body).where(
    Idempotency.owner_id == bindparam("owner"), Idempotency.key == bindparam("key")
)


def claim(*conditions: Any) -> tuple[CTE, CTE]:
    """Return (lock, claimed): `lock.c.got` says whether the lock was free, `claimed` has a row where the key is now ours."""
    lock = select(func.pg_try_advisory_xact_lock(bindparam("once_lock", type_=BigInteger)).label("got")).cte("once_lock")
    source = (
        select(
            bindparam("once_owner", type_=Uuid),
            bindparam("once_key", type_=SqlText),
            bindparam("once_fingerprint", type_=LargeBinary),
            bindparam("once_status", type_=SmallInteger),
            bindparam("once_body", type_=LargeBinary),
            bindparam("once_now", type_=DateTime(timezone=True)),
        )
        .select_from(lock)
        .where(lock.c.got, *conditions)
    )
    columns = ["owner_id", "key", "fingerprint", "status", "body", "created_at"]
    claimed = (
        insert(Idempotency)
        .from_select(columns, source)
        .on_conflict_do_nothing()
        .returning(Idempotency.owner_id)
        .cte("once_claimed")
    )
    return lock, claimed


def idempotent(view: View) -> View:
    """Demand an Idempotency-Key and put it, as `Once`, into `g.once`."""
    return _demands_key(view, lambda request: request)


def idempotent_for_secrets(view: View) -> View:
    """Demand an Idempotency-Key where the body holds a secret: what is kept of it helps nobody to guess without the ring."""

    def proven(request: bytes) -> bytes:
        # The oldest key, so that the same request is known again after the ring has got a new one.
        ring = the_hub().keyring
        return ring.mac(_PURPOSE, request, min(ring.keys))

    return _demands_key(view, proven)


def _demands_key(view: View, known_by: Callable[[bytes], bytes]) -> View:
    @wraps(view)
    def once(**arguments: Any) -> Any:
        key = request.headers.get("Idempotency-Key")
        if key is None:
            raise IdempotencyKeyMissing
        if not _VISIBLE.fullmatch(key):
            raise IdempotencyKeyInvalid
        material = f"{request.method} {request.path}\n".encode() + request.get_data(cache=True)
        g.once = Once.of(g.owner_id, key, known_by(material))
        return view(**arguments)

    once.operation = {**getattr(view, "operation", {}), "idempotent": True}  # type: ignore[attr-defined]
    return once


def sweep(session: Session, now: datetime, kept_s: int, limit: int = 10_000) -> int:
    """Forget answers older than `kept_s` seconds; return how many."""
    old = (
        select(Idempotency.owner_id, Idempotency.key)
        .where(Idempotency.created_at < now - timedelta(seconds=kept_s))
        .limit(limit)
        .cte("old")
    )
    return rows_written(session, delete(Idempotency).where(Idempotency.owner_id == old.c.owner_id, Idempotency.key == old.c.key))
