"""Who money is for. A row is never rewritten: a change ends one and begins another."""

from __future__ import annotations

import uuid
from datetime import date

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from payhub.db import Base


class Agency(Base):
    """A body that collects fees, during one stretch of time. After `valid_to` (exclusive) its successor takes what comes.

    A code goes on in another row when its name changes; the first row of a code is the one that other tables name.
    """

    __tablename__ = "agency"
    __table_args__ = (
        UniqueConstraint("code", "valid_from"),
        # A row that ends where it begins was taken back before it came into force.
        CheckConstraint("valid_to IS NULL OR valid_to >= valid_from", name="dates"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    code: Mapped[str]
    name_vi: Mapped[str]
    name_en: Mapped[str]
    chapter: Mapped[str]
    """Chương of the budget table, three digits (TT 324/2016)."""
    budget_unit: Mapped[str]
    """Mã đơn vị quan hệ ngân sách, seven digits (TT 185/2015); empty where not known."""
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]
    successor_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("agency.id"))


class CollectingAccount(Base):
    """Where an agency's money goes, by kind of fee; only the hub's own register says it, never a request."""

    __tablename__ = "collecting_account"
    __table_args__ = (
        Index("uq_collecting_account_current", "agency_id", "purpose", unique=True, postgresql_where="valid_to IS NULL"),
        CheckConstraint("valid_to IS NULL OR valid_to >= valid_from", name="dates"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    agency_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("agency.id"))
    purpose: Mapped[str]
    """A kind of fee, as in the fee schedule."""
    bank_bin: Mapped[str]
    number: Mapped[str]
    holder: Mapped[str]
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]
    import_id: Mapped[uuid.UUID | None]
    """The import that two people agreed on; only a hub without real money begins with accounts of its own."""


class DayOff(Base):
    """A day on which a calendar does not work, or works although it is a Saturday or Sunday."""

    __tablename__ = "day_off"

    calendar: Mapped[str] = mapped_column(primary_key=True)
    on: Mapped[date] = mapped_column(primary_key=True)
    name: Mapped[str]
    works: Mapped[bool] = mapped_column(server_default=false())
    source: Mapped[str] = mapped_column(server_default=text("''"))
    """The text that sets it."""
