"""The REST API of reports: totals of agencies and of gateway accounts, and the rows of every figure."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Response, request

from payhub.errors import FieldProblem, InvalidInput, Text
from payhub.http import accepts, also_as, api_blueprint, language, raises, requires, returns, the_hub
from payhub.ledger.rollups import LedgerMoved
from reconciliation import totals
from reconciliation.reports import accounts, presenting
from reconciliation.reports.presenting import Days
from reconciliation.reports.schemas import (
    AccountTotalsQuery,
    AccountTotalsView,
    AgencyTotalsQuery,
    RowsQuery,
    RowsView,
    TotalsView,
)
from reconciliation.reports.tracing import Asked

bp = api_blueprint("reports", __name__)


@bp.get("/reports/agency-totals")
@requires("reports:read")
@accepts(AgencyTotalsQuery, place="query")
@returns(TotalsView)
@also_as("text/csv")
@raises(LedgerMoved)
def agency_totals(data: dict[str, Any]) -> dict[str, Any] | Response:
    """Return totals per agency, kind of fee and budget line (JSON), or per agency and kind (CSV)."""
    days, account = _days(data), _account(data.get("gateway_account"))
    by_account = data["by"] == "gateway"
    with the_hub().db.session() as session:
        found = totals.agency_totals(
            session, days.first_on, account, until=days.last_on, mode=days.mode, by_account=by_account
        )
    if _wants_csv(data.get("format")):
        return _csv("agency-totals", days, totals.as_csv(str(days), found, language()))
    return presenting.describe_totals(days, found, language())


@bp.get("/reports/gateway-totals")
@requires("reports:read")
@accepts(AccountTotalsQuery, place="query")
@returns(AccountTotalsView)
@also_as("text/csv")
@raises(LedgerMoved)
def gateway_totals(data: dict[str, Any]) -> dict[str, Any] | Response:
    """Return totals per gateway account, what was withheld and what is nobody's among them."""
    days, account = _days(data), _account(data.get("gateway_account"))
    with the_hub().db.session() as session:
        found = accounts.account_totals(session, days.first_on, account, until=days.last_on, mode=days.mode)
    if _wants_csv(data.get("format")):
        return _csv("gateway-totals", days, accounts.as_csv(str(days), found))
    return presenting.describe_accounts(days, found)


@bp.get("/reports/rows")
@requires("reports:read")
@accepts(RowsQuery, place="query")
@returns(RowsView)
@raises(LedgerMoved)
def figure_rows(data: dict[str, Any]) -> dict[str, Any]:
    """Return the rows that a figure of a report is the sum of, page by page."""
    days, account = _days(data), _account(data.get("gateway_account"))
    whose = {name: data.get(name) for name in ("agency", "kind", "budget_line")}
    asked = Asked(data["figure"], days.mode, days.first_on, days.last_on, account, **whose)
    return presenting.page_of_rows(the_hub(), asked, limit=data["limit"], cursor=data.get("cursor"))


def _days(data: dict[str, Any]) -> Days:
    return Days(data["date"], data.get("until") or data["date"], data["mode"])


def _csv(name: str, days: Days, body: str) -> Response:
    # Figures of the two modes do not look alike in a folder either.
    file = f"{name}-{days}.csv" if days.mode == "activity" else f"{name}-{days.mode}-{days}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{file}"', "Vary": "Accept, Accept-Language"}
    return Response(body, 200, headers, content_type="text/csv; charset=utf-8")


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
