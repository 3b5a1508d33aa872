"""Fees and what agencies retain of them, dated."""

from __future__ import annotations

import uuid
from datetime import date

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from payhub.db import Base


class Fee(Base):
    """One fee during one stretch of time (`valid_to` exclusive). Which of the amounts matter, `rule` says."""

    __tablename__ = "fee"
    __table_args__ = (
        UniqueConstraint("code", "valid_from"),
        CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name="dates"),
        CheckConstraint("kind IN ('phi', 'le_phi', 'tax', 'fine', 'contribution', 'other')", name="kind"),
        CheckConstraint(
            "CASE rule WHEN 'fixed' THEN amount > 0 WHEN 'per_unit' THEN amount > 0 "
            "WHEN 'range' THEN minimum > 0 AND maximum >= minimum WHEN 'free' THEN true ELSE false END",
            name="rule",
        ),
        CheckConstraint("late_money IN ('apply', 'hold')", name="late_money"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    code: Mapped[str]
    kind: Mapped[str]
    name_vi: Mapped[str]
    name_en: Mapped[str]
    budget_line: Mapped[str]
    """Tiểu mục of the budget table, four digits (TT 324/2016)."""
    procedure: Mapped[str | None]
    rule: Mapped[str]
    amount: Mapped[int | None]
    """VND: the amount (fixed) or the amount of one unit (per_unit)."""
    minimum: Mapped[int | None]
    maximum: Mapped[int | None]
    late_money: Mapped[str]
    """What happens to money that arrives after expiry: `apply` pays the payment, `hold` keeps it for a person to decide."""
    source: Mapped[str]
    """The text that sets the amount, or that it is an example."""
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]


class Retention(Base):
    """The part of a phí that an agency keeps, in basis points; the rest is the budget's (Luật 97/2015)."""

    __tablename__ = "retention"
    __table_args__ = (
        UniqueConstraint("agency_id", "fee_code", "valid_from"),
        CheckConstraint("basis_points BETWEEN 0 AND 10000", name="basis_points"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    agency_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("agency.id"))
    fee_code: Mapped[str]
    basis_points: Mapped[int]
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]
