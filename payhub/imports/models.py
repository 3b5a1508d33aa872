"""Imports of registers: the file as it came, every change it makes, how often each table has moved, and what is announced."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column

from payhub.db import Base
from payhub.sealed import SealedBytes, WrappedKey


class RegisterMoved(Base):
    """How often a register's table has changed; a trigger counts."""

    __tablename__ = "register_moved"

    name: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int]


class RegisterImport(Base):
    """One file handed in for a register. It never changes: what became of it, its proposal says."""

    __tablename__ = "register_import"
    __table_args__ = (
        CheckConstraint("cooling_days BETWEEN 1 AND 30", name="cooling_days"),
        CheckConstraint("octet_length(digest) = 32", name="digest"),
        Index("ix_register_import_register", "register", "id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    register: Mapped[str]
    proposal_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("proposal.id"), unique=True)
    file_name: Mapped[str]
    digest: Mapped[bytes]
    """SHA-256 of the file."""
    body: Mapped[bytes]
    """The file, compressed (zlib)."""
    lines: Mapped[int]
    cooling_days: Mapped[int] = mapped_column(SmallInteger)
    """Working days that a new account waits after approval, as set when it was proposed."""
    calendar: Mapped[str]
    """Whose working days."""
    created_at: Mapped[datetime]


class RegisterChange(Base):
    """One change that an import makes."""

    __tablename__ = "register_change"

    import_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("register_import.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    entry: Mapped[str]
    """Row of the file, act, key, fields as they were and as they become, in canonical JSON; the proposal holds the hash of all."""


class AccountStop(Base):
    """An account that was stopped before it took effect: by whom, when, and why."""

    __tablename__ = "account_stop"

    collecting_account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("collecting_account.id"), primary_key=True)
    stopped_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("principal.id"))
    stopped_at: Mapped[datetime]
    reason_key: Mapped[bytes] = mapped_column(WrappedKey)
    reason: Mapped[bytes] = mapped_column(SealedBytes)
    """In the words of whoever stopped it, which may name a person."""


class Announcement(Base):
    """What portals are told of an agency's account before it takes effect."""

    __tablename__ = "announcement"
    __table_args__ = (
        CheckConstraint("kind IN ('account', 'account_stopped')", name="kind"),
        Index("ix_announcement_agency_id", "agency_id", "id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    agency_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("agency.id"))
    collecting_account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("collecting_account.id"))
    kind: Mapped[str]
    text_vi: Mapped[str]
    text_en: Mapped[str]
    effective_on: Mapped[date]
    created_at: Mapped[datetime]
