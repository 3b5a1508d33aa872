"""What portals send and get: strict, and knowing no database."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from payhub.fields import Few, Flag, address, one_of, page_limit, short_texts, text
from payhub.http import bilingual
from payhub.money import MAX_AMOUNT


def _figure(least: int, description: str) -> fields.Integer:
    """Return a field of an amount in minor units."""
    error = bilingual(f"Phải từ {least} đến 10^15", f"Must be {least} to 10^15")
    rule = validate.Range(least, MAX_AMOUNT, error=error)
    return fields.Integer(strict=True, validate=rule, metadata={"description": description})


class NewLine(Schema):
    """One fee of a payment."""

    fee = text(64, required=True, metadata={"description": "Code in the fee schedule"})
    agency = text(64, required=True, metadata={"description": "Code of the agency the fee is for, an abolished one included"})
    amount = _figure(
        0, "What is to be paid, after any relief, in minor units (VND has none). Checked; worked out where it is left out"
    )
    quantity = fields.Integer(
        strict=True,
        validate=validate.Range(1, 10**6, error=bilingual("Từ 1 đến 1.000.000", "Must be 1 to 1,000,000")),
        metadata={"description": "For fees by unit, and for tiers by quantity"},
    )
    declared_value = _figure(1, "VND: what the fee is a part of (ad valorem), or what its tiers are of")
    relief = text(64, metadata={"description": "Code of an exemption or reduction in force"})
    full_amount = _figure(1, "The amount before relief; needed with a relief where the schedule does not set the amount")
    reason = text(250, metadata={"description": "The notice or decision that sets a free amount; never a person's data"})
    description = text(250)


class NewPayer(Schema):
    """Who pays; kept sealed, never given back."""

    name = text(200)
    id_number = text(20)
    phone = text(20)
    email = text(254)
    address = text(300)


class NewPayment(Schema):
    """A request for the fees of one dossier."""

    portal_reference = text(100, required=True, metadata={"description": "The portal's own reference, used once for ever"})
    dossier = text(100)
    currency = one_of(("VND",), load_default="VND")
    lines = Few(fields.Nested(NewLine), 50, required=True)
    payer = fields.Nested(NewPayer)
    language = one_of(("vi", "en"), load_default="vi")
    return_url = fields.String(
        validate=[validate.Length(1, 2000, error=bilingual("Dài tối đa 2000 ký tự", "Must be 1 to 2,000 characters")), address],
        metadata={"format": "uri"},
    )
    expires_at = fields.AwareDateTime(
        format="iso", metadata={"description": "When the payment stops taking attempts; the hub's default without it"}
    )
    metadata = fields.Dict(
        keys=fields.String(),
        values=fields.Raw(allow_none=True),
        load_default=dict,
        validate=short_texts,
        metadata={"description": "At most 20 short texts, given back as they came", "maxProperties": 20},
    )
    replaces = text(80, metadata={"description": "Id of a payment of the same portal that this one closes and stands for"})
    additional = Flag(load_default=False)


class LineView(Schema):
    """One fee of a payment as it was asked."""

    number = fields.Integer()
    fee = fields.String()
    kind = fields.String()
    agency = fields.String()
    asked_agency = fields.String()
    description = fields.String()
    quantity = fields.Integer(allow_none=True)
    declared_value = fields.Integer(allow_none=True)
    full_amount = fields.Integer(metadata={"description": "What it costs without relief"})
    relief = fields.String(allow_none=True, metadata={"description": "Code of the exemption or reduction"})
    ground = fields.String(allow_none=True, metadata={"description": "The ground of the relief in law"})
    reason = fields.String(allow_none=True)
    amount = fields.Integer(metadata={"description": "What is to be paid; 0 by an exemption only"})


class NewQuote(Schema):
    """Lines to be priced, as a payment would ask for them."""

    dossier = text(100)
    currency = one_of(("VND",), load_default="VND")
    lines = Few(fields.Nested(NewLine), 50, required=True)
    language = one_of(("vi", "en"), load_default="vi")
    additional = Flag(load_default=False)


class QuotedLineView(LineView):
    """One fee as it would be asked, and what it is called."""

    fee_name = fields.String()
    agency_name = fields.String()


class QuoteView(Schema):
    """What a payment with these lines would come to on a day."""

    on = fields.Date()
    currency = fields.String()
    total = fields.Integer()
    lines = fields.List(fields.Nested(QuotedLineView))


class UnappliedView(Schema):
    """Money that came for a payment and could not pay it; `remaining` waits to be allocated or given back."""

    id = fields.String()
    amount = fields.Integer()
    remaining = fields.Integer()
    reason = fields.String()
    received_at = fields.AwareDateTime()


class PaymentView(Schema):
    """A payment as a portal sees it. Amounts are minor units, instants UTC."""

    id = fields.String()
    reference = fields.String()
    portal_reference = fields.String()
    dossier = fields.String(allow_none=True)
    replaces = fields.String(allow_none=True)
    state = one_of(("open", "processing", "cancelling", "paid", "cancelled", "expired", "reversed"))
    currency = fields.String()
    total = fields.Integer()
    lines = fields.List(fields.Nested(LineView))
    language = fields.String()
    checkout_url = fields.String()
    return_url = fields.String(allow_none=True)
    metadata = fields.Dict()
    created_at = fields.AwareDateTime()
    expires_at = fields.AwareDateTime()
    paid_at = fields.AwareDateTime(allow_none=True)
    refunded = fields.Integer(metadata={"description": "What has gone back to the citizen, by lines and unapplied receipts"})
    disputed = fields.Integer(metadata={"description": "What a bank wants back and has not been decided"})
    charged_back = fields.Integer(metadata={"description": "What a bank took back by disputes that were lost"})
    unapplied = fields.List(fields.Nested(UnappliedView))


class ListQuery(Schema):
    """Which page of a list."""

    limit = page_limit()
    cursor = text(80)
    state = one_of(("open", "paid", "cancelled", "expired", "reversed"))
    portal_reference = text(100)


class PaymentPage(Schema):
    """A page of payments, newest first; `next` is the cursor of the following page."""

    data = fields.List(fields.Nested(PaymentView))
    next = fields.String(allow_none=True)
