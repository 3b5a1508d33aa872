"""Discrepancies, what was done about them and by whom, what people wrote, and which are one matter."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import CHAR, CheckConstraint, ForeignKey, Identity, Index, false, text
from sqlalchemy.orm import Mapped, mapped_column

from payhub.db import Base
from payhub.sealed import SealedBytes, WrappedKey

KINDS = (
    "missing_at_gateway", "missing_at_hub", "amount_differs", "currency_differs", "duplicate_at_gateway", "paid_twice",
    "cancelled_but_paid", "underpaid", "overpaid", "partial_transfers", "reversed", "refund_unknown", "refund_missing_at_gateway",
    "refund_amount_differs", "refund_and_reversal", "late", "fee_differs", "wrong_account", "conflicted_payee",
    "unreadable_reference", "abolished_code", "count_or_sum_differs", "statement_gap", "file_missing", "payout_missing",
    "banked_differs", "unknown_outcome", "portal_untold", "declared_amount_differs",
)  # fmt: skip


class Discrepancy(Base):
    """Two that disagree: `kind` and `key` say about what, `amount` how much money is at stake in minor units."""

    __tablename__ = "discrepancy"
    __table_args__ = (
        Index("ix_discrepancy_key", "key", "kind"),
        Index("uq_discrepancy_open", "kind", "key", unique=True, postgresql_where="state <> 'resolved'"),
        CheckConstraint("kind IN (" + ", ".join(f"'{kind}'" for kind in KINDS) + ")", name="kind"),
        CheckConstraint("state IN ('open', 'assigned', 'proposed', 'resolved')", name="state"),
        CheckConstraint("(state = 'resolved') = (resolved_at IS NOT NULL)", name="resolved"),
        CheckConstraint("state <> 'assigned' OR owner_id IS NOT NULL", name="assigned"),
        CheckConstraint("(state = 'proposed') = (proposal_id IS NOT NULL)", name="proposed"),
        CheckConstraint("NOT accepted OR state = 'resolved'", name="accepted"),
        Index("ix_discrepancy_due", "due_at", "id", postgresql_where="state <> 'resolved'"),
        Index("ix_discrepancy_owner", "owner_id", "due_at", postgresql_where="owner_id IS NOT NULL"),
        Index("ix_discrepancy_proposal", "proposal_id", postgresql_where="proposal_id IS NOT NULL"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    key: Mapped[str]
    """Identity of the thing, stable between runs: `vnpay-main/payment/PH0123…` for a line of a settlement."""
    state: Mapped[str]
    gateway_account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("gateway_account.id"))
    payment_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("payment.id"), index=True)
    on: Mapped[date]
    """The gateway's day it is about."""
    amount: Mapped[int]
    currency: Mapped[str] = mapped_column(CHAR(3))
    evidence: Mapped[dict[str, Any]]
    """What each side says; ids and amounts only."""
    version: Mapped[int] = mapped_column(server_default=text("1"))
    """Moves whenever the evidence does, and at every end: what two people agree on is one version."""
    opened_at: Mapped[datetime]
    """When it was last opened; the first time is in its history."""
    due_at: Mapped[datetime]
    """When somebody should have dealt with it: the term of its kind after it was opened."""
    owner_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("principal.id"))
    """The person whose it is. New evidence leaves it theirs, and open until they have looked."""
    proposal_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("proposal.id"))
    """What is proposed about it now."""
    resolved_at: Mapped[datetime | None]
    accepted: Mapped[bool] = mapped_column(server_default=false())
    """Whether people have resolved it: then only other evidence opens it, or a person."""


class DiscrepancyAct(Base):
    """One thing done about a discrepancy, by whom."""

    __tablename__ = "discrepancy_act"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(Identity(always=True))
    """The order in which they were done: ids made by several machines within a millisecond have none."""
    discrepancy_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("discrepancy.id"), index=True)
    act: Mapped[str]
    actor: Mapped[str]
    """The id of a principal, `run <id>`, or `system`."""
    at: Mapped[datetime]
    data: Mapped[dict[str, Any]]


class DiscrepancyNote(Base):
    """What a person wrote about a discrepancy, sealed; it has the id of the act it was written with."""

    __tablename__ = "discrepancy_note"
    __table_args__ = (CheckConstraint("(note_key IS NULL) = (note IS NULL)", name="sealed"),)

    id: Mapped[uuid.UUID] = mapped_column(ForeignKey("discrepancy_act.id"), primary_key=True)
    discrepancy_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("discrepancy.id"), index=True)
    written_at: Mapped[datetime]
    note_key: Mapped[bytes | None] = mapped_column(WrappedKey)
    note: Mapped[bytes | None] = mapped_column(SealedBytes)


class DiscrepancyLink(Base):
    """Two discrepancies that are one matter, said once for both: `low_id` is the lesser id."""

    __tablename__ = "discrepancy_link"
    __table_args__ = (CheckConstraint("low_id < high_id", name="order"), Index("ix_discrepancy_link_high_id", "high_id"))

    low_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("discrepancy.id"), primary_key=True)
    high_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("discrepancy.id"), primary_key=True)
    linked_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("principal.id"))
    linked_at: Mapped[datetime]
