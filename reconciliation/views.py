"""The REST API of settlements, runs, discrepancies and totals."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any

from flask import Response, request

from payhub.errors import FieldProblem, InvalidInput, Text
from payhub.fields import one_day
from payhub.http import accepts, also_as, api_blueprint, carries, language, raises, requires, returns, the_hub
from reconciliation import jobs, presenting, totals
from reconciliation.errors import REFUSALS, MappingUnusable
from reconciliation.received import MAX_BYTES
from reconciliation.schemas import DiscrepancyPage, DiscrepancyQuery, ImportQuery, RunView, SettlementView, TotalsQuery, TotalsView
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


@bp.get("/runs/<run_id>")
@requires("runs:read")
@returns(RunView)
def get_run(run_id: str) -> dict[str, Any]:
    """Look at one run: its state, and every line of both sides by class."""
    return presenting.describe_run(the_hub(), run_id)


@bp.get("/discrepancies")
@requires("discrepancies:read")
@accepts(DiscrepancyQuery, place="query")
@returns(DiscrepancyPage)
def list_discrepancies(data: dict[str, Any]) -> dict[str, Any]:
    """List discrepancies, newest first."""
    return presenting.page_of_discrepancies(the_hub(), **data)


@bp.get("/reports/agency-totals")
@requires("reports:read")
@accepts(TotalsQuery, place="query")
@returns(TotalsView)
@also_as("text/csv")
def agency_totals(data: dict[str, Any]) -> dict[str, Any] | Response:
    """Return one business day per agency, kind of fee and budget line (JSON), or per agency and kind (CSV)."""
    day, account = data["date"], _account(data.get("gateway_account"))
    with the_hub().db.session() as session:
        found = totals.agency_totals(session, day, account)
    if _wants_csv(data.get("format")):
        name = f"agency-totals-{day}.csv"
        headers = {"Content-Disposition": f'attachment; filename="{name}"', "Vary": "Accept, Accept-Language"}
        return Response(totals.as_csv(day, found, language()), 200, headers, content_type="text/csv; charset=utf-8")
    return presenting.describe_totals(day, found, language())


def _wants_csv(asked: str | None) -> bool:
    return asked == "csv" or (asked is None and request.accept_mimetypes.best_match(["application/json", "text/csv"]) == "text/csv")


def _account(code: str | None) -> uuid.UUID | None:
    if code is None:
        return None
    account = the_hub().registers.gateway_accounts.get(code)
    if account is None:
        problem = Text("Không có tài khoản cổng thanh toán này", "There is no such gateway account")
        raise InvalidInput([FieldProblem("/gateway_account", "unknown", problem)])
    return account.id


def _day(text: str) -> date:
    try:
        return one_day(text)
    except ValueError:
        problem = Text("Phải là ngày dạng YYYY-MM-DD", "Must be a date such as 2026-11-21")
        raise InvalidInput([FieldProblem("/day", "invalid", problem)]) from None
