"""Settlements as they came, runs over them, and the proofs they give."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import CHAR, CheckConstraint, ForeignKey, Identity, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from payhub.db import Base
from payhub.sealed import SealedBytes, WrappedKey


class Settlement(Base):
    """One settlement file of one gateway account for one of its days, taken whole and once. Sums are payments minus refunds."""

    __tablename__ = "settlement"
    __table_args__ = (
        UniqueConstraint("gateway_account_id", "kind", "period_on", "digest"),
        Index("uq_settlement_current", "gateway_account_id", "kind", "period_on", unique=True,
              postgresql_where="superseded_by_id IS NULL"),
    )  # fmt: skip

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    gateway_account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("gateway_account.id"))
    kind: Mapped[str]
    """What sort of file: `daily` for now."""
    period_on: Mapped[date]
    digest: Mapped[bytes]
    """SHA-256 of the file."""
    file_name: Mapped[str]
    mapping: Mapped[str]
    currency: Mapped[str] = mapped_column(CHAR(3))
    declared_count: Mapped[int | None]
    declared_sum: Mapped[int | None]
    line_count: Mapped[int]
    line_sum: Mapped[int]
    reject_count: Mapped[int]
    body_key: Mapped[bytes | None] = mapped_column(WrappedKey, deferred=True)
    body: Mapped[bytes | None] = mapped_column(SealedBytes, deferred=True)
    """The file itself, sealed."""
    received_at: Mapped[datetime]
    superseded_by_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("settlement.id"))
    """Itself while the file is being read: it counts only when it is whole."""


class SettlementLine(Base):
    """One line of a settlement, normalised: amounts are positive minor units, `line_type` says which way the money went.

    It names its settlement without a foreign key: both are never deleted, a law holds them together, and a check per row would cost
    more than writing the row.
    """

    __tablename__ = "settlement_line"
    __table_args__ = (
        UniqueConstraint("settlement_id", "number"),
        Index("ix_settlement_line_reference", "reference"),
        Index("ix_settlement_line_refund", "settlement_id", postgresql_where="line_type = 'refund'"),
        Index("ix_settlement_line_refund_transaction", "transaction", postgresql_where="line_type = 'refund'"),
        CheckConstraint("line_type IN ('payment', 'refund', 'reversal', 'fee', 'adjustment')", name="line_type"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    settlement_id: Mapped[uuid.UUID]
    number: Mapped[int]
    """Row of the file, the header being 1."""
    line_type: Mapped[str]
    reference: Mapped[str | None]
    transaction: Mapped[str | None]
    amount: Mapped[int]
    fee: Mapped[int]
    currency: Mapped[str] = mapped_column(CHAR(3))
    happened_at: Mapped[datetime | None]
    happened_on: Mapped[date]
    bank: Mapped[str | None]


class SettlementReject(Base):
    """A row that could not be read: its number, the field, why. The row itself stays in the sealed file."""

    __tablename__ = "settlement_reject"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    settlement_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("settlement.id"), index=True)
    number: Mapped[int]
    field: Mapped[str]
    reason: Mapped[str]


class Run(Base):
    """One reconciliation of one account's day. Asked for as a row; the job that does it may run twice."""

    __tablename__ = "run"
    __table_args__ = (
        Index("ix_run_waiting", "asked_at", postgresql_where="state IN ('waiting', 'running')"),
        CheckConstraint("state IN ('waiting', 'running', 'done', 'failed')", name="state"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    gateway_account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("gateway_account.id"))
    period_on: Mapped[date]
    settlement_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("settlement.id"))
    state: Mapped[str]
    asked_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    error: Mapped[str | None]
    counts: Mapped[dict[str, Any]]
    """Class of a line to {count, amount}: every line of both sides is in exactly one."""


class Proof(Base):
    """That a party other than the hub shows the money of a payment's line; never changed after.

    Every proof is written by a join of the rows it names, none of which is ever deleted: a law holds them together in place of four
    foreign keys, whose checks would triple the time of a run.
    """

    __tablename__ = "proof"
    __table_args__ = (
        UniqueConstraint("payment_line_id", "kind"),
        CheckConstraint("kind IN ('reported', 'banked')", name="kind"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    kind: Mapped[str]
    payment_line_id: Mapped[uuid.UUID]
    attempt_id: Mapped[uuid.UUID] = mapped_column(index=True)
    amount: Mapped[int]
    proved_on: Mapped[date]
    """The gateway's day of the settlement that shows it."""
    settlement_line_id: Mapped[int]
    run_id: Mapped[uuid.UUID]
    recorded_at: Mapped[datetime]
