"""Disputes: an amount of a paid payment that a citizen's bank wants back."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import CHAR, CheckConstraint, ForeignKey, Index, SmallInteger, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from payhub.db import Base


class Dispute(Base):
    """One chargeback: reserved from its lines while it is `opened`, charged back when it is `lost`."""

    __tablename__ = "dispute"
    __table_args__ = (
        UniqueConstraint("payment_id", "number"),
        UniqueConstraint("gateway_account_id", "gateway_case"),
        CheckConstraint("state IN ('opened', 'won', 'lost')", name="state"),
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("(state = 'opened') = (ended_at IS NULL)", name="ended"),
        Index("ix_dispute_attempt_id", "attempt_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    payment_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("payment.id"))
    number: Mapped[int] = mapped_column(SmallInteger)
    attempt_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("attempt.id"))
    gateway_account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("gateway_account.id"))
    gateway_case: Mapped[str]
    """The number the gateway or the bank gave the case."""
    state: Mapped[str]
    version: Mapped[int] = mapped_column(SmallInteger)
    amount: Mapped[int]
    currency: Mapped[str] = mapped_column(CHAR(3))
    opened_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("principal.id"))
    opened_at: Mapped[datetime]
    proposal_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("proposal.id"))
    """The proposal to book it as lost."""
    ended_at: Mapped[datetime | None]


class DisputeLine(Base):
    """So much of one line disputed; `charged_back` of it was taken from what the line owed, the rest had gone before."""

    __tablename__ = "dispute_line"
    __table_args__ = (
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("charged_back BETWEEN 0 AND amount", name="charged_back"),
        Index("ix_dispute_line_payment_line_id", "payment_line_id"),
    )

    dispute_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("dispute.id"), primary_key=True)
    payment_line_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("payment_line.id"), primary_key=True)
    amount: Mapped[int]
    charged_back: Mapped[int]
