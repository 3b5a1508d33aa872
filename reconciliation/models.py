"""Settlements as they came, runs over them, and the proofs they give."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import ARRAY, CHAR, CheckConstraint, Date, ForeignKey, Identity, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from payhub.db import Base
from payhub.sealed import SealedBytes, WrappedKey


class Settlement(Base):
    """One settlement file of one gateway account for one or more of its days, taken whole and once. Sums: payments less refunds."""

    __tablename__ = "settlement"
    __table_args__ = (
        UniqueConstraint("gateway_account_id", "kind", "period_on", "until_on", "digest"),
        Index("uq_settlement_current", "gateway_account_id", "kind", "period_on", unique=True,
              postgresql_where="superseded_by_id IS NULL"),
        CheckConstraint("until_on >= period_on", name="period"),
    )  # fmt: skip

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    gateway_account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("gateway_account.id"))
    kind: Mapped[str]
    """What sort of file: `daily` for now."""
    period_on: Mapped[date]
    """The first day it covers; no two files that count cover the same day."""
    until_on: Mapped[date]
    """The last day it covers."""
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
    ignored_count: Mapped[int] = mapped_column(server_default=text("0"))
    """Rows that are none of ours by the mapping's own word, such as payments that failed."""
    part: Mapped[int] = mapped_column(server_default=text("0"))
    """Which table of lines it has to itself; 0 is the one that small files share."""
    received_at: Mapped[datetime]
    superseded_by_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("settlement.id"))
    """Itself while the file is being read: it counts only when it is whole."""
    first_run_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("run.id", use_alter=True))
    """The run that said of all its lines at once that they agree, but for those it set apart."""


class FilePart(Base):
    """A piece of a file as it came, sealed; the pieces in their order are the file. The first has the file's own id."""

    __tablename__ = "file_part"
    __table_args__ = (UniqueConstraint("file_id", "ordinal"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    file_id: Mapped[uuid.UUID]
    ordinal: Mapped[int]
    body_key: Mapped[bytes | None] = mapped_column(WrappedKey)
    body: Mapped[bytes | None] = mapped_column(SealedBytes)


class SettlementLine(Base):
    """One line of a settlement, normalised: amounts are positive minor units, `line_type` says which way the money went.

    It names its settlement without a foreign key: both are never deleted, a law holds them together, and a check per row would cost
    more than writing the row. A large file has a table of lines to itself, a partition of this one: it is written without indexes
    and joins the others when it is whole (`open_settlement_part`, `close_settlement_part`). No two lines of a settlement have one
    number: each table has an index that says so.
    """

    __tablename__ = "settlement_line"
    __table_args__ = (
        Index("ix_settlement_line_reference", "reference"),
        Index("ix_settlement_line_refund", "settlement_id", postgresql_where="line_type = 'refund'"),
        Index("ix_settlement_line_refund_transaction", "transaction", postgresql_where="line_type = 'refund'"),
        CheckConstraint("line_type IN ('payment', 'refund', 'reversal', 'fee', 'adjustment')", name="line_type"),
        {"postgresql_partition_by": "LIST (part)"},
    )

    part: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, server_default=text("0"))
    """As its settlement's."""
    settlement_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
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
    payout: Mapped[str | None]
    """What the gateway calls the payment to us in which this money comes."""


class SettlementReject(Base):
    """A row that could not be read: its number, the field, why; of a file, the first so many. The row itself stays in the file."""

    __tablename__ = "settlement_reject"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    settlement_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("settlement.id"), index=True)
    number: Mapped[int]
    field: Mapped[str]
    reason: Mapped[str]


class SettlementCorrection(Base):
    """A row that was set aside and is a line after all, as two people say: the line has its number, the file stays as it came."""

    __tablename__ = "settlement_correction"
    __table_args__ = (UniqueConstraint("settlement_id", "ordinal"),)

    settlement_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("settlement.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    ordinal: Mapped[int]
    """The how manieth correction of its settlement, from 1: a run says how many of them it has seen."""
    proposal_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("proposal.id"))
    corrected_at: Mapped[datetime]


class Run(Base):
    """One reconciliation of one account's day. Asked for as a row; the job that does it may run twice.

    Whether the one who carries it out lives is told by a lock of its account, never by a clock (`reconciliation.running`).
    """

    __tablename__ = "run"
    __table_args__ = (
        Index("ix_run_waiting", "asked_at", postgresql_where="state IN ('waiting', 'running')"),
        Index("uq_run_settlement_waiting", "settlement_id", unique=True, postgresql_where="state = 'waiting'"),
        CheckConstraint("state IN ('waiting', 'running', 'done', 'failed', 'cancelled')", name="state"),
        CheckConstraint("(state = 'cancelled') = (cancelled_by IS NOT NULL)", name="cancelled"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    gateway_account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("gateway_account.id"))
    period_on: Mapped[date]
    settlement_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("settlement.id"))
    state: Mapped[str]
    asked_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    """When it was begun for the last time."""
    finished_at: Mapped[datetime | None]
    error: Mapped[str | None]
    starts: Mapped[int] = mapped_column(server_default=text("0"))
    """How often it was begun: more than once where whoever carried it out died."""
    step: Mapped[str | None]
    """What is being done, while it runs."""
    stepped_at: Mapped[datetime | None]
    progress: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    """How many rows so far, as others see it before anything is committed."""
    cancelled_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("principal.id"))
    corrections: Mapped[int] = mapped_column(server_default=text("0"))
    """How many rows of its settlement had been corrected by then."""
    elsewhere: Mapped[list[date]] = mapped_column(ARRAY(Date()), server_default=text("'{}'"))
    """Days other than its own to which payments and refunds belong that its settlement lists."""
    counts: Mapped[dict[str, Any]]
    """Class of a line to {count, amount}: every line of both sides is in exactly one."""


class Telling(Base):
    """How often portals were to be told of a settlement's proofs, and how often that has been looked after."""

    __tablename__ = "telling"
    __table_args__ = (
        Index("ix_telling_due", "settlement_id", postgresql_where="told < asked"),
        CheckConstraint("told BETWEEN 0 AND asked", name="told"),
    )

    settlement_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("settlement.id"), primary_key=True)
    asked: Mapped[int]
    told: Mapped[int]
    begun_at: Mapped[datetime | None]
    """Since when somebody is at it; who is silent for long has been lost."""


class LineApart(Base):
    """A line naming a payment that the first run of its settlement did not find to agree in everything; never changed.

    What agreed, which is nearly everything, is written nowhere: it is what the file lists and this does not. It names its line, as
    that names its settlement, without a foreign key: a law holds them together.
    """

    __tablename__ = "line_apart"

    settlement_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class ProofApart(Base):
    """One run's word, said of one line: its settlement reports the money of a payment's line, or no longer does; never changed.

    The view `proof` shows these beside what first runs said at once. The last word of a settlement about a line holds, as long as
    the settlement counts. Each is written by a join of the rows it names, none of which is ever deleted: a law holds them together.
    """

    __tablename__ = "proof_apart"
    __table_args__ = (Index("ix_proof_apart_run_id", "run_id"),)

    payment_line_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    run_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    holds: Mapped[bool]
    number: Mapped[int]
    """The settlement's row that reports it."""
    attempt_id: Mapped[uuid.UUID]
    """The attempt that brought the money."""
    amount: Mapped[int]
    proved_on: Mapped[date]
    """The day on which the gateway says it took it."""


class RunTotal(Base):
    """What one run proved less what it took back, added up: so much of one agency's fees, in one payment of the gateway to us."""

    __tablename__ = "run_total"
    __table_args__ = (Index("ix_run_total_day", "business_on"), Index("ix_run_total_cohort_on", "cohort_on"))

    run_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    payout: Mapped[str] = mapped_column(primary_key=True)
    """As the lines call it; empty where they do not."""
    agency_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    budget_line: Mapped[str] = mapped_column(primary_key=True)
    business_on: Mapped[date] = mapped_column(primary_key=True)
    """The day on which the money was collected."""
    cohort_on: Mapped[date] = mapped_column(primary_key=True)
    """The day on which it came: the same, unless that was shut, or the money was allocated later."""
    currency: Mapped[str] = mapped_column(CHAR(3), primary_key=True)
    amount: Mapped[int]
    retained: Mapped[int]
    """The agency's own part of it."""
