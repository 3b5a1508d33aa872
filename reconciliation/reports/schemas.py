"""What programs ask of reports and get."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema

from payhub.fields import Day, one_of, page_limit, text
from payhub.http import bilingual
from payhub.ledger.models import ACCOUNTS
from reconciliation.reports.proven import MODES
from reconciliation.reports.tracing import NOT_OF_COHORTS, TRACED

LONGEST = 92
"""How many days one report adds up at most."""


def _says(what: str) -> fields.Integer:
    return fields.Integer(metadata={"description": what})


def _maybe(what: str) -> fields.Integer:
    return fields.Integer(allow_none=True, metadata={"description": f"{what}; null for cohorts, of which no journal says it"})


class DaysQuery(Schema):
    """Which days, by which day they count, of all gateway accounts or of one, and how it is written."""

    date = Day(required=True)
    until = Day(metadata={"description": "The last day; figures are added up from `date` on. Without it, one day."})
    mode = one_of(
        MODES,
        load_default="activity",
        metadata={
            "description": "`activity`: what was booked on the day. `cohort`: the payments whose money came on the day, with all "
            "that has happened to them since. No figure of one is to be held against a figure of the other."
        },
    )
    gateway_account = text(80)

    @validates_schema
    def _in_order(self, data: dict[str, Any], **_: Any) -> None:
        days = (data["until"] - data["date"]).days if "until" in data else 0
        if not 0 <= days < LONGEST:
            told = bilingual(
                f"Không được trước ngày đầu và không quá {LONGEST} ngày tất cả",
                f"Must be the first day or later, at most {LONGEST} days in all",
            )
            raise ValidationError(told, "until")


class AgencyTotalsQuery(DaysQuery):
    """Which days, and whether gateway accounts are told apart. `format` counts before the Accept header."""

    by = one_of(("agency", "gateway"), load_default="agency")
    format = one_of(("json", "csv"))


class AccountTotalsQuery(DaysQuery):
    """Which days. `format` counts before the Accept header."""

    format = one_of(("json", "csv"))


class RowsQuery(DaysQuery):
    """Which figure of which days; each further field narrows it as the report does."""

    figure = one_of(TRACED, required=True)
    agency = text(80)
    kind = text(40)
    budget_line = text(40)
    limit = page_limit()
    cursor = text(200)

    @validates_schema
    def _of_mode(self, data: dict[str, Any], **_: Any) -> None:
        if data["mode"] == "cohort" and data["figure"] in NOT_OF_COHORTS:
            told = bilingual("Chỉ có theo ngày hạch toán (mode=activity)", "Is said of business days alone (mode=activity)")
            raise ValidationError(told, "figure")


class SumView(Schema):
    """What the ledger says, gateways report and banks show, in minor units."""

    count = _says("Lines collected less lines reversed")
    collected = _says("Lines whose payment was paid, also by money allocated to it")
    reversed = _says("What gateways took back as if it had never been")
    refunded = _says("Refunds sent, less what came back from those that failed")
    charged_back = _says("What lost disputes took")
    owed = _says("collected - reversed - refunded - charged_back")
    reported = _says("Of what was collected, what settlement files show")
    difference = _says("collected - reversed - reported")
    banked = _says("What payouts on the bank's statements brought, refunds taken off, what gateways withheld not")
    paid_out = _says("What was sent to the agency, less what came back")
    written_off = _says("What two people gave up")
    due = _says("owed - paid_out - written_off")
    retained = _says("The agency's own part of owed")
    budget = _says("The budget's part of owed")
    currency = fields.String()


class TotalView(SumView):
    """One agency, kind of fee and line of the budget table, and gateway account where they are told apart."""

    agency = fields.String()
    agency_name = fields.String()
    gateway_account = fields.String(allow_none=True)
    kind = fields.String()
    budget_line = fields.String()


class _ReportView(Schema):
    """Which days, and by which day they count."""

    date = fields.Date()
    until = fields.Date()
    mode = one_of(MODES)


class TotalsView(_ReportView):
    """Every agency's figures and the sum of all, one per currency."""

    totals = fields.List(fields.Nested(TotalView))
    sum = fields.List(fields.Nested(SumView))


class BooksView(Schema):
    """How each account of the ledger moved, debits positive; together they are 0."""

    class Meta:
        """Every account of the ledger."""

        include = {account: fields.Integer() for account in ACCOUNTS}  # noqa: RUF012 - marshmallow's own way


class AccountTotalView(Schema):
    """One gateway account: the sum of its agencies, and what is no agency's, in minor units."""

    gateway_account = fields.String()
    currency = fields.String()
    collected = _says("As of the agencies; so are the next nine")
    reversed = fields.Integer()
    refunded = fields.Integer()
    charged_back = fields.Integer()
    owed = fields.Integer()
    reported = fields.Integer()
    banked = fields.Integer()
    paid_out = fields.Integer()
    written_off = fields.Integer()
    due = fields.Integer()
    fees = _says("Fees that the gateway withheld, of payouts whose last day it is")
    fees_funded = _says("Fees that were made good to the hub's bank account")
    adjusted = _says("What else the gateway withheld; below zero for what it added")
    held = _says("Money that came and could pay nothing")
    allocated = _says("Of such money, what pays a payment after all")
    held_refunded = _says("Of such money, what was refunded, less what came back")
    held_reversed = _says("Of such money, what the gateway took back")
    held_written_off = _says("Of such money, what two people gave up")
    unapplied = _says("held less the four after it: what is nobody's")
    left_twice = _says("What left by a refund or a dispute and by a reversal")
    given_up = _says("What two people wrote off")
    banked_rest = _maybe("Of what was banked, what is no agency's; below zero by what was withheld")
    net = _maybe("What the statements show: banked + banked_rest")
    books = fields.Nested(BooksView)


class AccountTotalsView(_ReportView):
    """The figures of every gateway account."""

    totals = fields.List(fields.Nested(AccountTotalView))


class RowView(Schema):
    """One row of a figure. What is not known of such a row is null: a posting has no settlement, a payout no payment."""

    amount = _says("What it adds to the figure, in minor units")
    currency = fields.String()
    agency = fields.String(allow_none=True)
    kind = fields.String(allow_none=True)
    budget_line = fields.String(allow_none=True)
    gateway_account = fields.String()
    payment = fields.String(allow_none=True)
    payment_reference = fields.String(allow_none=True)
    payment_line = fields.Integer(allow_none=True)
    attempt_reference = fields.String(
        allow_none=True, metadata={"description": "The attempt that brought the money, as the gateway knows it"}
    )
    fact = fields.String(
        metadata={"description": "The journal: of a posting its own, of a proof the one by which its line was collected"}
    )
    business_on = fields.Date()
    cohort_on = fields.Date()
    recorded_at = fields.AwareDateTime()
    settlement = fields.String(allow_none=True)
    settlement_file = fields.String(allow_none=True)
    settlement_row = fields.Integer(allow_none=True)
    payout = fields.String(allow_none=True)
    bank_entry = fields.String(allow_none=True)
    statement_file = fields.String(allow_none=True)
    statement_row = fields.Integer(allow_none=True)


class RowsView(_ReportView):
    """A page of the rows whose sum is the figure; `next` is the cursor of the following page."""

    figure = one_of(TRACED)
    data = fields.List(fields.Nested(RowView))
    next = fields.String(allow_none=True)
