"""What people send and get about secrets."""

from __future__ import annotations

from marshmallow import Schema, fields

from payhub.fields import Flag, one_of, page_limit, text
from payhub.secrets.states import SecretState
from payhub.staff.schemas import PrincipalView

_STATES = tuple(state.value for state in SecretState)


class SecretQuery(Schema):
    """Which page of the secrets."""

    limit = page_limit()
    cursor = text(80)
    kind = text(20)
    state = one_of(_STATES)


class NewSecret(Schema):
    """A secret to add. Without `secret` the hub makes one and shows it in the answer, this once."""

    kind = text(20, required=True, metadata={"description": "`gateway`, `portal` or `webhook`"})
    owner = text(80, required=True, metadata={"description": "Code of the gateway account or portal, id of the webhook endpoint"})
    use = text(40, metadata={"description": "Gateway: the protocol's name for it; portal: `inbound` or `outbound`"})
    secret = fields.String(load_only=True, metadata={"description": "As the other side gave it; 8 to 8192 characters"})


class RetiredSecret(Schema):
    """How to retire a secret."""

    last = Flag(load_default=False, metadata={"description": "True: retire it even if no other one is live"})


class SecretView(Schema):
    """A secret, without what it is. `waits_for` is the proposal that somebody must decide."""

    id = fields.String()
    kind = fields.String()
    owner = fields.String()
    use = fields.String()
    state = one_of(_STATES)
    origin = one_of(("generated", "given"))
    fingerprint = fields.String(
        allow_none=True, metadata={"description": "A MAC under the key ring: equal for equal secrets, useless to anybody else"}
    )
    created_by = fields.Nested(PrincipalView, allow_none=True)
    created_at = fields.AwareDateTime()
    live_at = fields.AwareDateTime(allow_none=True)
    ended_at = fields.AwareDateTime(allow_none=True)
    waits_for = fields.String(allow_none=True)


class MadeSecretView(SecretView):
    """A secret that was added."""

    secret = fields.String(
        allow_none=True, metadata={"description": "What the hub made, in its first answer only; null where it was given"}
    )


class SecretPage(Schema):
    """A page of secrets, newest first; `next` is the cursor of the following page."""

    data = fields.List(fields.Nested(SecretView))
    next = fields.String(allow_none=True)
