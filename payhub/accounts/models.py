"""Gateway accounts, their dated terms and their secrets."""

from __future__ import annotations

import uuid
from datetime import date, datetime, time
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from payhub.db import Base
from payhub.secrets.models import SharedSecret, guards


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
    """Local time; what is paid at or after it belongs to the next working day (TT 328/2016 Điều 2.6)."""
    calendar: Mapped[str]
    grace_days: Mapped[int]
    """Days after a file's own during which a line may still come in a later one."""
    proven: Mapped[bool] = mapped_column(server_default=false())
    """Whether a text or a contract says all this; 16:00 for one is assumed."""
    source: Mapped[str] = mapped_column(server_default=text("''"))


class GatewaySecret(SharedSecret, Base):
    """A secret shared with a gateway. Of one name two may be live at once, while one takes the other's place."""

    __tablename__ = "gateway_secret"
    __table_args__ = guards("gateway_secret", "gateway_account_id", "name")

    gateway_account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("gateway_account.id"), index=True)
    name: Mapped[str]
    """The protocol's own name for it (`Gateway.secret_names`): most have one, some sign requests by one and answers by another."""
