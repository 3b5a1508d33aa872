"""What people send and get about gateway accounts."""

from __future__ import annotations

from marshmallow import Schema, fields

from payhub.accounts.models import HOLD_REASONS
from payhub.fields import one_of

CONDITIONS = ("well", "failing", "probing", "held", "closed")


class HoldReason(Schema):
    """Why an account is held back, or released."""

    reason = one_of(HOLD_REASONS, required=True)


class HoldView(Schema):
    """One time during which an account is held back."""

    account = fields.String()
    reason = one_of(HOLD_REASONS)
    held_at = fields.AwareDateTime()
    released_at = fields.AwareDateTime(allow_none=True)


class GatewayStanding(Schema):
    """One gateway account as it stands."""

    account = fields.String()
    gateway = fields.String()
    condition = one_of(CONDITIONS)
    calls = fields.Integer(metadata={"description": "Calls of the last minute, by all processes"})
    bad = fields.Integer(metadata={"description": "Those of them that were not reached, not answered, slow, or an error there"})
    rate = fields.Float(allow_none=True, metadata={"description": "Good calls of all, this hour and the one before; 0 to 1"})
    probe_at = fields.AwareDateTime(allow_none=True, metadata={"description": "When a failing one is tried next"})
    held_by = fields.String(allow_none=True)
    held_at = fields.AwareDateTime(allow_none=True)
    reason = one_of(HOLD_REASONS, allow_none=True)


class GatewayStandings(Schema):
    """Every gateway account."""

    data = fields.List(fields.Nested(GatewayStanding))
