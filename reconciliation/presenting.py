"""How settlements, runs, discrepancies and totals look from outside."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

from sqlalchemy import select

from payhub import ids
from payhub.discrepancies.models import Discrepancy
from payhub.errors import FieldProblem, InvalidInput, NotFound, Text
from payhub.hub import Hub
from reconciliation import totals
from reconciliation.files.lines import REASONS
from reconciliation.models import Run
from reconciliation.settlements import Imported
from reconciliation.totals import Total


def _public(hub: Hub, kind: str, value: uuid.UUID | None) -> str | None:
    return None if value is None else ids.public_id(kind, value, hub.settings.mode)


def _account(hub: Hub, account_id: uuid.UUID | None) -> str | None:
    return None if account_id is None else hub.registers.gateway_accounts_by_id[account_id].code


def describe_import(hub: Hub, imported: Imported, language: str) -> dict[str, Any]:
    """Return a settlement and the run over it."""
    row = imported.settlement
    kept = ("file_name", "mapping", "currency", "declared_count", "declared_sum", "received_at")
    return {
        **{name: getattr(row, name) for name in kept},
        "id": _public(hub, "stl", row.id),
        "account": _account(hub, row.gateway_account_id),
        "date": row.period_on,
        "until": row.until_on,
        "sha256": row.digest.hex(),
        "lines": row.line_count,
        "sum": row.line_sum,
        "rejected": row.reject_count,
        "rejects": [
            {
                "row": reject.number,
                "field": reject.field,
                "reason": reject.reason,
                "detail": REASONS[reject.reason].in_language(language),
            }
            for reject in imported.rejects
        ],
        "superseded_by": _public(hub, "stl", row.superseded_by_id),
        "already": imported.already,
        "run": _public(hub, "run", imported.run_id),
    }


def describe_run(hub: Hub, public: str) -> dict[str, Any]:
    """Return one run by its outside id."""
    run_id = ids.read_public_id("run", public, hub.settings.mode)
    with hub.db.session() as session:
        run = None if run_id is None else session.get(Run, run_id)
    if run is None:
        raise NotFound
    return {
        **{name: getattr(run, name) for name in ("state", "error", "asked_at", "started_at", "finished_at")},
        "id": public,
        "account": _account(hub, run.gateway_account_id),
        "date": run.period_on,
        "settlement": _public(hub, "stl", run.settlement_id),
        "classes": run.counts,
    }


def page_of_discrepancies(
    hub: Hub, *, limit: int, cursor: str | None = None, state: str | None = None, kind: str | None = None, date: date | None = None
) -> dict[str, Any]:
    """Return a page of discrepancies, newest first."""
    wanted = select(Discrepancy).order_by(Discrepancy.id.desc()).limit(limit + 1)
    if cursor is not None:
        after = ids.read_public_id("dsc", cursor, hub.settings.mode)
        if after is None:
            raise InvalidInput(
                [FieldProblem("/cursor", "cursor_invalid", Text("Con trỏ không hợp lệ", "The cursor is not one of ours"))]
            )
        wanted = wanted.where(Discrepancy.id < after)
    for column, value in ((Discrepancy.state, state), (Discrepancy.kind, kind), (Discrepancy.on, date)):
        if value is not None:
            wanted = wanted.where(column == value)
    with hub.db.session() as session:
        found = session.scalars(wanted).all()
    shown = found[:limit]
    more = _public(hub, "dsc", shown[-1].id) if len(found) > limit else None
    return {"data": [_discrepancy(hub, row) for row in shown], "next": more}


def _discrepancy(hub: Hub, row: Discrepancy) -> dict[str, Any]:
    kept = ("kind", "key", "state", "amount", "currency", "evidence", "opened_at", "resolved_at")
    return {
        **{name: getattr(row, name) for name in kept},
        "id": _public(hub, "dsc", row.id),
        "account": _account(hub, row.gateway_account_id),
        "payment": _public(hub, "pay", row.payment_id),
        "date": row.on,
    }


def describe_totals(business_on: date, found: Sequence[Total], language: str) -> dict[str, Any]:
    """Return a day's totals with names in the caller's language."""
    named = [
        {**asdict(total), "agency_name": total.agency_name_en if language == "en" else total.agency_name_vi} for total in found
    ]
    return {"date": business_on, "totals": named, "sum": [asdict(total) for total in totals.grand(found)]}
