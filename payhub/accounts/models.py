"""Gateway accounts, their dated terms and their secrets."""

from __future__ import annotations

import uuid
from datetime import date, datetime, time
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from payhub.db import Base


class GatewayAccount(Base):
    """One contract with one gateway: every reference, run and ledger account is within one."""

    __tablename__ = "gateway_account"
    __table_args__ = (
        UniqueConstraint("gateway", "terminal"),
        CheckConstraint("settlement IN ('pooled', 'direct')", name="settlement"),
        CheckConstraint("minimum > 0 AND maximum >= minimum", name="limits"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(unique=True)
    """As in callback addresses and commands."""
    gateway: Mapped[str]
    terminal: Mapped[str]
    name_vi: Mapped[str]
    name_en: Mapped[str]
    endpoints: Mapped[dict[str, Any]]
    owner_agency_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("agency.id"))
    settlement: Mapped[str]
    """`pooled`: the gateway pays the hub's bank account; `direct`: the owning agency's."""
    currency: Mapped[str]
    minimum: Mapped[int]
    maximum: Mapped[int]
    rank: Mapped[int]
    """Offered in this order, lowest first."""
    mapping: Mapped[str]
    """Name of the mapping its settlement files are read with."""
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class GatewayTerms(Base):
    """The terms of an account from a date on: treasury cut-off and calendar, days of grace for its files."""

    __tablename__ = "gateway_terms"

    gateway_account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("gateway_account.id"), primary_key=True)
    valid_from: Mapped[date] = mapped_column(primary_key=True)
    cut_off: Mapped[time]
    """Local time; what is paid at or after it belongs to the next working day (TT 328/2016 Điều 2.6; 16:00 is unproven)."""
    calendar: Mapped[str]
    grace_days: Mapped[int]
    """Days after a file's own during which a line may still come in a later one."""


class GatewaySecret(Base):
    """A secret shared with a gateway, sealed; two may be live at once while one is rotated out."""

    __tablename__ = "gateway_secret"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    gateway_account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("gateway_account.id"), index=True)
    sealed_key: Mapped[bytes]
    sealed: Mapped[bytes]
    created_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]
