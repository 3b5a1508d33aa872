"""Partners that speak the national contract, what they call fees, and the references they have given payments."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from payhub.db import Base
from payhub.sealed import SealedBytes, WrappedKey

CONTRACTS = ("payment_platform", "paygov")
ANSWERS = ("direct", "wrapped")
BILLS = ("json", "pdf")
AMOUNTS = ("strict", "as_sent")
TYPES = ("phi", "le_phi", "fine", "any")
DIFFERENCES = ("account", "bank", "holder")
"""What of the beneficiary a portal may have written otherwise than the hub's register has it."""


def _one_of(column: str, words: tuple[str, ...]) -> CheckConstraint:
    listed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


class NationalPartner(Base):
    """A partner code of a portal, and how messages under it are spoken, during one stretch of time (`valid_to` exclusive)."""

    __tablename__ = "national_partner"
    __table_args__ = (
        UniqueConstraint("code", "valid_from"),
        CheckConstraint("valid_to IS NULL OR valid_to >= valid_from", name="dates"),
        _one_of("contract", CONTRACTS),
        _one_of("answer", ANSWERS),
        _one_of("bill", BILLS),
        _one_of("amounts", AMOUNTS),
        _one_of("confirm_secret", ("inbound", "outbound")),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    code: Mapped[str]
    """MaDoiTac, or PayGov's partnerCode."""
    portal_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("portal.id"), index=True)
    contract: Mapped[str]
    answer: Mapped[str]
    """Shape of the answer to INIT: the fields themselves, or `{error_code, message}` with the fields as JSON in a string."""
    bill: Mapped[str]
    """What GET_BILL expects: `{MaLoi, UrlBienLai}`, or the PDF itself and nothing where there is none."""
    amounts: Mapped[str]
    """Whether an amount that the schedule does not say is refused, or taken as sent and shown to a person."""
    unissued: Mapped[str]
    """MaLoi of GET_BILL while no receipt is issued."""
    confirm_type: Mapped[str]
    """LoaiBanTin of CONFIRM: each portal has its own word for it in its configuration."""
    confirm_secret: Mapped[str]
    """Which of the portal's secrets CONFIRM is proven with; both known portals have one for all messages, `inbound`."""
    return_url: Mapped[str | None]
    """Where a citizen goes back to: the contract has no field for it. It counts where it is on a registered origin."""
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]


class NationalFee(Base):
    """Which fee of the schedule a portal means by a code of its own."""

    __tablename__ = "national_fee"
    __table_args__ = (
        UniqueConstraint("portal_id", "code", "type", "valid_from"),
        CheckConstraint("valid_to IS NULL OR valid_to >= valid_from", name="dates"),
        _one_of("type", TYPES),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    portal_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("portal.id"), index=True)
    code: Mapped[str]
    """MaPhiLePhi, MaDVC, MaTTHC or MaLoaiHinhThuPhat as the portal writes it; PayGov's serviceCode."""
    type: Mapped[str]
    """LoaiPhiLePhi it stands with, `fine`, or `any`."""
    fee_code: Mapped[str]
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]


class NationalReference(Base):
    """A MaThamChieu: the name a portal gives a payment, for ever. A payment may have several; each is told by itself."""

    __tablename__ = "national_reference"
    __table_args__ = (
        UniqueConstraint("portal_id", "reference"),
        Index("ix_national_reference_payment_id", "payment_id", "event_seq"),
        Index("ix_national_reference_message", "created_at", postgresql_where="message_key IS NOT NULL"),
        _one_of("contract", CONTRACTS),
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("octet_length(digest) = 32", name="digest"),
        CheckConstraint("(message_key IS NULL) = (message IS NULL)", name="sealed"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    portal_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("portal.id"))
    reference: Mapped[str]
    payment_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("payment.id"))
    partner: Mapped[str]
    """The partner code it was asked under; it is told under the same."""
    contract: Mapped[str]
    """What it was asked by: of PayGov's form nobody knows how a portal is told."""
    asked_at_text: Mapped[str]
    """ThoiGianGD of INIT as it was written: compared, never read as a time. Empty where it has no form of one."""
    amount: Mapped[int]
    """SoTien; what is told of a payment is what was asked under this name."""
    digest: Mapped[bytes]
    """SHA-256 of dossier, agency, fees and amounts as the portal wrote them: the same reference never means anything else."""
    event_seq: Mapped[int]
    """The event of the payment that gave it this name: it is told of what came after."""
    differs: Mapped[list[str]] = mapped_column(ARRAY(Text()))
    """What of the beneficiary the portal wrote otherwise than the register has it; it changed nothing."""
    message_key: Mapped[bytes | None] = mapped_column(WrappedKey)
    message: Mapped[bytes | None] = mapped_column(SealedBytes)
    """INIT as it came, sealed: the receipt block in it names people."""
    created_at: Mapped[datetime]
