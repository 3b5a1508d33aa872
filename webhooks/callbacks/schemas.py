"""What people send and get about the messages of gateways."""

from __future__ import annotations

from marshmallow import Schema, fields

from gateways.base import Outcome, Verdict
from payhub.fields import one_of, page_limit, text
from webhooks.callbacks.replaying import REPLAY_REASONS, REVEAL_REASONS
from webhooks.models import STRANGE_SOURCE, Standing

STANDINGS = tuple(each.value for each in Standing)
VERDICTS = (*(each.value for each in Verdict), STRANGE_SOURCE)
_OUTCOMES = tuple(each.value for each in Outcome)


class CallbackQuery(Schema):
    """Which messages, and which page of them."""

    limit = page_limit()
    cursor = text(80)
    account = text(40, metadata={"description": "Code of the gateway account"})
    standing = one_of(STANDINGS)
    verdict = one_of(VERDICTS, metadata={"description": "What the first arrival was answered with"})
    verified = one_of(("yes", "no"))
    reference = text(100, metadata={"description": "What the gateway calls the order"})


class NewReplay(Schema):
    """Why it is to be heard again."""

    reason = one_of(REPLAY_REASONS, required=True)


class RevealCallback(Schema):
    """Why somebody must see the bytes."""

    reason = one_of(REVEAL_REASONS, required=True)


class CallbackView(Schema):
    """A message as it was kept, without what it says of a person. Instants are UTC."""

    id = fields.String()
    gateway_account = fields.String()
    verified = fields.Boolean(metadata={"description": "Whether a live secret has proven it"})
    verdict = one_of(VERDICTS)
    last_verdict = one_of(VERDICTS)
    outcome = one_of(_OUTCOMES, allow_none=True)
    raw_code = fields.String(allow_none=True)
    standing = one_of(STANDINGS)
    next_try_at = fields.AwareDateTime(allow_none=True)
    tries = fields.Integer()
    replays = fields.Integer()
    reference = fields.String(allow_none=True)
    payment = fields.String(allow_none=True)
    method = fields.String()
    source = fields.String()
    times = fields.Integer()
    received_at = fields.AwareDateTime()
    last_received_at = fields.AwareDateTime()
    body = one_of(("kept", "destroyed"))


class CallbackPage(Schema):
    """A page of messages, newest first; `next` is the cursor of the following page."""

    data = fields.List(fields.Nested(CallbackView))
    next = fields.String(allow_none=True)


class ReplayView(Schema):
    """What a replay came to."""

    callback = fields.Nested(CallbackView)
    verifies = fields.Boolean(metadata={"description": "Whether the secrets that are live now prove it"})
    verdict = one_of(VERDICTS, metadata={"description": "What became of it now; `repeated` where nothing was left to do"})


class RevealedCallbackView(Schema):
    """The bytes of a message, as text; what is no UTF-8 is written as escapes."""

    id = fields.String()
    method = fields.String()
    query = fields.String()
    body = fields.String()
    headers = fields.Dict(keys=fields.String(), values=fields.String())
