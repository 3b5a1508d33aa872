"""What programs send and get about payouts, bank entries and statements."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from payhub.fields import Few, one_of, page_limit, text
from payhub.http import bilingual
from reconciliation.banking.models import ENTRY_STATES, KINDS, PAYOUT_STATES

REASONS = ("named", "amount_and_date", "attempt_code")


class StatementQuery(Schema):
    """What is said of a file beside its bytes."""

    kind = one_of(KINDS, load_default="statement", metadata={"description": "Whether it holds statements or notifications"})
    file_name = fields.String(
        load_default="", validate=validate.Length(0, 200, error=bilingual("Tối đa 200 ký tự", "At most 200 characters"))
    )


class StatementView(Schema):
    """One statement as it was taken: opening and lines are closing. A notification has no balances. Minor units."""

    id = fields.String()
    bank_account = fields.String()
    kind = one_of(KINDS)
    number = fields.String(allow_none=True, metadata={"description": "The bank's own"})
    from_ = fields.Date(data_key="from", attribute="from")
    until = fields.Date()
    currency = fields.String()
    opening = fields.Integer(allow_none=True)
    closing = fields.Integer(allow_none=True)
    lines = fields.Integer()
    sum = fields.Integer()
    file_name = fields.String()
    sha256 = fields.String()
    received_at = fields.AwareDateTime()
    superseded_by = fields.String(allow_none=True)


class TakenView(Schema):
    """What a file was taken as."""

    already = fields.Boolean(metadata={"description": "This very file was taken before; nothing changed"})
    statements = fields.List(fields.Nested(StatementView))


class StatementsQuery(Schema):
    """Which statements."""

    limit = page_limit()
    cursor = text(80)
    bank_account = text(80)


class StatementPage(Schema):
    """A page of statements, newest first; `next` is the cursor of the following page."""

    data = fields.List(fields.Nested(StatementView))
    next = fields.String(allow_none=True)


class PayoutsQuery(Schema):
    """Which payouts."""

    limit = page_limit()
    cursor = text(80)
    state = one_of(PAYOUT_STATES)
    account = text(80, metadata={"description": "The gateway account"})


class PayoutView(Schema):
    """One payment of a gateway to us, as all settlements that count speak of it. Minor units."""

    id = fields.String()
    account = fields.String()
    reference = fields.String()
    named = fields.Boolean(metadata={"description": "Whether the gateway calls it so; else it is a settlement's days"})
    currency = fields.String()
    state = one_of(PAYOUT_STATES)
    lines = fields.Integer()
    gross = fields.Integer()
    refunds = fields.Integer()
    reversals = fields.Integer()
    fees = fields.Integer()
    adjustments = fields.Integer(metadata={"description": "Above zero for what the gateway adds"})
    net = fields.Integer(metadata={"description": "gross - refunds - reversals - fees + adjustments"})
    due_on = fields.Date()
    awaited_until = fields.Date(metadata={"description": "The last day on which it is not missing"})
    banked_on = fields.Date(allow_none=True)
    entry = fields.String(allow_none=True, metadata={"description": "The bank entry that it is"})
    suggested_entry = fields.String(allow_none=True, metadata={"description": "The only entry of its amount and days"})
    agreed_by = fields.String(allow_none=True, metadata={"description": "The proposal in which people said which entries it is"})


class PayoutPage(Schema):
    """A page of payouts, newest first; `next` is the cursor of the following page."""

    data = fields.List(fields.Nested(PayoutView))
    next = fields.String(allow_none=True)


class EntriesQuery(Schema):
    """Which entries."""

    limit = page_limit()
    cursor = text(80)
    state = one_of(ENTRY_STATES)
    bank_account = text(80)


class TellerView(Schema):
    """A statement or notification that tells of an entry, and by which of its lines."""

    statement = fields.String()
    kind = one_of(KINDS)
    line = fields.Integer()


class NamedPayout(Schema):
    """A payout by its gateway account and reference."""

    account = fields.String()
    reference = fields.String()


class PayoutSuggestionView(Schema):
    """What an entry may be: a payout that its text names or that has its amount and days, or the attempt whose code it holds."""

    reason = one_of(REASONS)
    account = fields.String()
    reference = fields.String()


class EntryView(Schema):
    """One movement on one of the hub's bank accounts. Its words are sealed and not shown. Minor units, below zero for a debit."""

    id = fields.String()
    bank_account = fields.String()
    booked_on = fields.Date()
    value_on = fields.Date()
    amount = fields.Integer()
    currency = fields.String()
    bank_reference = fields.String(allow_none=True)
    state = one_of(ENTRY_STATES)
    told_by = fields.List(fields.Nested(TellerView))
    payout = fields.Nested(NamedPayout, allow_none=True)
    suggestions = fields.List(fields.Nested(PayoutSuggestionView))


class EntryPage(Schema):
    """A page of bank entries, newest first; `next` is the cursor of the following page."""

    data = fields.List(fields.Nested(EntryView))
    next = fields.String(allow_none=True)


class PayoutMatch(Schema):
    """Which entries at the bank are a payout, and which payouts they are besides."""

    entries = Few(text(80), 20, required=True, metadata={"description": "Entries that together are all of it"})
    payouts = Few(text(80), 20, metadata={"description": "Other payouts that came in the same entries"})


class ProposedView(Schema):
    """What was proposed and waits for another person."""

    proposal = fields.String()
