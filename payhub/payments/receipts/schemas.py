"""What people send and get about unapplied money."""

from __future__ import annotations

from marshmallow import Schema, fields

from payhub.fields import one_of, page_limit, text


class NewAllocation(Schema):
    """Which payment the money is to pay, whole."""

    payment = text(80, required=True, metadata={"description": "Id of an open or expired payment of the same portal"})


class ReceiptQuery(Schema):
    """Which page of the unapplied receipts: those of which something is `held`, those that are `settled`, or all."""

    limit = page_limit()
    cursor = text(80)
    state = one_of(("held", "settled"))


class UnappliedReceiptView(Schema):
    """Money that came and could not pay. Amounts are minor units, instants UTC."""

    id = fields.String()
    payment = fields.String(allow_none=True, metadata={"description": "The payment it came for"})
    portal = fields.String(allow_none=True)
    gateway_account = fields.String()
    reference = fields.String(allow_none=True, metadata={"description": "Our reference of the attempt at the gateway"})
    gateway_transaction = fields.String(allow_none=True)
    reason = fields.String(metadata={"description": "A kind of discrepancy"})
    amount = fields.Integer()
    remaining = fields.Integer(metadata={"description": "What was neither allocated, nor given back, nor reversed"})
    available = fields.Integer(metadata={"description": "What remains and no refund waits for"})
    currency = fields.String()
    received_at = fields.AwareDateTime()
    age_days = fields.Integer(metadata={"description": "Whole days since it came"})


class UnappliedReceiptDetailsView(UnappliedReceiptView):
    """Money that came and could not pay, and where parts of it went."""

    class AllocationView(Schema):
        """What of it paid a payment."""

        payment = fields.String()
        amount = fields.Integer()
        allocated_at = fields.AwareDateTime()
        proposal = fields.String()

    class GivenView(Schema):
        """What of it a refund gives back."""

        id = fields.String()
        amount = fields.Integer()
        state = fields.String()

    allocations = fields.List(fields.Nested(AllocationView))
    refunds = fields.List(fields.Nested(GivenView))


class UnappliedReceiptPage(Schema):
    """A page of unapplied receipts, oldest first; `next` is the cursor of the following page."""

    data = fields.List(fields.Nested(UnappliedReceiptView))
    next = fields.String(allow_none=True)
