"""What every row of a shared secret has, whoever it is shared with."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from payhub.sealed import SealedBytes, WrappedKey


class SharedSecret:
    """A secret, sealed. Its owner and its use stand in columns of the table's own (`payhub.secrets.kinds`)."""

    __tablename__: str

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    state: Mapped[str]
    origin: Mapped[str]
    """`generated` by us and shown once, or `given` by the other side."""
    fingerprint: Mapped[str | None]
    """A MAC of the secret under the key ring: tells whether two are the same, and nothing about either."""
    sealed_key: Mapped[bytes | None] = mapped_column(WrappedKey)
    sealed: Mapped[bytes | None] = mapped_column(SealedBytes)
    created_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("principal.id"))
    created_at: Mapped[datetime]
    live_at: Mapped[datetime | None]
    """Since when it verifies; of two live ones the later signs."""
    ended_at: Mapped[datetime | None]


def guards(table: str, owner: str, use: str) -> tuple[Any, ...]:
    """Return the constraints of a table of secrets."""
    return (
        CheckConstraint("state IN ('proposed', 'live', 'retired', 'dropped')", name="state"),
        CheckConstraint("origin IN ('generated', 'given')", name="origin"),
        CheckConstraint(
            "(sealed IS NOT NULL) = (state IN ('proposed', 'live')) AND (sealed_key IS NULL) = (sealed IS NULL)", name="sealed"
        ),
        CheckConstraint("(live_at IS NOT NULL) = (state IN ('live', 'retired'))", name="live_at"),
        CheckConstraint("(ended_at IS NOT NULL) = (state IN ('retired', 'dropped'))", name="ended_at"),
        Index(f"uq_{table}_proposed", owner, use, unique=True, postgresql_where="state = 'proposed'"),
    )
