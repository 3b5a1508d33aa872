"""What programs send and get about settlements, runs, discrepancies and totals."""

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


class ClassView(Schema):
    """One class of a run. In `listed` and `confirmed`, money given back counts against money taken."""

    count = fields.Integer()
    amount = fields.Integer(metadata={"description": "The hub's where it has one, else the gateway's, whichever way it went"})
    lines = fields.Integer()
    listed = fields.Integer(metadata={"description": "The sum of the lines"})
    attempts = fields.Integer(metadata={"description": "Attempts of the hub, and its requests to give back"})
    confirmed = fields.Integer(metadata={"description": "The sum of what the hub has of them"})
    dated_apart = fields.Integer()


class RunView(Schema):
    """One reconciliation of one account's day."""

    id = fields.String()
    account = fields.String()
    date = fields.Date()
    settlement = fields.String()
    state = one_of(("waiting", "running", "done", "failed"))
    error = fields.String(allow_none=True)
    asked_at = fields.AwareDateTime()
    started_at = fields.AwareDateTime(allow_none=True)
    finished_at = fields.AwareDateTime(allow_none=True)
    classes = fields.Dict(keys=fields.String(), values=fields.Nested(ClassView))


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


class TotalsQuery(Schema):
    """Which day, of all gateway accounts or of one, and how it is written: `format` counts before the Accept header."""

    date = Day(required=True)
    gateway_account = text(80)
    format = one_of(("json", "csv"))


class SumView(Schema):
    """What the ledger says and gateways report, in minor units."""

    count = fields.Integer(metadata={"description": "Lines collected less lines reversed"})
    collected = fields.Integer(metadata={"description": "Lines whose payment was paid, also by money allocated to it"})
    reversed = fields.Integer(metadata={"description": "What gateways took back as if it had never been"})
    refunded = fields.Integer(metadata={"description": "Refunds sent, less what came back from those that failed"})
    charged_back = fields.Integer(metadata={"description": "What lost disputes took"})
    owed = fields.Integer(metadata={"description": "collected - reversed - refunded - charged_back"})
    reported = fields.Integer(metadata={"description": "Of what was collected, what settlement files show"})
    difference = fields.Integer(metadata={"description": "collected - reversed - reported"})
    currency = fields.String()


class TotalView(SumView):
    """One agency, kind of fee and line of the budget table."""

    agency = fields.String()
    agency_name = fields.String()
    kind = fields.String()
    budget_line = fields.String()


class TotalsView(Schema):
    """One business day: every figure and the sum of all, one per currency."""

    date = fields.Date()
    totals = fields.List(fields.Nested(TotalView))
    sum = fields.List(fields.Nested(SumView))
