"""Files that came by themselves, each with what became of it, and how it stands with the places they come from."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from payhub.db import Base

STATES = ("waiting", "running", "taken", "known", "refused", "failed", "cancelled")
OPEN = ("waiting", "running")
STEPS = ("fetching", "taking")
AGAIN = ("refused", "failed", "cancelled")
"""What a person may have tried again."""


class ReceivedFile(Base):
    """One file that came, by what it was called and how it looked there; another look is another file.

    `taken`: the hub has it now. `known`: it had this very file before. `refused`: the file is at fault, and the row says in what.
    `failed`: the deployment is.
    """

    __tablename__ = "received_file"
    __table_args__ = (
        Index(
            "uq_received_file_once", text("coalesce(gateway_account_id, bank_account_id)"), "way", "file_name", "mark", unique=True
        ),
        Index("ix_received_file_open", "received_at", postgresql_where="state IN ('waiting', 'running')"),
        CheckConstraint("state IN ('waiting', 'running', 'taken', 'known', 'refused', 'failed', 'cancelled')", name="state"),
        CheckConstraint("way IN ('folder', 'sftp', 'gateway')", name="way"),
        CheckConstraint("files IN ('settlement', 'statement', 'notification')", name="files"),
        CheckConstraint("(gateway_account_id IS NULL) <> (bank_account_id IS NULL)", name="one_account"),
        CheckConstraint("state <> 'cancelled' OR ended_by IS NOT NULL", name="cancelled"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    gateway_account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("gateway_account.id"))
    bank_account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("bank_account.id"))
    file_source_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("file_source.id"))
    """Where it is from, by the first row of its code; none of a folder that the register does not speak of."""
    files: Mapped[str]
    way: Mapped[str]
    file_name: Mapped[str]
    """As it was called there; what is no plain name is a name that stands for it."""
    mark: Mapped[str]
    """How it looked when it was found: size and time, or a digest."""
    state: Mapped[str]
    step: Mapped[str | None]
    from_on: Mapped[date | None]
    until_on: Mapped[date | None]
    size: Mapped[int | None]
    digest: Mapped[bytes | None]
    """SHA-256."""
    received_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    tidied_at: Mapped[datetime | None]
    """When it was put away, of a file of a folder."""
    seen_at: Mapped[datetime | None]
    """When it was last found to be the same still, of a gateway's list."""
    starts: Mapped[int] = mapped_column(server_default=text("0"))
    error: Mapped[str | None]
    error_vi: Mapped[str | None]
    error_en: Mapped[str | None]
    """Why it was not taken; never what stood in it."""
    settlement_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("settlement.id"))
    statement_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("statement.id"))
    ended_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("principal.id"))
    """Who cancelled it, or had it tried again."""


class FileSourceContact(Base):
    """How it stands with one place that files come from: when it was reached, and when it is tried next."""

    __tablename__ = "file_source_contact"

    file_source_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("file_source.id"), primary_key=True)
    tried_at: Mapped[datetime]
    reached_at: Mapped[datetime | None]
    failures: Mapped[int]
    """In a row."""
    next_at: Mapped[datetime]
    error: Mapped[str | None]
    """What went wrong the last time, in a word."""
