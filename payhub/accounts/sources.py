"""Where files of gateways and banks come from, by the register, and the secrets with which they are fetched."""

from __future__ import annotations

import uuid
from datetime import date

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from payhub.db import Base
from payhub.secrets.models import SharedSecret, guards

FILES = ("settlement", "statement", "notification")
WAYS = ("folder", "sftp", "gateway")
SFTP_SECRETS = ("password", "private_key")
"""What an SFTP server lets in by; with both live, the key."""


class FileSource(Base):
    """One way by which one sort of file of one account comes, during one stretch of time."""

    __tablename__ = "file_source"
    __table_args__ = (
        UniqueConstraint("code", "valid_from"),
        CheckConstraint("valid_to IS NULL OR valid_to >= valid_from", name="dates"),
        CheckConstraint("files IN ('settlement', 'statement', 'notification')", name="files"),
        CheckConstraint("way IN ('folder', 'sftp', 'gateway')", name="way"),
        CheckConstraint("(gateway_account_id IS NULL) <> (bank_account_id IS NULL)", name="one_account"),
        CheckConstraint("(files = 'settlement') = (gateway_account_id IS NOT NULL)", name="account_of_files"),
        CheckConstraint("way <> 'gateway' OR gateway_account_id IS NOT NULL", name="gateway_lists"),
        CheckConstraint(
            "way <> 'sftp' OR (host IS NOT NULL AND user_name IS NOT NULL AND host_key IS NOT NULL AND names IS NOT NULL)",
            name="sftp",
        ),
        CheckConstraint("late_days BETWEEN 0 AND 60 AND look_back_days BETWEEN 1 AND 366", name="days"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    code: Mapped[str]
    gateway_account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("gateway_account.id"))
    bank_account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("bank_account.id"))
    """By the first row of its code."""
    files: Mapped[str]
    way: Mapped[str]
    names: Mapped[str | None]
    """What the files are called, and where in the name their days stand (`payhub.accounts.filenames`)."""
    late_days: Mapped[int]
    """Days after its own from which on a file is looked for."""
    look_back_days: Mapped[int]
    """How many days before that are looked at for what came late or was corrected."""
    host: Mapped[str | None]
    port: Mapped[int | None]
    user_name: Mapped[str | None]
    host_key: Mapped[str | None]
    """The server's public key as OpenSSH writes it: another server is refused."""
    folder: Mapped[str | None]
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]


class FileSourceSecret(SharedSecret, Base):
    """A password or a private key that a server lets us in by."""

    __tablename__ = "file_source_secret"
    __table_args__ = guards("file_source_secret", "file_source_id", "name")

    file_source_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("file_source.id"), index=True)
    """By the first row of its code."""
    name: Mapped[str]
