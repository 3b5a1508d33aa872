"""Fees with their tiers, what may be taken off them, and what agencies retain of them, dated."""

from __future__ import annotations

import uuid
from datetime import date

from sqlalchemy import CheckConstraint, ForeignKey, SmallInteger, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from payhub.db import Base

_LIMITS = "coalesce(minimum > 0, true) AND coalesce(maximum >= coalesce(minimum, 1), true)"
_ROUNDED = "round_to BETWEEN 1 AND 1000000000 AND rounding IN ('half_up', 'up', 'down')"
RULES = {
    "fixed": "amount > 0 AND num_nonnulls(minimum, maximum, basis_points, round_to, rounding, tiering, measure) = 0",
    "per_unit": "amount > 0 AND num_nonnulls(minimum, maximum, basis_points, round_to, rounding, tiering, measure) = 0",
    "range": "minimum > 0 AND maximum >= minimum AND num_nonnulls(amount, basis_points, round_to, rounding, tiering, measure) = 0",
    "free": "num_nonnulls(amount, minimum, maximum, basis_points, round_to, rounding, tiering, measure) = 0",
    "ad_valorem": f"basis_points BETWEEN 1 AND 10000 AND {_ROUNDED} AND {_LIMITS} AND num_nonnulls(amount, tiering, measure) = 0",
    "tiered": "tiering IN ('slab', 'marginal') AND measure IN ('value', 'quantity') "
    f"AND num_nonnulls(amount, basis_points) = 0 AND {_LIMITS} "
    f"AND CASE WHEN tiering = 'marginal' AND measure = 'value' THEN {_ROUNDED} ELSE num_nonnulls(round_to, rounding) = 0 END",
}
"""What a fee of each rule must have in its row; everything else in it is empty."""


class Fee(Base):
    """One fee during one stretch of time (`valid_to` exclusive). Which of the figures matter, `rule` says; amounts are VND."""

    __tablename__ = "fee"
    __table_args__ = (
        UniqueConstraint("code", "valid_from"),
        CheckConstraint("valid_to IS NULL OR valid_to >= valid_from", name="dates"),
        CheckConstraint("kind IN ('phi', 'le_phi', 'tax', 'fine', 'contribution', 'other')", name="kind"),
        CheckConstraint("rule IN ('fixed', 'per_unit', 'range', 'free', 'ad_valorem', 'tiered')", name="rule"),
        # A check whose value is unknown passes: hence IS TRUE.
        *(CheckConstraint(f"rule <> '{rule}' OR ({needs}) IS TRUE", name=rule) for rule, needs in RULES.items()),
        CheckConstraint("greatest(amount, minimum, maximum) <= 1000000000000000", name="most"),
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
    """The amount (fixed) or the amount of one unit (per_unit)."""
    minimum: Mapped[int | None]
    """The least of a range; the floor of an amount that is worked out."""
    maximum: Mapped[int | None]
    """The most of a range; the cap of an amount that is worked out."""
    basis_points: Mapped[int | None] = mapped_column(SmallInteger)
    """The part of the declared value (ad_valorem)."""
    round_to: Mapped[int | None]
    """The unit to which a part of a value is rounded, before floor and cap."""
    rounding: Mapped[str | None]
    """`half_up`, `up` or `down`."""
    tiering: Mapped[str | None]
    """`slab`: the tier that is reached sets the amount; `marginal`: each tier's rate on the part within it."""
    measure: Mapped[str | None]
    """What tiers are of: the declared `value` or the `quantity`."""
    late_money: Mapped[str]
    """What happens to money that arrives after expiry: `apply` pays the payment, `hold` keeps it for a person to decide."""
    source: Mapped[str]
    """The text that sets the amount, or that it is an example."""
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]


class FeeTier(Base):
    """One step of a tiered fee: it holds for what is above `above`, up to the next tier. Its fee's dates are its dates."""

    __tablename__ = "fee_tier"
    __table_args__ = (
        UniqueConstraint("fee_id", "above"),
        CheckConstraint("above BETWEEN 0 AND 1000000000000000", name="above"),
        CheckConstraint("num_nonnulls(amount, basis_points) = 1", name="one_figure"),
        CheckConstraint("amount BETWEEN 0 AND 1000000000000000", name="amount"),
        CheckConstraint("basis_points BETWEEN 0 AND 10000", name="basis_points"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    fee_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("fee.id"))
    above: Mapped[int]
    amount: Mapped[int | None]
    """VND: of the whole (slab), or of each unit in this tier (marginal, by quantity)."""
    basis_points: Mapped[int | None] = mapped_column(SmallInteger)
    """Of the part of the value in this tier (marginal, by value)."""


class Relief(Base):
    """An exemption from a fee, or a reduction of it, during one stretch of time, and the ground in law."""

    __tablename__ = "relief"
    __table_args__ = (
        UniqueConstraint("code", "fee_code", "valid_from", postgresql_nulls_not_distinct=True),
        UniqueConstraint("id", "kind"),
        CheckConstraint("valid_to IS NULL OR valid_to >= valid_from", name="dates"),
        CheckConstraint(
            "(CASE kind WHEN 'exemption' THEN basis_points = 10000 AND amount IS NULL "
            "WHEN 'reduction' THEN num_nonnulls(basis_points, amount) = 1 AND coalesce(basis_points BETWEEN 1 AND 9999, true) "
            "AND coalesce(amount BETWEEN 1 AND 1000000000000000, true) END) IS TRUE",
            name="kind",
        ),
        CheckConstraint("ground_vi <> '' AND ground_en <> ''", name="ground"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    code: Mapped[str]
    fee_code: Mapped[str | None]
    """The fee it is for; none is any."""
    kind: Mapped[str]
    """`exemption` leaves nothing to pay, `reduction` leaves something."""
    basis_points: Mapped[int | None] = mapped_column(SmallInteger)
    """The part that is taken off."""
    amount: Mapped[int | None]
    """VND that are taken off, where it is not a part."""
    ground_vi: Mapped[str]
    """For whom, and by which text; as it is written on the line."""
    ground_en: Mapped[str]
    source: Mapped[str]
    """Where this row is from, or that it is an example."""
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]


class Retention(Base):
    """The part of a phí that an agency keeps, in basis points; the rest is the budget's (Luật 97/2015)."""

    __tablename__ = "retention"
    __table_args__ = (
        UniqueConstraint("agency_id", "fee_code", "valid_from"),
        CheckConstraint("valid_to IS NULL OR valid_to >= valid_from", name="dates"),
        CheckConstraint("basis_points BETWEEN 0 AND 10000", name="basis_points"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    agency_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("agency.id"))
    fee_code: Mapped[str]
    basis_points: Mapped[int]
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]
