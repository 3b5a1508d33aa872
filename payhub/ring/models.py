"""Which keys of the ring were used, and how far everything sealed has come to the newest."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column

from payhub.db import Base


class KeyVersion(Base):
    """One version of the ring, as the database knows it."""

    __tablename__ = "key_version"
    __table_args__ = (
        CheckConstraint("version BETWEEN 0 AND 255", name="version"),
        CheckConstraint("emptied_at IS NULL OR used_since IS NOT NULL", name="emptied_at"),
    )

    version: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    check_value: Mapped[bytes | None]
    """By which the same key is recognised; none until a process had the key."""
    used_since: Mapped[datetime | None]
    """When it first sealed; a version that never did may leave the ring at any time."""
    emptied_at: Mapped[datetime | None]
    """When nothing was found that it still opens."""


class KeyRotation(Base):
    """How far one kind of sealed value has come to one version; a killed rotation goes on from here."""

    __tablename__ = "key_rotation"
    __table_args__ = (CheckConstraint("done >= 0 AND failed >= 0 AND passed_over >= 0", name="counts"),)

    target: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    value: Mapped[str] = mapped_column(primary_key=True)
    """As in `payhub.sealed`: `payment.payer`."""
    last_id: Mapped[uuid.UUID | None]
    """Everything up to this row was looked at."""
    done: Mapped[int]
    failed: Mapped[int]
    """What cannot be opened; of the latest pass."""
    passed_over: Mapped[int]
    """What somebody else held or changed at that moment; of the latest pass, after which there is another."""
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
