"""Who pays a payment, and by what the payments of a person are found again.

Neither table has a foreign key: rows are written by the statement that writes their payment, which is never deleted, and a law
holds them together.
"""

from __future__ import annotations

import uuid

from sqlalchemy import CheckConstraint, Index, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column

from payhub.db import Base
from payhub.sealed import SealedBytes, WrappedKey

FIELDS = ("name", "id_number", "phone", "email")
"""What a payer is found by."""


ERASURE = "payer_erasure"
"""The kind of a proposal that nobody sees any more who pays."""


class Payer(Base):
    """Who pays one payment. Each group has a data key of its own, so that one can be destroyed years before the other."""

    __tablename__ = "payer"
    __table_args__ = (
        CheckConstraint("(record_key IS NULL) = (record IS NULL) AND (contact_key IS NULL) = (contact IS NULL)", name="sealed"),
    )

    payment_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    record_key: Mapped[bytes | None] = mapped_column(WrappedKey)
    record: Mapped[bytes | None] = mapped_column(SealedBytes)
    """What an accounting record needs, sealed (JSON): name, number of identity, address."""
    contact_key: Mapped[bytes | None] = mapped_column(WrappedKey)
    contact: Mapped[bytes | None] = mapped_column(SealedBytes)
    """What none needs, sealed (JSON): telephone number and e-mail."""


class PayerIndex(Base):
    """A blind index: whoever has the key ring and a value finds the payments with it, whoever has neither learns nothing."""

    __tablename__ = "payer_index"
    __table_args__ = (
        CheckConstraint("field IN (" + ", ".join(f"'{field}'" for field in FIELDS) + ")", name="field"),
        Index("ix_payer_index_digest", "digest", "payment_id"),
        Index("ix_payer_index_version", "version"),
    )

    payment_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    field: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(SmallInteger)
    """Of the key ring's key that made the digest."""
    digest: Mapped[bytes]
    """The first 16 bytes of an HMAC over field and normalised value."""
