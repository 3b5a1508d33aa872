"""The REST API of settlements, discrepancies and what is proven of a payment."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import g, request

from payhub.errors import FieldProblem, InvalidInput, Text
from payhub.fields import one_day
from payhub.http import accepts, api_blueprint, carries, language, raises, requires, returns, the_hub
from reconciliation import jobs, presenting
from reconciliation.errors import REFUSALS, MappingUnusable
from reconciliation.received import MAX_BYTES
from reconciliation.schemas import DiscrepancyPage, DiscrepancyQuery, ImportQuery, ProofsView, SettlementView
from reconciliation.settlements import import_settlement

bp = api_blueprint("reconciliation", __name__)


@bp.put("/settlements/<account>/<day>")
@requires("settlements:write")
@carries("text/csv")
@accepts(ImportQuery, place="query")
@returns(SettlementView, 202)
@raises(MappingUnusable, *REFUSALS)
def put_settlement(account: str, day: str, data: dict[str, Any]) -> dict[str, Any]:
    """Hand in a gateway's settlement file for one of its days, as it came; the same file again changes nothing."""
    hub, period_on = the_hub(), _day(day)
    # A day's file is larger than any other body; its own limit is held by the reader.
    request.max_content_length = MAX_BYTES + 1
    name = data["file_name"] or f"{account}-{period_on}.csv"
    imported = import_settlement(hub, account, period_on, name, request.stream, data.get("until"))
    jobs.send(hub, imported.run_id)
    return presenting.describe_import(hub, imported, language())


@bp.get("/payments/<payment_id>/proofs")
@requires("payments:read")
@returns(ProofsView)
def get_proofs(payment_id: str) -> dict[str, Any]:
    """Look at what is proven of one payment: that a settlement reports it, and that the bank shows the money it came in."""
    return presenting.describe_proofs(the_hub(), g.caller.portal, payment_id)


@bp.get("/discrepancies")
@requires("discrepancies:read")
@accepts(DiscrepancyQuery, place="query")
@returns(DiscrepancyPage)
def list_discrepancies(data: dict[str, Any]) -> dict[str, Any]:
    """List discrepancies, newest first."""
    return presenting.page_of_discrepancies(the_hub(), **data)


def _day(text: str) -> date:
    try:
        return one_day(text)
    except ValueError:
        problem = Text("Phải là ngày dạng YYYY-MM-DD", "Must be a date such as 2026-11-21")
        raise InvalidInput([FieldProblem("/day", "invalid", problem)]) from None
