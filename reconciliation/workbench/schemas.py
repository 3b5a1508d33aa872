"""What people send and get at the workbench."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from payhub.discrepancies.accepting import REASONS as ACCEPTED_BECAUSE
from payhub.discrepancies.models import KINDS
from payhub.discrepancies.states import State
from payhub.fields import Count, Day, Few, one_of, page_limit, text
from payhub.http import bilingual
from payhub.identifiers import is_identifier
from payhub.money import MAX_AMOUNT
from payhub.payments.receipts.schemas import UnappliedReceiptView
from payhub.payments.refunds.models import REASONS as REFUNDED_BECAUSE
from payhub.staff.schemas import PrincipalView
from reconciliation.files.lines import LINE_TYPES
from reconciliation.schemas import RejectView

STATES = tuple(state.value for state in State)
ACTS = ("assign", "unassign", "comment", "link", "ask", "allocate", "refund", "accept", "correct", "match", "reopen")
_YES = ("yes", "no")


def _identifier(value: str) -> None:
    if not is_identifier(value):
        raise ValidationError(bilingual("Chỉ gồm chữ, số và . _ : / + = -", "Only letters, digits and . _ : / + = -"))


def _named(**options: Any) -> fields.String:
    error = bilingual("Dài từ 1 đến 100 ký tự", "Must be 1 to 100 characters")
    return fields.String(validate=[_identifier, validate.Length(1, 100, error=error)], **options)


def _amount(least: int, **options: Any) -> fields.Integer:
    error = bilingual(f"Từ {least} đến 10^15", f"Must be {least} to 10^15")
    return fields.Integer(strict=True, validate=validate.Range(least, MAX_AMOUNT, error=error), **options)


class WantedDiscrepancies(Schema):
    """Which discrepancies."""

    state = one_of(STATES, metadata={"description": "Without it, those that are not resolved"})
    kind = one_of(KINDS)
    owner = text(64, metadata={"description": "Name of the person whose they are"})
    owned = one_of(_YES)
    account = text(40, metadata={"description": "Code of the gateway account"})
    agency = text(40, metadata={"description": "Code of an agency that the payment is for"})
    payment = text(80)
    overdue = one_of(_YES)
    amount_from = Count()
    amount_to = Count()
    date = Day(metadata={"description": "The gateway's day they are about"})


class DiscrepanciesQuery(WantedDiscrepancies):
    """Which discrepancies, and which page of them."""

    limit = page_limit()
    cursor = text(80)


class KindSumView(Schema):
    """One kind: how many, and how much money is at stake, in minor units."""

    kind = one_of(KINDS)
    title = fields.String()
    urgent = fields.Boolean()
    days = fields.Integer(metadata={"description": "Within how many days somebody must have dealt with one"})
    currency = fields.String()
    count = fields.Integer()
    amount = fields.Integer()
    open = fields.Integer()
    assigned = fields.Integer()
    proposed = fields.Integer()
    overdue = fields.Integer()
    unowned = fields.Integer()
    due_at = fields.AwareDateTime(metadata={"description": "When the first of them is due"})


class DiscrepancySummaryView(Schema):
    """Counts and sums per kind and currency, what is due first coming first."""

    data = fields.List(fields.Nested(KindSumView))
    count = fields.Integer()
    overdue = fields.Integer()


class WorkView(Schema):
    """A discrepancy as somebody who works on it sees it. Amounts are minor units, instants UTC."""

    id = fields.String()
    kind = one_of(KINDS)
    title = fields.String()
    key = fields.String(metadata={"description": "What it is about, the same between runs"})
    state = one_of(STATES)
    priority = one_of(("high", "normal", "low"), allow_none=True, metadata={"description": "None once it is resolved"})
    account = fields.String(allow_none=True)
    payment = fields.String(allow_none=True)
    date = fields.Date(metadata={"description": "The gateway's day it is about"})
    amount = fields.Integer()
    currency = fields.String()
    owner = fields.Nested(PrincipalView, allow_none=True)
    opened_at = fields.AwareDateTime(metadata={"description": "When it was last opened"})
    age_days = fields.Integer()
    due_at = fields.AwareDateTime()
    overdue = fields.Boolean()
    proposal = fields.String(allow_none=True, metadata={"description": "What is proposed about it now"})
    resolved_at = fields.AwareDateTime(allow_none=True)
    accepted = fields.Boolean(metadata={"description": "Whether people have resolved it; else evidence has"})


class WorkPage(Schema):
    """A page of discrepancies, what is due first coming first; `next` is the cursor of the following page."""

    data = fields.List(fields.Nested(WorkView))
    next = fields.String(allow_none=True)


class OursView(Schema):
    """What the hub has."""

    payment = fields.Dict(allow_none=True)
    attempt = fields.Dict(allow_none=True)
    refund = fields.Dict(allow_none=True)
    unapplied = fields.Nested(UnappliedReceiptView, allow_none=True)


class TheirLineView(Schema):
    """A line of a settlement, and where it stands."""

    settlement = fields.String()
    file_name = fields.String()
    row = fields.Integer(metadata={"description": "Row of the file, the header being 1"})
    type = one_of(LINE_TYPES)
    reference = fields.String(allow_none=True)
    transaction = fields.String(allow_none=True)
    amount = fields.Integer()
    fee = fields.Integer()
    currency = fields.String()
    date = fields.Date()
    bank = fields.String(allow_none=True)
    counts = fields.Boolean(metadata={"description": "Whether the file counts; another may have taken its place"})
    corrected_by = fields.String(allow_none=True, metadata={"description": "The proposal by which the row was corrected"})


class CorrectedRowView(Schema):
    """A row that was set aside and is a line now."""

    row = fields.Integer()
    proposal = fields.String()
    corrected_at = fields.AwareDateTime()


class FileView(Schema):
    """A file that does not have what it declares."""

    settlement = fields.String()
    file_name = fields.String()
    declared_count = fields.Integer(allow_none=True)
    declared_sum = fields.Integer(allow_none=True)
    lines = fields.Integer()
    sum = fields.Integer()
    rejected = fields.Integer()
    as_declared = fields.Boolean()
    rejects = fields.List(fields.Nested(RejectView))
    corrected = fields.List(fields.Nested(CorrectedRowView))


class SuggestionView(Schema):
    """What could be done, why, and with what."""

    act = one_of(ACTS)
    reason = fields.String()
    with_ = fields.Dict(data_key="with")


class DoneView(Schema):
    """One thing that was done, or found."""

    act = fields.String()
    by = fields.Nested(PrincipalView)
    at = fields.AwareDateTime()
    data = fields.Dict()
    note = fields.String(allow_none=True, metadata={"description": "What the person wrote, till it is destroyed; a GET shows it"})


class LinkedView(Schema):
    """Another discrepancy of the same matter."""

    id = fields.String()
    kind = one_of(KINDS)
    state = one_of(STATES)
    amount = fields.Integer()
    currency = fields.String()


class WorkDetailsView(WorkView):
    """A discrepancy with all that is known of it."""

    evidence = fields.Dict(metadata={"description": "What each side said when it was found"})
    ours = fields.Nested(OursView)
    theirs = fields.List(fields.Nested(TheirLineView), metadata={"description": "Every line that names the same thing"})
    file = fields.Nested(FileView, allow_none=True)
    linked = fields.List(fields.Nested(LinkedView))
    suggestions = fields.List(fields.Nested(SuggestionView))
    acts = fields.List(one_of(ACTS), metadata={"description": "What the caller can do about it now"})
    history = fields.List(fields.Nested(DoneView), metadata={"description": "In order, the first first"})


class Assignment(Schema):
    """Whose it is to be; without an owner, one's own."""

    owner = text(64)


class Comment(Schema):
    """What the next one should know; kept sealed."""

    text = text(1000, required=True)


class NewLink(Schema):
    """The other discrepancy of the same matter."""

    discrepancy = text(80, required=True)


class HeldToPay(Schema):
    """Which payment the held money is to pay, whole."""

    payment = text(80, required=True)


class HeldToGoBack(Schema):
    """How much of the held money goes back, all of it without an amount, and why."""

    amount = _amount(1)
    reason = one_of(REFUNDED_BECAUSE, required=True)
    note = text(500, metadata={"description": "For whoever approves; kept sealed"})


class Acceptance(Schema):
    """Why nothing more is done."""

    reason = one_of(ACCEPTED_BECAUSE, required=True)
    note = text(500, metadata={"description": "For whoever approves; kept sealed"})


class Reopening(Schema):
    """Why it is opened again; kept sealed."""

    reason = text(500, required=True)


class RowAsRead(Schema):
    """What a row says that could not be read."""

    row = fields.Integer(
        required=True, strict=True, validate=validate.Range(2, 10**9, error=bilingual("Từ 2 trở lên", "Must be 2 or more")),
        metadata={"description": "Row of the file, the header being 1"},
    )  # fmt: skip
    type = one_of(LINE_TYPES, required=True)
    reference = _named(metadata={"description": "Our reference"})
    transaction = _named(metadata={"description": "The gateway's own number"})
    amount = _amount(1, required=True)
    fee = _amount(0)
    happened_at = fields.AwareDateTime(required=True, metadata={"description": "When, by the gateway"})
    bank = _named()

    @validates_schema
    def _names_something(self, data: dict[str, Any], **_: Any) -> None:
        """Demand a name by which the line can be found."""
        if not data.get("reference") and not data.get("transaction"):
            wrong = bilingual("Cần reference hoặc transaction", "It takes a reference or a transaction")
            raise ValidationError(wrong, "reference")


class Corrections(Schema):
    """The rows that are corrected together."""

    rows = Few(fields.Nested(RowAsRead), 50, required=True)
