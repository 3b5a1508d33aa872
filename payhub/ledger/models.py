"""Journals and postings. A posting's amount is positive for a debit and negative for a credit."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy import CHAR, BigInteger, CheckConstraint, ForeignKey, Identity, Index, SmallInteger, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from payhub.db import Base

ACCOUNTS = ("receivable", "owed", "unapplied", "refunds_due", "bank", "in_transit", "gateway_fees", "differences")


class Journal(Base):
    """One fact with its postings; never changed after."""

    __tablename__ = "journal"
    __table_args__ = (
        Index("ix_journal_payment_id", "payment_id", postgresql_where="payment_id IS NOT NULL"),
        Index("ix_journal_refund_id", "refund_id", postgresql_where="refund_id IS NOT NULL"),
        Index("ix_journal_payout", "gateway_account_id", "payout_reference", postgresql_where="payout_reference IS NOT NULL"),
        Index("ix_journal_other_day", "attempt_id", postgresql_where="business_on <> cohort_on"),
        Index("ix_journal_rare", "business_on", postgresql_where="fact <> 'applied'"),
        Index("ix_journal_xact", "xact", postgresql_where="xact IS NOT NULL"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    fact: Mapped[str]
    """Name of the ledger function that wrote it."""
    gateway_account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("gateway_account.id"))
    payment_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("payment.id"))
    attempt_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("attempt.id"))
    """The attempt that brought the money."""
    refund_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("refund.id"))
    cohort_on: Mapped[date]
    business_on: Mapped[date]
    """The day whose totals it counts in: `cohort_on`, or the oldest open day if that one was closed."""
    recorded_at: Mapped[datetime]
    payout_reference: Mapped[str | None]
    """The gateway's payment to us that it is about."""
    xact: Mapped[int | None] = mapped_column(server_default=text("((pg_current_xact_id())::text)::bigint"))
    """The transaction that wrote it, as the database numbers them: by it the rollups know what they hold."""


class Posting(Base):
    """One side of a journal: so much on one account, of one agency and fee kind where there is one."""

    __tablename__ = "posting"
    __table_args__ = (
        CheckConstraint("amount <> 0", name="amount"),
        CheckConstraint("account IN (" + ", ".join(f"'{account}'" for account in ACCOUNTS) + ")", name="account"),
        CheckConstraint("share IN ('all', 'retained', 'budget')", name="share"),
        Index("ix_posting_day", "business_on", "account"),
        Index("ix_posting_journal_id", "journal_id"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    journal_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("journal.id"))
    account: Mapped[str]
    gateway_account_id: Mapped[uuid.UUID]
    agency_id: Mapped[uuid.UUID | None]
    kind: Mapped[str | None]
    budget_line: Mapped[str | None]
    share: Mapped[str]
    """Whose part of an owed amount: `retained` by the agency or the `budget`'s; `all` where it is not divided."""
    payment_line_id: Mapped[uuid.UUID | None]
    business_on: Mapped[date]
    amount: Mapped[int]
    currency: Mapped[str] = mapped_column(CHAR(3))


class Rollup(Base):
    """What folded journals moved, added up: a fact on an account, by gateway account, agency, kind, budget line and days."""

    __tablename__ = "rollup"
    __table_args__ = (
        UniqueConstraint(
            "business_on", "gateway_account_id", "agency_id", "kind", "budget_line", "account", "fact", "cohort_on", "gateway_on",
            "currency", name="uq_rollup_movement", postgresql_nulls_not_distinct=True,
        ),
        Index("ix_rollup_cohort_on", "cohort_on"),
        Index("ix_rollup_collected", "gateway_account_id", "gateway_on", postgresql_where="fact = 'applied' AND account = 'owed'"),
        {"postgresql_with": {"fillfactor": 80}},
    )  # fmt: skip

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    business_on: Mapped[date]
    cohort_on: Mapped[date]
    """The day on which the money came that the fact is about; of a fact about no payment, its own."""
    gateway_on: Mapped[date | None]
    """The gateway's own day of that money, by which its files match; of a fact about no payment, none."""
    gateway_account_id: Mapped[uuid.UUID]
    agency_id: Mapped[uuid.UUID | None]
    kind: Mapped[str | None]
    budget_line: Mapped[str | None]
    currency: Mapped[str] = mapped_column(CHAR(3))
    fact: Mapped[str]
    account: Mapped[str]
    lines: Mapped[int]
    """How many lines of payments, or sums, were moved; both shares of one are one."""
    amount: Mapped[int]
    """As in the postings: debits positive."""
    retained: Mapped[int]
    """The agency's own part of it."""


class Fold(Base):
    """The one row that says which journals the rollups hold: of transactions before `next`, all but those then `running`.

    Journals without the number of their transaction are older than rollups, or came from another database server; they are folded
    in the order of their ids, up to `before`.
    """

    __tablename__ = "fold"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    next: Mapped[int]
    running: Mapped[list[int]] = mapped_column(ARRAY(BigInteger()))
    before: Mapped[uuid.UUID]
    cluster: Mapped[int]
    """Whose transactions are numbered: the database server's own identifier, which a copy made from a dump does not share."""
    folded_at: Mapped[datetime]
