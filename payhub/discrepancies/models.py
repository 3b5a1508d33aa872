"""Discrepancies and what was done about them."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import CHAR, CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from payhub.db import Base

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
    opened_at: Mapped[datetime]
    resolved_at: Mapped[datetime | None]


class DiscrepancyAct(Base):
    """One thing done about a discrepancy, by whom."""

    __tablename__ = "discrepancy_act"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    discrepancy_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("discrepancy.id"), index=True)
    act: Mapped[str]
    actor: Mapped[str]
    at: Mapped[datetime]
    data: Mapped[dict[str, Any]]
