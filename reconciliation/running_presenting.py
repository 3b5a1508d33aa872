"""How runs look from outside."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from payhub import ids
from payhub.errors import FieldProblem, InvalidInput, NotFound, Text
from payhub.hub import Hub
from payhub.staff.models import Principal
from reconciliation.models import Run, Settlement

KIND = "run"
_ROWS = ("lines", "matched", "others")
_KEPT = ("state", "step", "starts", "error", "asked_at", "started_at", "stepped_at", "finished_at")


def read_id(hub: Hub, public: str) -> uuid.UUID:
    """Read the outside id of a run; raise `NotFound`."""
    run_id = ids.read_public_id(KIND, public, hub.settings.mode)
    if run_id is None:
        raise NotFound
    return run_id


def one(hub: Hub, public: str) -> dict[str, Any]:
    """Return one run by its outside id."""
    run_id = read_id(hub, public)
    with hub.db.session() as session:
        run = session.get(Run, run_id)
        if run is None:
            raise NotFound
        return describe(hub, session, [run])[0]


def page(
    hub: Hub,
    *,
    limit: int,
    cursor: str | None = None,
    state: str | None = None,
    account: str | None = None,
    date: date | None = None,
) -> dict[str, Any]:
    """Return a page of runs, newest first."""
    wanted = select(Run).order_by(Run.id.desc()).limit(limit + 1)
    if cursor is not None:
        after = ids.read_public_id(KIND, cursor, hub.settings.mode)
        if after is None:
            problem = Text("Con trỏ không hợp lệ", "The cursor is not one of ours")
            raise InvalidInput([FieldProblem("/cursor", "cursor_invalid", problem)])
        wanted = wanted.where(Run.id < after)
    if state is not None:
        wanted = wanted.where(Run.state == state)
    if account is not None:
        known = hub.registers.gateway_accounts.get(account)
        if known is None:
            raise InvalidInput([FieldProblem("/account", "unknown", Text("Không có tài khoản này", "There is no such account"))])
        wanted = wanted.where(Run.gateway_account_id == known.id)
    if date is not None:
        wanted = wanted.join(Settlement, Settlement.id == Run.settlement_id)
        wanted = wanted.where(Settlement.period_on <= date, Settlement.until_on >= date)
    with hub.db.session() as session:
        found = session.scalars(wanted).all()
        shown = describe(hub, session, found[:limit])
    return {"data": shown, "next": shown[-1]["id"] if len(found) > limit else None}


def describe(hub: Hub, session: Session, found: Sequence[Run]) -> list[dict[str, Any]]:
    """Return runs in outside words."""
    authors = {run.cancelled_by for run in found if run.cancelled_by is not None}
    names = {row.id: row.name for row in session.scalars(select(Principal).where(Principal.id.in_(authors)))} if authors else {}
    mode = hub.settings.mode
    return [
        {
            **{name: getattr(run, name) for name in _KEPT},
            "id": ids.public_id(KIND, run.id, mode),
            "account": hub.registers.gateway_accounts_by_id[run.gateway_account_id].code,
            "date": run.period_on,
            "settlement": ids.public_id("stl", run.settlement_id, mode),
            "cancelled_by": None if run.cancelled_by is None else names[run.cancelled_by],
            "progress": {name: run.progress.get(name) for name in _ROWS},
            "classes": run.counts,
        }
        for run in found
    ]
