"""What people send and get about proposals."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from payhub.fields import one_of, page_limit, text
from payhub.http import bilingual
from payhub.staff.states import ProposalState

_SIX_DIGITS = bilingual("Phải là 6 chữ số", "Must be 6 digits")
_STATES = tuple(state.value for state in ProposalState)


class Approval(Schema):
    """Yes, with the code the authenticator shows."""

    totp = fields.String(
        required=True,
        # `$` alone lets a line feed through, and JSON Schema knows no `\Z`.
        validate=validate.And(validate.Length(equal=6, error=_SIX_DIGITS), validate.Regexp("^[0-9]{6}$", error=_SIX_DIGITS)),
        metadata={"description": "The six digits shown now; each works once"},
    )


class Refusal(Schema):
    """No, and why."""

    reason = text(500, required=True)


class ProposalQuery(Schema):
    """Which page of the proposals."""

    limit = page_limit()
    cursor = text(80)
    state = one_of(_STATES)


class PrincipalView(Schema):
    """Who acts."""

    kind = one_of(("person", "portal", "system"))
    name = fields.String()


class ProposalView(Schema):
    """An act and the two people it takes."""

    id = fields.String()
    kind = fields.String()
    target = fields.String()
    content = fields.Dict()
    words = fields.Dict(metadata={"description": "What the proposer wrote; the content holds a digest of each text"})
    content_hash = fields.String(metadata={"description": "SHA-256 of the content in canonical JSON, hexadecimal"})
    state = one_of(_STATES)
    proposed_by = fields.Nested(PrincipalView)
    proposed_at = fields.AwareDateTime()
    decided_by = fields.Nested(PrincipalView, allow_none=True)
    decided_at = fields.AwareDateTime(allow_none=True)
    executed_at = fields.AwareDateTime(allow_none=True)
    voided_at = fields.AwareDateTime(allow_none=True)
    reason = fields.String(allow_none=True)


class ProposalPage(Schema):
    """A page of proposals, newest first; `next` is the cursor of the following page."""

    data = fields.List(fields.Nested(ProposalView))
    next = fields.String(allow_none=True)
