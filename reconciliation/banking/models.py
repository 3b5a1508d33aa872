"""What gateways say they pay over, what the bank says arrived, and how the two stand to each other."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy import CHAR, CheckConstraint, ForeignKey, Index, UniqueConstraint, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from payhub.db import Base
from payhub.sealed import SealedBytes, WrappedKey

PAYOUT_STATES = ("awaited", "banked", "differs", "missing", "withdrawn")
ENTRY_STATES = ("open", "banked", "unproven", "withdrawn")
KINDS = ("statement", "notification")


class GatewayPayout(Base):
    """What one settlement says of one payment of the gateway to us; all parts in settlements that count are the payout."""

    __tablename__ = "gateway_payout"
    __table_args__ = (
        Index("ix_gateway_payout_reference", "gateway_account_id", "reference"),
        Index("ix_gateway_payout_due", "gateway_account_id", "due_on"),
        CheckConstraint("net = gross - refunds - reversals - fees + adjustments", name="net"),
    )

    settlement_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("settlement.id"), primary_key=True)
    reference: Mapped[str] = mapped_column(primary_key=True)
    """As the lines call it; where they do not, the settlement's days: `day 2026-11-20`."""
    currency: Mapped[str] = mapped_column(CHAR(3), primary_key=True)
    gateway_account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("gateway_account.id"))
    named: Mapped[bool]
    """Whether the reference is the gateway's own, which a bank's text may hold."""
    lines: Mapped[int]
    gross: Mapped[int]
    refunds: Mapped[int]
    reversals: Mapped[int]
    fees: Mapped[int]
    """Of all lines, and the lines that are fees."""
    adjustments: Mapped[int]
    """Signed: above zero for what the gateway adds."""
    net: Mapped[int]
    due_on: Mapped[date]
    awaited_until: Mapped[date]
    """The last day on which it is not yet missing."""


class RunRefund(Base):
    """What one run found given back in its settlement, added up: so much of one agency's fees. The last run's word counts."""

    __tablename__ = "run_refund"
    __table_args__ = (Index("ix_run_refund_cohort_on", "cohort_on"),)

    run_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("run.id"), primary_key=True)
    payout: Mapped[str] = mapped_column(primary_key=True)
    """As the lines call it; empty where they do not."""
    agency_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    budget_line: Mapped[str] = mapped_column(primary_key=True)
    cohort_on: Mapped[date] = mapped_column(primary_key=True)
    """The day on which the money came that was given back."""
    currency: Mapped[str] = mapped_column(CHAR(3), primary_key=True)
    amount: Mapped[int]


class RefundMatch(Base):
    """One refund that a run found in its settlement, agreed with the hub: what `run_refund` is the sum of."""

    __tablename__ = "refund_match"
    __table_args__ = (Index("ix_refund_match_refund_id", "refund_id"),)

    run_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("run.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """The settlement's row that lists it."""
    refund_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("refund.id"))


class Statement(Base):
    """One statement, or notification, of one of the hub's bank accounts, taken whole and once."""

    __tablename__ = "statement"
    __table_args__ = (
        UniqueConstraint("bank_account_id", "kind", "digest", "from_on"),
        Index("ix_statement_counts", "bank_account_id", "kind", "from_on", postgresql_where="superseded_by_id IS NULL"),
        CheckConstraint("to_on >= from_on", name="period"),
        CheckConstraint("kind IN ('statement', 'notification')", name="kind"),
        CheckConstraint("kind = 'notification' OR opening + line_sum = closing", name="balance"),
        CheckConstraint("kind = 'notification' OR (opening IS NOT NULL AND closing IS NOT NULL)", name="balances"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    bank_account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bank_account.id"))
    kind: Mapped[str]
    file_id: Mapped[uuid.UUID]
    """The file it came in, kept as its first statement's."""
    from_on: Mapped[date]
    to_on: Mapped[date]
    digest: Mapped[bytes]
    """SHA-256 of the file."""
    file_name: Mapped[str]
    reads: Mapped[str]
    """The standard or mapping it was read with."""
    currency: Mapped[str] = mapped_column(CHAR(3))
    number: Mapped[str | None]
    """The bank's own."""
    opening: Mapped[int | None]
    closing: Mapped[int | None]
    line_count: Mapped[int]
    line_sum: Mapped[int]
    received_at: Mapped[datetime]
    superseded_by_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("statement.id"))


class BankEntry(Base):
    """One movement on a bank account, whoever told it and however often. Amounts are signed: above zero is money that came in.

    `open` and `banked` are told by the account's authority; `unproven` only by the other source, `withdrawn` by none that counts.
    """

    __tablename__ = "bank_entry"
    __table_args__ = (
        UniqueConstraint("bank_account_id", "identity"),
        Index("ix_bank_entry_booked", "bank_account_id", "booked_on"),
        Index("ix_bank_entry_open", "id", postgresql_where="state = 'open'"),
        CheckConstraint("state IN ('open', 'banked', 'unproven', 'withdrawn')", name="state"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    bank_account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bank_account.id"))
    identity: Mapped[bytes]
    """A digest of what tells it apart from every other movement."""
    booked_on: Mapped[date]
    value_on: Mapped[date]
    amount: Mapped[int]
    currency: Mapped[str] = mapped_column(CHAR(3))
    bank_reference: Mapped[str | None]
    state: Mapped[str]
    first_told_at: Mapped[datetime]


class StatementLine(Base):
    """One line of a statement, as the bank wrote it. Its words may tell of a person and are sealed."""

    __tablename__ = "statement_line"
    __table_args__ = (UniqueConstraint("statement_id", "number"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    statement_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("statement.id"))
    number: Mapped[int]
    bank_entry_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bank_entry.id"), index=True)
    booked_on: Mapped[date]
    value_on: Mapped[date]
    amount: Mapped[int]
    currency: Mapped[str] = mapped_column(CHAR(3))
    bank_reference: Mapped[str | None]
    transaction_code: Mapped[str | None]
    text_key: Mapped[bytes | None] = mapped_column(WrappedKey)
    text: Mapped[bytes | None] = mapped_column(SealedBytes)
    codes: Mapped[list[str]]
    """Codes of attempts that stand in the text, whether or not there are such attempts."""
    marks: Mapped[list[uuid.UUID]] = mapped_column(ARRAY(Uuid()))
    """Gateway accounts whose mark stands in the text, by their terms of that day."""


class PayoutNaming(Base):
    """The text of a statement's line names a payout."""

    __tablename__ = "payout_naming"
    __table_args__ = (Index("ix_payout_naming_reference", "gateway_account_id", "reference"),)

    statement_line_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("statement_line.id"), primary_key=True)
    gateway_account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("gateway_account.id"), primary_key=True)
    reference: Mapped[str] = mapped_column(primary_key=True)


class PayoutAgreement(Base):
    """Two people's word that entries are payouts, together and whole. It holds while the sums and the bank say nothing else."""

    __tablename__ = "payout_agreement"
    __table_args__ = (
        Index("ix_payout_agreement_live", "bank_account_id", postgresql_where="ended_by_id IS NULL"),
        UniqueConstraint("proposal_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    bank_account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bank_account.id"))
    proposal_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("proposal.id"))
    agreed_at: Mapped[datetime]
    ended_by_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("proposal.id"))
    """By which proposal people took it back."""


class AgreedEntry(Base):
    """An entry of an agreement."""

    __tablename__ = "payout_agreement_entry"

    agreement_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("payout_agreement.id"), primary_key=True)
    bank_entry_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bank_entry.id"), primary_key=True, index=True)


class AgreedPayout(Base):
    """A payout of an agreement."""

    __tablename__ = "payout_agreement_payout"

    agreement_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("payout_agreement.id"), primary_key=True)
    gateway_account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("gateway_account.id"), primary_key=True)
    reference: Mapped[str] = mapped_column(primary_key=True)
    currency: Mapped[str] = mapped_column(CHAR(3), primary_key=True)


class PayoutState(Base):
    """Where one payout of a gateway stands: what follows from its settlements and the bank's entries, written down."""

    __tablename__ = "payout_state"
    __table_args__ = (
        UniqueConstraint("gateway_account_id", "reference", "currency"),
        Index("uq_payout_state_bank_entry_id", "bank_entry_id", unique=True, postgresql_where="bank_entry_id IS NOT NULL"),
        CheckConstraint("state IN ('awaited', 'banked', 'differs', 'missing', 'withdrawn')", name="state"),
        CheckConstraint("(state = 'banked') = (banked_on IS NOT NULL)", name="banked_on"),
        CheckConstraint("state = 'banked' AND agreement_id IS NULL OR bank_entry_id IS NULL", name="banked"),
        CheckConstraint("state = 'banked' OR agreement_id IS NULL", name="agreed"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    gateway_account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("gateway_account.id"))
    reference: Mapped[str]
    currency: Mapped[str] = mapped_column(CHAR(3))
    state: Mapped[str]
    """`withdrawn`: no settlement that counts speaks of it any more."""
    bank_entry_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("bank_entry.id"))
    """The entry that is it; a payout of nothing is banked without one."""
    suggested_entry_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("bank_entry.id"))
    """The only entry of its amount and days, which does not say so."""
    agreement_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("payout_agreement.id"))
    """By which people said which entries it is, where the entries do not say so themselves."""
    banked_on: Mapped[date | None]
    """The day on which all of it was there."""
    changed_at: Mapped[datetime]
