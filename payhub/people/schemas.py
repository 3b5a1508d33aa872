"""What people of the staff send and get about who pays."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from payhub.fields import Few, one_of, text
from payhub.http import bilingual
from payhub.people.erasure import MOST, REASONS
from payhub.people.models import FIELDS
from payhub.people.service import REVEAL_REASONS

_STATES = ("kept", "erased", "destroyed", "none")


class PayerSearch(Schema):
    """What a person says of themselves."""

    field = one_of(FIELDS, required=True)
    value = text(254, required=True)
    limit = fields.Integer(
        strict=True, load_default=50, validate=validate.Range(1, 200, error=bilingual("Từ 1 đến 200", "Must be 1 to 200"))
    )
    cursor = text(80)


class Reveal(Schema):
    """Why somebody must know."""

    reason = one_of(REVEAL_REASONS, required=True)


class NewErasure(Schema):
    """Why nobody may see it any more."""

    reason = one_of(REASONS, required=True)


class NewErasures(NewErasure):
    """The payments of one person, as a search found them."""

    payments = Few(text(80), MOST, required=True)


class PayerView(Schema):
    """Who pays a payment, masked; `erased` is masked for everyone until its term ends, `destroyed` is gone."""

    payment = fields.String()
    state = one_of(_STATES)
    name = fields.String(allow_none=True)
    id_number = fields.String(allow_none=True)
    address = fields.String(allow_none=True)
    phone = fields.String(allow_none=True)
    email = fields.String(allow_none=True)
    erased_at = fields.AwareDateTime(allow_none=True)
    contact_until = fields.Date(allow_none=True, metadata={"description": "The last day on which phone and email are kept"})
    record_until = fields.Date(
        allow_none=True, metadata={"description": "The last day on which name, number and address are kept; null while unknown"}
    )


class RevealedView(Schema):
    """All that is known of who pays, and what the portal wrote with the payment."""

    payment = fields.String()
    name = fields.String(allow_none=True)
    id_number = fields.String(allow_none=True)
    address = fields.String(allow_none=True)
    phone = fields.String(allow_none=True)
    email = fields.String(allow_none=True)
    metadata = fields.Dict()


class FoundView(Schema):
    """A payment of the person, and who pays it, masked."""

    payment = fields.String()
    reference = fields.String()
    portal = fields.String()
    dossier = fields.String(allow_none=True)
    payment_state = fields.String()
    total = fields.Integer()
    currency = fields.String()
    created_at = fields.AwareDateTime()
    state = one_of(_STATES)
    name = fields.String(allow_none=True)
    id_number = fields.String(allow_none=True)
    address = fields.String(allow_none=True)
    phone = fields.String(allow_none=True)
    email = fields.String(allow_none=True)


class FoundPage(Schema):
    """A page of what was found, newest first; `next` is the cursor of the following page."""

    data = fields.List(fields.Nested(FoundView))
    next = fields.String(allow_none=True)


class ErasureView(Schema):
    """What was proposed: nothing is erased before another person approves it."""

    proposal = fields.String()
    payments = fields.List(fields.String())
    reason = fields.String()
