"""Refunds, the lines they give back, and each request that was sent for one."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import CHAR, CheckConstraint, ForeignKey, Index, SmallInteger, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from payhub.db import Base
from payhub.payments.states import UNANSWERED, WAITING, RefundState, TryState
from payhub.sealed import SealedBytes, WrappedKey

METHODS = ("gateway", "bank_transfer")
REASONS = ("requested_by_citizen", "service_not_provided", "paid_twice", "wrong_amount", "fee_exempted", "other")


def _listed(words: Iterable[object]) -> str:
    return ", ".join(f"'{word}'" for word in sorted(map(str, words)))


class Refund(Base):
    """Money of one attempt given back: of the lines it paid (`refund_line`), or of the unapplied receipt that holds it."""

    __tablename__ = "refund"
    __table_args__ = (
        UniqueConstraint("payment_id", "number"),
        CheckConstraint(f"state IN ({_listed(RefundState)})", name="state"),
        CheckConstraint(f"method IN ({_listed(METHODS)})", name="method"),
        CheckConstraint(f"reason IN ({_listed(REASONS)})", name="reason"),
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("method <> 'gateway' OR attempt_id IS NOT NULL", name="attempt"),
        Index("ix_refund_attempt_id", "attempt_id"),
        Index("ix_refund_receipt_id", "receipt_id", postgresql_where="receipt_id IS NOT NULL"),
        Index("ix_refund_next_at", "next_at", postgresql_where="next_at IS NOT NULL"),
        Index("ix_refund_waiting", "payment_id", postgresql_where=f"state IN ({_listed(WAITING)})"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    payment_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("payment.id"))
    """The payment whose lines are given back, or that the receipt belongs to."""
    number: Mapped[int] = mapped_column(SmallInteger)
    receipt_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("unapplied_receipt.id"))
    attempt_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("attempt.id"))
    """The attempt that brought the money; of another payment where the money was allocated."""
    gateway_account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("gateway_account.id"))
    method: Mapped[str]
    state: Mapped[str]
    amount: Mapped[int]
    currency: Mapped[str] = mapped_column(CHAR(3))
    reason: Mapped[str]
    note_key: Mapped[bytes | None] = mapped_column(WrappedKey)
    note: Mapped[bytes | None] = mapped_column(SealedBytes)
    """The requester's own words, sealed; destroying `note_key` erases them."""
    requested_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("principal.id"))
    requested_at: Mapped[datetime]
    proposal_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("proposal.id"))
    version: Mapped[int] = mapped_column(SmallInteger)
    """Moves with every change of state: an approval is of the refund as it was seen."""
    decided_at: Mapped[datetime | None]
    submitted_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[str | None]
    """Why it was withdrawn or failed: `not_refundable`, `reversed`, `disputed`, `refused`, `not_reached`, `said_by_staff`."""
    next_at: Mapped[datetime | None]
    """When to look at it again: to send it, or to ask what became of it."""


class RefundLine(Base):
    """So much of one line given back."""

    __tablename__ = "refund_line"
    __table_args__ = (
        CheckConstraint("amount > 0", name="amount"),
        Index("ix_refund_line_payment_line_id", "payment_line_id"),
    )

    refund_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("refund.id"), primary_key=True)
    payment_line_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("payment_line.id"), primary_key=True)
    amount: Mapped[int]


class RefundTry(Base):
    """One request to give back that was sent, or was about to be. Of one attempt at most one is without an answer."""

    __tablename__ = "refund_try"
    __table_args__ = (
        UniqueConstraint("refund_id", "number"),
        UniqueConstraint("gateway_account_id", "reference"),
        CheckConstraint(f"state IN ({_listed(TryState)})", name="state"),
        Index("uq_refund_try_unanswered", "attempt_id", unique=True, postgresql_where=f"state IN ({_listed(UNANSWERED)})"),
        Index("ix_refund_try_asked_at", "gateway_account_id", "asked_at"),
        Index("ix_refund_try_gateway_transaction", "gateway_account_id", "gateway_transaction",
              postgresql_where="gateway_transaction IS NOT NULL"),
    )  # fmt: skip

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    refund_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("refund.id"))
    attempt_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("attempt.id"))
    gateway_account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("gateway_account.id"))
    number: Mapped[int] = mapped_column(SmallInteger)
    reference: Mapped[str]
    """Ours, new for each try; the gateway's files list the refund by it."""
    state: Mapped[str]
    raw_code: Mapped[str | None]
    gateway_transaction: Mapped[str | None]
    asked_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    checks: Mapped[int] = mapped_column(SmallInteger)
    """How often the gateway was asked about it, since it was sent or since it was accepted."""
