"""What people send and get about proposals."""

from __future__ import annotations

import re

from marshmallow import Schema, fields, validate

from payhub.fields import one_of, text
from payhub.http import bilingual
from payhub.staff.states import ProposalState


class Approval(Schema):
    """Yes, with the code the authenticator shows."""

    totp = fields.String(
        required=True,
        validate=validate.Regexp(re.compile(r"[0-9]{6}\Z"), error=bilingual("Phải là 6 chữ số", "Must be 6 digits")),
        metadata={"description": "The six digits shown now; each works once"},
    )


class Refusal(Schema):
    """No, and why."""

    reason = text(500, required=True)


class ProposalQuery(Schema):
    """Which page of the proposals."""

    limit = fields.Integer(load_default=50, validate=validate.Range(1, 200, error=bilingual("Từ 1 đến 200", "Must be 1 to 200")))
    cursor = text(80)
    state = one_of(tuple(state.value for state in ProposalState))


class PrincipalView(Schema):
    """Who: a person, a portal or the system."""

    kind = fields.String()
    name = fields.String()


class ProposalView(Schema):
    """An act and the two people it takes."""

    id = fields.String()
    kind = fields.String()
    target = fields.String()
    content = fields.Dict()
    content_hash = fields.String(metadata={"description": "SHA-256 of the content in canonical JSON, hexadecimal"})
    state = fields.String(metadata={"description": ", ".join(ProposalState)})
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
