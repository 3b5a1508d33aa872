"""The REST API of statements, payouts and bank entries."""

from __future__ import annotations

from typing import Any

from flask import request

from payhub.http import accepts, api_blueprint, carries, raises, requires, returns, the_hub
from reconciliation.banking import presenting
from reconciliation.banking.errors import REFUSALS
from reconciliation.banking.schemas import (
    EntriesQuery,
    EntryPage,
    PayoutPage,
    PayoutsQuery,
    StatementPage,
    StatementQuery,
    StatementsQuery,
    TakenView,
)
from reconciliation.banking.statements import import_statement
from reconciliation.errors import FileTooLarge, MappingUnusable, StatementRefused
from reconciliation.received import MAX_BYTES

bp = api_blueprint("banking", __name__)


@bp.put("/statements/<bank_account>")
@requires("statements:write")
@carries("application/octet-stream")
@accepts(StatementQuery, place="query")
@returns(TakenView)
@raises(MappingUnusable, FileTooLarge, StatementRefused, *REFUSALS)
def put_statement(bank_account: str, data: dict[str, Any]) -> dict[str, Any]:
    """Hand in a bank's file of statements or notifications, as it came; the same file again changes nothing."""
    hub = the_hub()
    request.max_content_length = MAX_BYTES + 1
    taken = import_statement(hub, bank_account, data["kind"], data["file_name"], request.stream)
    return presenting.describe_taken(hub, taken)


@bp.get("/statements")
@requires("statements:read")
@accepts(StatementsQuery, place="query")
@returns(StatementPage)
def list_statements(data: dict[str, Any]) -> dict[str, Any]:
    """List statements and notifications, newest first."""
    return presenting.page_of_statements(the_hub(), **data)


@bp.get("/payouts")
@requires("payouts:read")
@accepts(PayoutsQuery, place="query")
@returns(PayoutPage)
def list_payouts(data: dict[str, Any]) -> dict[str, Any]:
    """List what gateways say they pay over, newest first, and whether the bank shows it."""
    return presenting.page_of_payouts(the_hub(), **data)


@bp.get("/bank-entries")
@requires("statements:read")
@accepts(EntriesQuery, place="query")
@returns(EntryPage)
def list_entries(data: dict[str, Any]) -> dict[str, Any]:
    """List movements on the hub's bank accounts, newest first; `state=open` are those that are no payout."""
    return presenting.page_of_entries(the_hub(), **data)
