"""What programs get about runs."""

from __future__ import annotations

from marshmallow import Schema, fields

from payhub.fields import Day, one_of, page_limit, text
from reconciliation.running import STATES, STEPS


class RunsQuery(Schema):
    """Which runs."""

    limit = page_limit()
    cursor = text(80)
    state = one_of(STATES)
    account = text(80, metadata={"description": "The gateway account"})
    date = Day(metadata={"description": "A day that the run is about"})


class ClassView(Schema):
    """One class of a run. In `listed` and `confirmed`, money given back counts against money taken."""

    count = fields.Integer()
    amount = fields.Integer(metadata={"description": "The hub's where it has one, else the gateway's, whichever way it went"})
    lines = fields.Integer()
    listed = fields.Integer(metadata={"description": "The sum of the lines"})
    attempts = fields.Integer(metadata={"description": "Attempts of the hub, and its requests to give back"})
    confirmed = fields.Integer(metadata={"description": "The sum of what the hub has of them"})
    dated_apart = fields.Integer()


class ProgressView(Schema):
    """How far a run is, before any of it is committed; null for what is not known yet."""

    lines = fields.Integer(allow_none=True, metadata={"description": "Lines of its settlement"})
    matched = fields.Integer(allow_none=True, metadata={"description": "Of both sides, what agrees"})
    others = fields.Integer(allow_none=True, metadata={"description": "Of both sides, what does not"})


class RunView(Schema):
    """One reconciliation of one account's day."""

    id = fields.String()
    account = fields.String()
    date = fields.Date()
    settlement = fields.String()
    state = one_of(STATES)
    step = one_of(STEPS, allow_none=True, metadata={"description": "What is being done, while it runs"})
    progress = fields.Nested(ProgressView)
    starts = fields.Integer(metadata={"description": "How often it was begun; more than once where a worker died over it"})
    error = fields.String(allow_none=True)
    asked_at = fields.AwareDateTime()
    started_at = fields.AwareDateTime(allow_none=True)
    stepped_at = fields.AwareDateTime(allow_none=True, metadata={"description": "When the last step was begun"})
    finished_at = fields.AwareDateTime(allow_none=True)
    cancelled_by = fields.String(allow_none=True)
    classes = fields.Dict(keys=fields.String(), values=fields.Nested(ClassView))


class RunPage(Schema):
    """A page of runs, newest first; `next` is the cursor of the following page."""

    data = fields.List(fields.Nested(RunView))
    next = fields.String(allow_none=True)
