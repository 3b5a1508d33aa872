"""Journals and postings. A posting's amount is positive for a debit and negative for a credit."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy import CHAR, CheckConstraint, ForeignKey, Identity, Index
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
