"""What portals and people send and get about refunds."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from payhub.fields import Few, one_of, text
from payhub.http import bilingual
from payhub.money import MAX_AMOUNT
from payhub.payments.refunds.models import REASONS
from payhub.payments.states import RefundState
from payhub.staff.schemas import PrincipalView


def _amount(**more: Any) -> fields.Integer:
    return fields.Integer(
        strict=True,
        validate=validate.Range(1, MAX_AMOUNT, error=bilingual("Phải lớn hơn 0", "Must be above zero and within 10^15")),
        **more,
    )


class RefundedLine(Schema):
    """So much of one line."""

    number = fields.Integer(
        required=True, strict=True, validate=validate.Range(1, 50, error=bilingual("Từ 1 đến 50", "Must be 1 to 50")),
        metadata={"description": "The line's number in the payment"},
    )  # fmt: skip
    amount = _amount(required=True, metadata={"description": "Minor units; VND has none"})


class NewRefund(Schema):
    """A request to give money back: of `lines`, or of one `unapplied` receipt."""

    lines = Few(fields.Nested(RefundedLine), 50)
    unapplied = text(80, metadata={"description": "Id of an unapplied receipt of the payment, instead of lines"})
    amount = _amount(metadata={"description": "With `unapplied`: how much of it; all that is left without it"})
    reason = one_of(REASONS, required=True)
    note = text(500, metadata={"description": "For whoever approves; kept sealed and given back to staff only"})

    @validates_schema
    def _one_source(self, data: dict[str, Any], **_: Any) -> None:
        """Demand lines or a receipt, and an amount with a receipt only."""
        if ("lines" in data) == ("unapplied" in data):
            wrong = bilingual("Gửi lines hoặc unapplied, đúng một trong hai", "Send either lines or unapplied")
            raise ValidationError(wrong, "lines")
        if "amount" in data and "unapplied" not in data:
            wrong = bilingual("Chỉ dùng cùng unapplied; mỗi dòng có số tiền riêng", "Only with unapplied; lines have their own")
            raise ValidationError(wrong, "amount")


class RefundView(Schema):
    """A refund. Amounts are minor units, instants UTC."""

    id = fields.String()
    payment = fields.String()
    number = fields.Integer()
    state = one_of(tuple(state.value for state in RefundState))
    amount = fields.Integer()
    currency = fields.String()
    lines = fields.List(fields.Nested(RefundedLine))
    unapplied = fields.String(allow_none=True)
    method = fields.String()
    reason = fields.String()
    proposal = fields.String(allow_none=True)
    requested_by = fields.Nested(PrincipalView)
    requested_at = fields.AwareDateTime()
    decided_at = fields.AwareDateTime(allow_none=True)
    submitted_at = fields.AwareDateTime(allow_none=True)
    ended_at = fields.AwareDateTime(allow_none=True)
    end_reason = fields.String(allow_none=True)
    gateway_transaction = fields.String(allow_none=True, metadata={"description": "The gateway's own number for the refund"})


class StaffRefundView(RefundView):
    """A refund with the requester's words and every try, for people."""

    class TryView(Schema):
        """One request that was sent."""

        number = fields.Integer()
        reference = fields.String()
        state = fields.String()
        raw_code = fields.String(allow_none=True)
        asked_at = fields.AwareDateTime()
        answered_at = fields.AwareDateTime(allow_none=True)

    note = fields.String(allow_none=True)
    tries = fields.List(fields.Nested(TryView))


class RefundList(Schema):
    """All refunds of a payment, in order."""

    data = fields.List(fields.Nested(RefundView))


class NewOutcome(Schema):
    """What became of a refund that its gateway does not tell, and how one knows."""

    outcome = one_of(("succeeded", "failed"), required=True)
    evidence = text(200, required=True, metadata={"description": "Where it is written, a letter's number; no personal data"})
