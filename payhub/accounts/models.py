"""Gateway accounts, their dated terms and their secrets."""

from __future__ import annotations

import uuid
from datetime import date, datetime, time
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from payhub.db import Base
from payhub.secrets.models import SharedSecret, guards

HOLD_REASONS = ("contract", "gateway_down", "maintenance", "other", "security", "wrong_money")
"""Words of a list: what a person writes freely may name a person."""


class BankAccount(Base):
    """A bank account of the hub's own, during one stretch of time: where gateways pay what they collected.

    A code goes on in another row when its number or its bank's habits change; the first row of a code is the one that others name.
    """

    __tablename__ = "bank_account"
    __table_args__ = (
        UniqueConstraint("code", "valid_from"),
        CheckConstraint("valid_to IS NULL OR valid_to >= valid_from", name="dates"),
        CheckConstraint("authority IN ('statement', 'notification')", name="authority"),
        CheckConstraint("authority = 'statement' OR notifications IS NOT NULL", name="notified"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    code: Mapped[str]
    bank_bin: Mapped[str]
    number: Mapped[str]
    holder: Mapped[str]
    currency: Mapped[str]
    statements: Mapped[str]
    """The standard or mapping its statements are read with."""
    notifications: Mapped[str | None]
    """The same of its credit notifications; None where the bank sends none."""
    authority: Mapped[str]
    """Whose word counts, the `statement`'s or the `notification`'s; the other corroborates it."""
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]


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
    bank_account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("bank_account.id"))
    """The hub's account that is paid, by the first row of its code."""
    currency: Mapped[str]
    methods: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    """The gateway's methods that are offered (`Gateway.methods`); empty: the usual one."""
    minimum: Mapped[int]
    maximum: Mapped[int]
    rank: Mapped[int]
    """Offered in this order, lowest first, where nothing else tells them apart."""
    cost_bp: Mapped[int] = mapped_column(server_default=text("0"))
    """What a payment costs here, in basis points, as far as it decides the order."""
    mapping: Mapped[str]
    """Name of the mapping its settlement files are read with."""
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]

    def in_use(self, at: datetime) -> bool:
        """Whether the contract holds at an instant."""
        return self.opened_at <= at and (self.closed_at is None or at < self.closed_at)


class GatewayTerms(Base):
    """The terms of an account from a date on: treasury cut-off and calendar, grace of its files, its payouts and what they cost."""

    __tablename__ = "gateway_terms"
    __table_args__ = (
        CheckConstraint("payout_days BETWEEN 0 AND 60", name="payout_days"),
        CheckConstraint("payout_tolerance BETWEEN 0 AND 60", name="payout_tolerance"),
        CheckConstraint(
            "fee_bp BETWEEN 0 AND 10000 AND fee_fixed >= 0 AND fee_minimum >= 0 AND fee_maximum >= coalesce(fee_minimum, 0)",
            name="tariff",
        ),
        CheckConstraint("fee_bearer IN ('treasury', 'agency', 'payer')", name="fee_bearer"),
    )

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
    payout_days: Mapped[int] = mapped_column(server_default=text("1"))
    """Working days after a file's last day until the bank should show its money."""
    payout_tolerance: Mapped[int] = mapped_column(server_default=text("3"))
    """Working days after that until it is missing."""
    payout_text: Mapped[str | None]
    """What must stand in the bank's text for a payout that is not named there to be recognised by amount and date alone."""
    fee_bp: Mapped[int | None]
    """The tariff, of each payment's line: a part in basis points, rounded half up, and a fixed sum, within least and most.

    Without either nothing is checked.
    """
    fee_fixed: Mapped[int | None]
    fee_minimum: Mapped[int | None]
    fee_maximum: Mapped[int | None]
    fee_bearer: Mapped[str] = mapped_column(server_default=text("'treasury'"))
    """Who bears what the gateway withholds."""


class GatewaySecret(SharedSecret, Base):
    """A secret shared with a gateway. Of one name two may be live at once, while one takes the other's place."""

    __tablename__ = "gateway_secret"
    __table_args__ = guards("gateway_secret", "gateway_account_id", "name")

    gateway_account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("gateway_account.id"), index=True)
    name: Mapped[str]
    """The protocol's own name for it (`Gateway.secret_names`): most have one, some sign requests by one and answers by another."""


class GatewayHold(Base):
    """One time during which a gateway account is not offered, by the will of a person."""

    __tablename__ = "gateway_hold"
    __table_args__ = (
        Index("uq_gateway_hold_held", "gateway_account_id", unique=True, postgresql_where="released_at IS NULL"),
        CheckConstraint("reason IN (" + ", ".join(f"'{reason}'" for reason in HOLD_REASONS) + ")", name="reason"),
        CheckConstraint("(released_by IS NULL) = (released_at IS NULL)", name="released"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    gateway_account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("gateway_account.id"))
    reason: Mapped[str]
    held_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("principal.id"))
    held_at: Mapped[datetime]
    released_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("principal.id"))
    released_at: Mapped[datetime | None]
