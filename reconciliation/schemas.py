"""What programs send and get about settlements and discrepancies."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from payhub.discrepancies.models import KINDS
from payhub.fields import Day, one_of, page_limit, text
from payhub.http import bilingual
from reconciliation.files.lines import REASONS

STATES = ("open", "assigned", "proposed", "resolved")


class ImportQuery(Schema):
    """What is said of a file beside its bytes."""

    file_name = fields.String(
        load_default="", validate=validate.Length(0, 200, error=bilingual("Tối đa 200 ký tự", "At most 200 characters"))
    )
    until = Day(metadata={"description": "The last day the file covers; the day in the address is the first. Without it, one day."})


class ProofsView(Schema):
    """What settlements and statements that count say of a payment; null is what none does."""

    payment = fields.String()
    reported_on = fields.Date(allow_none=True, metadata={"description": "The gateway's day, in a settlement that lists it"})
    banked_on = fields.Date(
        allow_none=True, metadata={"description": "The day on which the bank shows, whole, what the gateway paid over with it"}
    )


class RejectView(Schema):
    """A row that was set aside: its number (the header is 1), the file's own name of the column, why."""

    row = fields.Integer()
    field = fields.String()
    reason = one_of(tuple(REASONS))
    detail = fields.String()


class SettlementView(Schema):
    """A settlement file as it was taken. Sums are payments minus refunds, in minor units."""

    id = fields.String()
    account = fields.String()
    date = fields.Date(metadata={"description": "The first day it covers"})
    until = fields.Date(metadata={"description": "The last day it covers"})
    file_name = fields.String()
    sha256 = fields.String()
    mapping = fields.String()
    currency = fields.String()
    declared_count = fields.Integer()
    declared_sum = fields.Integer()
    lines = fields.Integer()
    sum = fields.Integer()
    rejected = fields.Integer()
    rejects = fields.List(fields.Nested(RejectView), metadata={"description": "The first 100 rows that were set aside"})
    received_at = fields.AwareDateTime()
    superseded_by = fields.String(allow_none=True)
    already = fields.Boolean(metadata={"description": "This very file was taken before; nothing changed"})
    run = fields.String(metadata={"description": "The run over it: ask GET /v1/runs/{id}"})


class DiscrepancyQuery(Schema):
    """Which discrepancies."""

    limit = page_limit()
    cursor = text(80)
    state = one_of(STATES)
    kind = one_of(KINDS)
    date = Day()


class DiscrepancyView(Schema):
    """Two that disagree, and how much money is at stake in minor units."""

    id = fields.String()
    kind = one_of(KINDS)
    key = fields.String()
    state = one_of(STATES)
    account = fields.String(allow_none=True)
    payment = fields.String(allow_none=True)
    date = fields.Date()
    amount = fields.Integer()
    currency = fields.String()
    evidence = fields.Dict()
    opened_at = fields.AwareDateTime()
    resolved_at = fields.AwareDateTime(allow_none=True)


class DiscrepancyPage(Schema):
    """A page of discrepancies, newest first; `next` is the cursor of the following page."""

    data = fields.List(fields.Nested(DiscrepancyView))
    next = fields.String(allow_none=True)
