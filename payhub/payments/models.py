"""What citizens are asked to pay, and each try at paying it.

`payment.event_seq` moves with every change of a payment or of anything under it. Whoever has read a payment's rows in one snapshot
may therefore change them all by guarding a single update with the number that was read.
"""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy import CHAR, CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, SmallInteger, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from payhub.db import Base
from payhub.sealed import SealedBytes, WrappedKey


class Payment(Base):
    """What a portal asks a citizen to pay for one dossier. Amounts are minor units."""

    __tablename__ = "payment"
    __table_args__ = (
        UniqueConstraint("portal_id", "portal_reference"),
        UniqueConstraint("reference"),
        CheckConstraint("state IN ('open', 'paid', 'cancelled', 'expired', 'reversed')", name="state"),
        CheckConstraint("total > 0 OR (total = 0 AND state = 'paid')", name="total"),
        Index("ix_payment_list", "portal_id", "id"),
        CheckConstraint("closing_reason IN ('expired', 'cancelled', 'replaced')", name="closing_reason"),
        CheckConstraint("(closing_at IS NULL) = (closing_reason IS NULL)", name="closing"),
        Index("ix_payment_expiry", "expires_at", postgresql_where="state = 'open'"),
        Index("ix_payment_closing_at", "closing_at", postgresql_where="state = 'open' AND closing_at IS NOT NULL"),
        Index("ix_payment_open_dossier", "dossier", postgresql_where="state = 'open' AND dossier IS NOT NULL"),
        Index("uq_payment_replaces_id", "replaces_id", unique=True, postgresql_where="replaces_id IS NOT NULL"),
        Index("ix_payment_destroy_after", "destroy_after", postgresql_where="destroy_after IS NOT NULL"),
        Index("ix_payment_erased_at", "erased_at", postgresql_where="erased_at IS NOT NULL"),
        CheckConstraint("(words_key IS NULL) = (words IS NULL) AND (basis_key IS NULL) = (basis IS NULL)", name="sealed"),
        CheckConstraint("erased_at IS NULL OR words_key IS NULL", name="erased"),
        {"postgresql_with": {"fillfactor": 80}},
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    portal_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("portal.id"))
    portal_reference: Mapped[str]
    reference: Mapped[str] = mapped_column(CHAR(12))
    dossier: Mapped[str | None]
    state: Mapped[str]
    currency: Mapped[str] = mapped_column(CHAR(3))
    total: Mapped[int]
    language: Mapped[str] = mapped_column(CHAR(2))
    words_key: Mapped[bytes | None] = mapped_column(WrappedKey)
    words: Mapped[bytes | None] = mapped_column(SealedBytes)
    """What the portal wrote and no accounting record needs, sealed (`payments.words`)."""
    basis_key: Mapped[bytes | None] = mapped_column(WrappedKey)
    basis: Mapped[bytes | None] = mapped_column(SealedBytes)
    """What it wrote and an accounting record needs, sealed: which notice or decision sets a free amount."""
    replaces_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("payment.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    closing_at: Mapped[datetime | None]
    """Since when it takes no new attempts; it ends when no attempt can still bring money."""
    closing_reason: Mapped[str | None]
    paid_at: Mapped[datetime | None]
    destroy_after: Mapped[date | None]
    """After this day what is past its term of what is sealed is destroyed, and another day is set; None with nothing left."""
    erased_at: Mapped[datetime | None]
    """Since when nobody sees any more who pays, by two people's word."""
    event_seq: Mapped[int]


class PaymentLine(Base):
    """One fee of a payment, owed to one account of one agency; `retained` + the budget's share = amount."""

    __tablename__ = "payment_line"
    __table_args__ = (
        UniqueConstraint("payment_id", "number"),
        Index("uq_payment_line_dossier_claim", "dossier_claim", unique=True, postgresql_where="dossier_claim IS NOT NULL"),
        ForeignKeyConstraint(["relief_id", "relief_kind"], ["relief.id", "relief.kind"]),
        CheckConstraint("num_nonnulls(relief_id, relief_kind, ground) IN (0, 3)", name="relief"),
        CheckConstraint(
            "CASE relief_kind WHEN 'exemption' THEN amount = 0 AND full_amount > 0 "
            "WHEN 'reduction' THEN amount > 0 AND amount < full_amount ELSE amount > 0 AND amount = full_amount END",
            name="amount",
        ),
        CheckConstraint("retention_bp BETWEEN 0 AND 10000", name="retention_bp"),
        CheckConstraint("retained = amount / 10000 * retention_bp + amount % 10000 * retention_bp / 10000", name="retained"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    payment_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("payment.id"))
    number: Mapped[int] = mapped_column(SmallInteger)
    fee_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("fee.id"))
    kind: Mapped[str]
    budget_line: Mapped[str]
    agency_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("agency.id"))
    asked_agency_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("agency.id"))
    """The agency the portal named; differs from `agency_id` where that one was abolished and has a successor."""
    collecting_account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("collecting_account.id"))
    description: Mapped[str]
    """The fee's name; what the portal calls it instead is sealed with its payment."""
    quantity: Mapped[int | None]
    declared_value: Mapped[int | None]
    """VND, where the fee is worked out from a value."""
    full_amount: Mapped[int]
    """What it costs without relief."""
    relief_id: Mapped[uuid.UUID | None]
    relief_kind: Mapped[str | None]
    ground: Mapped[str | None]
    """The ground of the relief in law, as it was written when it was granted."""
    amount: Mapped[int]
    """What is to be paid; 0 by an exemption only."""
    retention_bp: Mapped[int] = mapped_column(SmallInteger)
    """The agency's part of a phí in basis points, as it was when it was asked; what is given back later is split by it too."""
    retained: Mapped[int]
    dossier_claim: Mapped[uuid.UUID | None]
    """Digest of (portal, dossier, fee) while this line is open or paid: the same fee is not asked twice unless said so."""
    released_claim: Mapped[uuid.UUID | None]
    """The claim it had until all of it was given back: it has it again where the gateway corrects that."""


class Attempt(Base):
    """One try to pay one payment at one gateway account. `ordered_at` and `reference` are all that a later query needs."""

    __tablename__ = "attempt"
    __table_args__ = (
        UniqueConstraint("gateway_account_id", "reference"),
        UniqueConstraint("payment_id", "form_token"),
        Index("uq_attempt_gateway_transaction", "gateway_account_id", "gateway_transaction", unique=True,
              postgresql_where="gateway_transaction IS NOT NULL"),
        Index("uq_attempt_applied", "payment_id", unique=True, postgresql_where="applied"),
        Index("ix_attempt_next_check_at", "next_check_at", postgresql_where="next_check_at IS NOT NULL"),
        Index("ix_attempt_gateway_on", "gateway_account_id", "gateway_on", postgresql_where="gateway_on IS NOT NULL"),
        CheckConstraint(
            "state IN ('created', 'started', 'succeeded', 'failed', 'cancelled', 'unknown', 'conflicted', 'reversed')", name="state"
        ),
        CheckConstraint("NOT applied OR (state IN ('succeeded', 'reversed') AND confirmed = amount)", name="applied"),
        {"postgresql_with": {"fillfactor": 80}},
    )  # fmt: skip

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    payment_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("payment.id"))
    gateway_account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("gateway_account.id"))
    code: Mapped[str]
    reference: Mapped[str]
    form_token: Mapped[uuid.UUID]
    """The one-use token of the form that started it: a double click is one attempt."""
    client_ip: Mapped[str | None]
    """The citizen's address, which the order carries; kept so that the same form gives the same order, forgotten when it ends."""
    pay_url: Mapped[str | None]
    """The page of a gateway that makes orders itself; kept for the same, forgotten with it."""
    state: Mapped[str]
    reason: Mapped[str | None]
    """Why it ended where the gateway did not say, `abandoned` for one."""
    amount: Mapped[int]
    currency: Mapped[str] = mapped_column(CHAR(3))
    ordered_at: Mapped[datetime]
    order_expires_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    raw_code: Mapped[str | None]
    gateway_transaction: Mapped[str | None]
    method: Mapped[str | None]
    """What the citizen chose, then bank or instrument as the gateway names it."""
    confirmed: Mapped[int | None]
    """What the gateway says it took, minor units."""
    paid_at: Mapped[datetime | None]
    paid_at_text: Mapped[str | None]
    gateway_on: Mapped[date | None]
    """The gateway's own day of the payment; its files match by it."""
    cohort_on: Mapped[date | None]
    """The treasury day of that instant, never changed."""
    applied: Mapped[bool]
    checks: Mapped[int] = mapped_column(SmallInteger)
    next_check_at: Mapped[datetime | None]


class UnappliedReceipt(Base):
    """Money that is real and nobody's yet; `remaining` goes to allocation or refund."""

    __tablename__ = "unapplied_receipt"
    __table_args__ = (
        CheckConstraint("remaining BETWEEN 0 AND amount", name="remaining"),
        CheckConstraint("amount > 0", name="amount"),
        Index("uq_unapplied_receipt_attempt_id", "attempt_id", unique=True, postgresql_where="attempt_id IS NOT NULL"),
        Index("ix_unapplied_receipt_held", "id", postgresql_where="remaining > 0"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    gateway_account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("gateway_account.id"))
    payment_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("payment.id"), index=True)
    attempt_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("attempt.id"))
    amount: Mapped[int]
    remaining: Mapped[int]
    currency: Mapped[str] = mapped_column(CHAR(3))
    reason: Mapped[str]
    """A kind of discrepancy."""
    received_at: Mapped[datetime]


class Allocation(Base):
    """Money of an unapplied receipt that pays a payment whole, its own or another."""

    __tablename__ = "allocation"
    __table_args__ = (
        CheckConstraint("amount > 0", name="amount"),
        Index("ix_allocation_receipt_id", "receipt_id"),
        Index("ix_allocation_attempt_id", "attempt_id"),
    )

    payment_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("payment.id"), primary_key=True)
    receipt_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("unapplied_receipt.id"))
    attempt_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("attempt.id"))
    """The attempt that brought the money."""
    proposal_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("proposal.id"))
    amount: Mapped[int]
    allocated_at: Mapped[datetime]
