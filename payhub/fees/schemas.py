"""How the fee schedule is asked for and shown."""

from __future__ import annotations

from marshmallow import Schema, fields

from payhub.fees.models import RULES
from payhub.fields import Day, one_of, page_limit, text

KINDS = ("phi", "le_phi", "tax", "fine", "contribution", "other")


class FeeQuery(Schema):
    """Which fees, of which day."""

    search = text(100, metadata={"description": "Words of the code, the names or the procedure; accents are not needed"})
    kind = one_of(KINDS)
    agency = text(64, metadata={"description": "Code of an agency: only fees it has an account for, with what it retains"})
    granted = one_of(("true", "false"), metadata={"description": "Only fees that this portal may ask for, or may not"})
    on = Day(metadata={"description": "The day they are in force; today without it"})
    limit = page_limit()
    cursor = text(80)


class TierView(Schema):
    """One step of a tiered fee: for what is above `above`, up to the next tier."""

    above = fields.Integer()
    amount = fields.Integer(allow_none=True)
    basis_points = fields.Integer(allow_none=True)


class ReliefView(Schema):
    """An exemption or reduction that a line may name: basis points taken off, or an amount."""

    code = fields.String()
    kind = one_of(("exemption", "reduction"))
    basis_points = fields.Integer(allow_none=True)
    amount = fields.Integer(allow_none=True)
    ground_vi = fields.String()
    ground_en = fields.String()
    source = fields.String()
    valid_from = fields.Date()
    valid_to = fields.Date(allow_none=True)


class FeeView(Schema):
    """One fee as it is in force on a day. Which figures matter, `rule` says; amounts are minor units, `valid_to` is exclusive."""

    code = fields.String()
    kind = one_of(KINDS)
    name_vi = fields.String()
    name_en = fields.String()
    budget_line = fields.String()
    procedure = fields.String(allow_none=True)
    rule = one_of(tuple(RULES))
    amount = fields.Integer(allow_none=True)
    minimum = fields.Integer(allow_none=True)
    maximum = fields.Integer(allow_none=True)
    basis_points = fields.Integer(allow_none=True)
    round_to = fields.Integer(allow_none=True)
    rounding = fields.String(allow_none=True)
    tiering = fields.String(allow_none=True)
    measure = fields.String(allow_none=True)
    tiers = fields.List(fields.Nested(TierView))
    reliefs = fields.List(fields.Nested(ReliefView))
    retention_bp = fields.Integer(allow_none=True, metadata={"description": "What the named agency keeps, in basis points"})
    granted = fields.Boolean(metadata={"description": "Whether this portal may ask for it, of the named agency or of some agency"})
    source = fields.String()
    valid_from = fields.Date()
    valid_to = fields.Date(allow_none=True)


class FeePage(Schema):
    """A page of fees by code; `next` is the cursor of the following page."""

    data = fields.List(fields.Nested(FeeView))
    next = fields.String(allow_none=True)
