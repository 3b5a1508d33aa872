"""How files of registers look from outside: what they would change, what they change, what is announced."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from payhub import ids
from payhub.errors import FieldProblem, InvalidInput, NotFound, Text
from payhub.hub import Hub
from payhub.imports import announcing, service
from payhub.imports.models import RegisterImport
from payhub.imports.service import Checked
from payhub.staff.models import Principal, Proposal

KIND = "imp"
_WRONG_CURSOR = Text("Con trỏ không hợp lệ", "The cursor is not one of ours")


def rehearsed(checked: Checked, limit: int, after: int) -> dict[str, Any]:
    """Return what a file would change, one page of it."""
    page = checked.plan.changes[after : after + limit]
    over = after + len(page)
    return {
        "register": checked.plan.register.name,
        "file_sha256": checked.file_hash,
        "rows": checked.plan.lines,
        "counts": checked.plan.counts,
        "earliest_on": checked.earliest_on,
        "changes": [
            {"number": number, **change.entry(checked.plan.register)} for number, change in enumerate(page, start=after + 1)
        ],
        "next": str(over) if over < len(checked.plan.changes) else None,
    }


def imported(hub: Hub, session: Session, made: RegisterImport, limit: int = 50, after: int = 0) -> dict[str, Any]:
    """Return an import, who made it and what became of it, and one page of its changes."""
    return {**describe(hub, session, [made])[0], **changes(session, made, limit, after)}


def describe(hub: Hub, session: Session, imports: Sequence[RegisterImport]) -> list[dict[str, Any]]:
    """Return imports without their changes."""
    wanted = [made.proposal_id for made in imports]
    found = session.execute(
        select(Proposal, Principal).join(Principal, Principal.id == Proposal.proposed_by).where(Proposal.id.in_(wanted))
    )
    proposals = {proposal.id: (proposal, by) for proposal, by in found}
    return [_described(hub, made, *proposals[made.proposal_id]) for made in imports]


def _described(hub: Hub, made: RegisterImport, proposal: Proposal, by: Principal) -> dict[str, Any]:
    mode = hub.settings.mode
    return {
        "id": ids.public_id(KIND, made.id, mode),
        "register": made.register,
        "state": proposal.state,
        "proposal": ids.public_id("prp", proposal.id, mode),
        "proposed_by": by,
        "proposed_at": proposal.proposed_at,
        "executed_at": proposal.executed_at,
        "file_name": made.file_name,
        "file_sha256": made.digest.hex(),
        "rows": made.lines,
        "counts": proposal.content["counts"],
    }


def changes(session: Session, made: RegisterImport, limit: int, after: int) -> dict[str, Any]:
    """Return one page of the changes of an import."""
    found = service.changes(session, made, after, limit + 1)
    page = found[:limit]
    return {"changes": page, "next": str(page[-1]["number"]) if len(found) > limit else None}


def page(hub: Hub, session: Session, limit: int, cursor: str | None, register: str | None) -> dict[str, Any]:
    """Return a page of imports, newest first."""
    found = service.newest(session, limit + 1, _id_or_none(hub, KIND, cursor), register)
    shown = describe(hub, session, found[:limit])
    return {"data": shown, "next": shown[-1]["id"] if len(found) > limit else None}


def read_id(hub: Hub, public: str) -> uuid.UUID:
    """Read the outside id of an import, or of its proposal; raise `NotFound`."""
    for kind in (KIND, "prp"):
        found = ids.read_public_id(kind, public, hub.settings.mode)
        if found is not None:
            return found
    raise NotFound


def announcements(hub: Hub, session: Session, limit: int, cursor: str | None = None, agency: str | None = None) -> dict[str, Any]:
    """Return a page of announcements, newest first."""
    found = announcing.newest(session, limit + 1, agency, _id_or_none(hub, "ann", cursor))
    shown = [
        {
            "id": ids.public_id("ann", made.id, hub.settings.mode),
            "agency": code,
            "kind": made.kind,
            "text_vi": made.text_vi,
            "text_en": made.text_en,
            "effective_on": made.effective_on,
            "created_at": made.created_at,
        }
        for made, code in found[:limit]
    ]
    return {"data": shown, "next": shown[-1]["id"] if len(found) > limit else None}


def number_of(cursor: str | None) -> int:
    """Return the number that a cursor within one file stands for."""
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 9):
        raise InvalidInput([FieldProblem("/cursor", "cursor_invalid", _WRONG_CURSOR)])
    return int(cursor)


def _id_or_none(hub: Hub, kind: str, cursor: str | None) -> uuid.UUID | None:
    if cursor is None:
        return None
    found = ids.read_public_id(kind, cursor, hub.settings.mode)
    if found is None:
        raise InvalidInput([FieldProblem("/cursor", "cursor_invalid", _WRONG_CURSOR)])
    return found
