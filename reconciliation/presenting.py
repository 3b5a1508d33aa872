"""How settlements and discrepancies look from outside."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any

from sqlalchemy import select

from payhub import ids
from payhub.discrepancies.models import Discrepancy
from payhub.errors import FieldProblem, InvalidInput, NotFound, Text
from payhub.hub import Hub
from payhub.payments.models import Payment
from payhub.portals.models import Portal
from reconciliation.files.lines import REASONS
from reconciliation.proofs import of_payment
from reconciliation.settlements import Imported


def describe_proofs(hub: Hub, portal: Portal, public: str) -> dict[str, Any]:
    """Return what is proven of one payment of the portal."""
    payment_id = ids.read_public_id("pay", public, hub.settings.mode)
    with hub.db.session() as session:
        payment = None if payment_id is None else session.get(Payment, payment_id)
        if payment is None or payment.portal_id != portal.id:
            raise NotFound
        found = of_payment(session, payment.id)
    reported_on = found.reported.on if found.reported else None
    return {"payment": public, "reported_on": reported_on, "banked_on": found.banked.on if found.banked else None}


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
