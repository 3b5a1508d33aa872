"""What portals send and get: strict, and knowing no database."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from payhub.http import bilingual
from payhub.money import MAX_AMOUNT

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def plain(value: str) -> None:
    """Refuse control characters, which have no place in a name or a number."""
    if _CONTROL.search(value):
        raise ValidationError(bilingual("Có ký tự điều khiển", "Control characters are not allowed"))


def text(longest: int, *, required: bool = False, shortest: int = 1, **options: Any) -> fields.String:
    """Return a field of plain text between `shortest` and `longest` characters."""
    rule = validate.Length(
        shortest, longest, error=bilingual(f"Dài từ {shortest} đến {longest} ký tự", f"Must be {shortest} to {longest} characters")
    )
    return fields.String(required=required, validate=[plain, rule], **options)


def one_of(choices: tuple[str, ...], **options: Any) -> fields.String:
    """Return a field that takes one of these words."""
    words = ", ".join(choices)
    return fields.String(
        validate=validate.OneOf(choices, error=bilingual(f"Phải là một trong: {words}", f"Must be one of: {words}")), **options
    )


class NewLine(Schema):
    """One fee of a payment."""

    fee = text(64, required=True, metadata={"description": "Code in the fee schedule"})
    agency = text(64, required=True, metadata={"description": "Code of the agency the fee is for, an abolished one included"})
    amount = fields.Integer(
        required=True,
        strict=True,
        validate=validate.Range(1, MAX_AMOUNT, error=bilingual("Phải lớn hơn 0", "Must be above zero and within 10^15")),
        metadata={"description": "Minor units; VND has none. Checked against the fee schedule"},
    )
    quantity = fields.Integer(
        strict=True, validate=validate.Range(1, 10**6, error=bilingual("Từ 1 đến 1.000.000", "Must be 1 to 1,000,000"))
    )
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
    lines = fields.List(
        fields.Nested(NewLine),
        required=True,
        validate=validate.Length(1, 50, error=bilingual("Từ 1 đến 50 khoản", "Must have 1 to 50 lines")),
    )
    payer = fields.Nested(NewPayer)
    language = one_of(("vi", "en"), load_default="vi")
    return_url = fields.String(validate=validate.Length(1, 2000, error=bilingual("Quá dài", "Must be 1 to 2,000 characters")))
    expires_at = fields.AwareDateTime(
        format="iso", metadata={"description": "When the payment stops taking attempts; the hub's default without it"}
    )
    metadata = fields.Dict(
        keys=fields.String(), load_default=dict, metadata={"description": "At most 20 short texts, given back as they came"}
    )
    additional = fields.Boolean(truthy={True}, falsy={False}, load_default=False)

    @validates_schema(skip_on_field_errors=True)
    def _check(self, data: dict[str, Any], **_: Any) -> None:
        problems: dict[str, Any] = {}
        if "return_url" in data:
            url = urlsplit(data["return_url"])
            if url.scheme not in {"https", "http"} or not url.hostname or _CONTROL.search(data["return_url"]):
                problems["return_url"] = bilingual("Phải là địa chỉ https đầy đủ", "Must be a complete https address")
        short = all(
            isinstance(value, str) and len(value) <= 500 and not _CONTROL.search(key + value) and len(key) <= 40
            for key, value in data["metadata"].items()
        )
        if len(data["metadata"]) > 20 or not short:
            problems["metadata"] = bilingual(
                "Tối đa 20 mục, mỗi mục là chuỗi ngắn", "At most 20 entries: keys to 40, texts to 500 characters"
            )
        if problems:
            raise ValidationError(problems)


class LineView(Schema):
    """One fee of a payment as it was asked."""

    number = fields.Integer()
    fee = fields.String()
    kind = fields.String()
    agency = fields.String()
    asked_agency = fields.String()
    description = fields.String()
    quantity = fields.Integer(allow_none=True)
    amount = fields.Integer()


class PaymentView(Schema):
    """A payment as a portal sees it. Amounts are minor units, instants UTC."""

    id = fields.String()
    reference = fields.String()
    portal_reference = fields.String()
    dossier = fields.String(allow_none=True)
    state = fields.String(metadata={"description": "open, processing, paid, cancelled, expired or reversed"})
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


class ListQuery(Schema):
    """Which page of a list."""

    limit = fields.Integer(load_default=50, validate=validate.Range(1, 200, error=bilingual("Từ 1 đến 200", "Must be 1 to 200")))
    cursor = text(80)
    state = one_of(("open", "paid", "cancelled", "expired", "reversed"))
    portal_reference = text(100)


class PaymentPage(Schema):
    """A page of payments, newest first; `next` is the cursor of the following page."""

    data = fields.List(fields.Nested(PaymentView))
    next = fields.String(allow_none=True)
