"""Day files as they were made, what they add up to, and which are still to be made."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy import CHAR, CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from payhub.db import Base


class DayFile(Base):
    """One statement about a portal's day, as of one instant; never changed. Its content is in the `file_part` rows of its id."""

    __tablename__ = "day_file"
    __table_args__ = (UniqueConstraint("portal_id", "business_on", "version"), CheckConstraint("version > 0", name="version"))

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    portal_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("portal.id"))
    business_on: Mapped[date] = mapped_column(index=True)
    version: Mapped[int]
    made_at: Mapped[datetime]
    count: Mapped[int]
    size: Mapped[int]
    """Bytes of the content."""
    digest: Mapped[str] = mapped_column(CHAR(64))
    """SHA-256 of the content, in hex."""
    manifest: Mapped[str]
    """The very text that was signed."""
    signature: Mapped[str]
    """In base64."""
    key: Mapped[str]
    """Which key signed it."""
    snapshot: Mapped[str]
    """What the database saw when it was made: by it the ledger's entries of that instant are counted again."""
    cluster: Mapped[int]
    """The database server whose transactions the snapshot numbers."""


class DayFileSum(Base):
    """What the rows of one type and currency add up to."""

    __tablename__ = "day_file_sum"

    day_file_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("day_file.id"), primary_key=True)
    type: Mapped[str] = mapped_column(primary_key=True)
    currency: Mapped[str] = mapped_column(CHAR(3), primary_key=True)
    count: Mapped[int]
    amount: Mapped[int]


class DayFileAsk(Base):
    """How often a portal's day was asked for, and how often that was looked after."""

    __tablename__ = "day_file_ask"
    __table_args__ = (
        CheckConstraint("done BETWEEN 0 AND asked", name="done"),
        Index("ix_day_file_ask_due", "business_on", "portal_id", postgresql_where="done < asked"),
    )

    portal_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("portal.id"), primary_key=True)
    business_on: Mapped[date] = mapped_column(primary_key=True)
    asked: Mapped[int]
    done: Mapped[int]
