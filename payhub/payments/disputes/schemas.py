"""What people send and get about disputes, and what portals get."""

from __future__ import annotations

from marshmallow import Schema, ValidationError, fields, validate

from payhub.fields import Few, one_of
from payhub.http import bilingual
from payhub.identifiers import is_identifier
from payhub.payments.refunds.schemas import RefundedLine
from payhub.payments.states import DisputeState
from payhub.staff.schemas import PrincipalView

_LONG = bilingual("Dài từ 1 đến 64 ký tự", "Must be 1 to 64 characters")
_FORM = bilingual("Chỉ gồm chữ không dấu, chữ số và . _ : / + = -", "Must be letters without accents, digits and . _ : / + = -")


def _a_number(value: str) -> None:
    """Refuse a sentence or a name: the number of a case stands in the audit for ever."""
    if not is_identifier(value):
        raise ValidationError(_FORM)


class DisputedLine(RefundedLine):
    """So much of one line that a bank wants back."""


class NewDispute(Schema):
    """A chargeback as the gateway or the bank tells it."""

    gateway_case = fields.String(
        required=True,
        validate=[validate.Length(1, 64, error=_LONG), _a_number],
        metadata={"description": "The number the gateway or the bank gave the case; used once for each gateway account"},
    )
    lines = Few(fields.Nested(DisputedLine), 50, required=True)


class DisputeLineView(Schema):
    """So much of one line disputed; `charged_back` of it was taken from what the line still held."""

    number = fields.Integer()
    amount = fields.Integer()
    charged_back = fields.Integer()


class DisputeView(Schema):
    """A dispute. Amounts are minor units, instants UTC."""

    id = fields.String()
    payment = fields.String()
    number = fields.Integer()
    state = one_of(tuple(state.value for state in DisputeState))
    gateway_account = fields.String()
    gateway_case = fields.String()
    amount = fields.Integer()
    currency = fields.String()
    lines = fields.List(fields.Nested(DisputeLineView))
    opened_at = fields.AwareDateTime()
    ended_at = fields.AwareDateTime(allow_none=True)


class StaffDisputeView(DisputeView):
    """A dispute with who recorded it and the last proposal to book it as lost, for people."""

    opened_by = fields.Nested(PrincipalView)
    proposal = fields.String(allow_none=True)


class DisputeList(Schema):
    """All disputes of a payment, in order."""

    data = fields.List(fields.Nested(DisputeView))


class StaffDisputeList(Schema):
    """All disputes of a payment, in order, for people."""

    data = fields.List(fields.Nested(StaffDisputeView))
