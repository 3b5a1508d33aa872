"""The audit chain: every act, by whom, in one order that cannot be rewritten from the middle.

The chain's lock is the last one a transaction takes: append when everything else is done.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from payhub.staff.canonical import canonical, instant
from payhub.staff.models import AuditEntry

BEGINNING = bytes(32)
"""What stands before the first entry."""
_LOCK = 7_289_412


def head(session: Session) -> tuple[int, bytes]:
    """Return number and hash of the last entry: whoever keeps them elsewhere can prove all that came before."""
    last = session.execute(select(AuditEntry.seq, AuditEntry.hash).order_by(AuditEntry.seq.desc()).limit(1)).one_or_none()
    return (last.seq, last.hash) if last else (0, BEGINNING)


def append(
    session: Session, *, actor: uuid.UUID, act: str, target: str, at: datetime, data: Mapping[str, Any] | None = None
) -> AuditEntry:
    """Add an act to the chain, in the transaction that does it. `data` holds ids, amounts and states, never a person's data."""
    session.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    seq, previous = head(session)
    fields = {"seq": seq + 1, "at": instant(at), "actor": str(actor), "act": act, "target": target, "data": dict(data or {})}
    entry = canonical(fields)
    added = AuditEntry(
        seq=seq + 1, at=at, actor=actor, act=act, target=target, data=fields["data"], entry=entry, previous_hash=previous,
        hash=hashlib.sha256(previous + entry.encode()).digest(),
    )  # fmt: skip
    session.add(added)
    session.flush()
    return added
