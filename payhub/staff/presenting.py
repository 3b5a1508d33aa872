"""How proposals look from outside."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from payhub import ids
from payhub.errors import FieldProblem, InvalidInput, NotFound, Text
from payhub.hub import Hub
from payhub.staff.models import Principal, Proposal
from payhub.staff.words import reason_of, words_of

_KEPT = ("kind", "target", "content", "state", "proposed_at", "decided_at", "executed_at", "voided_at")


def read_id(hub: Hub, public: str) -> uuid.UUID:
    """Read a proposal's outside id; raise `NotFound` where it is none."""
    found = ids.read_public_id("prp", public, hub.settings.mode)
    if found is None:
        raise NotFound
    return found


def look(hub: Hub, session: Session, public: str) -> dict[str, Any]:
    """Return one proposal in outside words."""
    found = session.get(Proposal, read_id(hub, public))
    if found is None:
        raise NotFound
    return describe(hub, session, [found])[0]


def page(hub: Hub, session: Session, *, limit: int, cursor: str | None = None, state: str | None = None) -> dict[str, Any]:
    """Return a page of proposals, newest first."""
    wanted = select(Proposal).order_by(Proposal.id.desc()).limit(limit + 1)
    if cursor is not None:
        after = ids.read_public_id("prp", cursor, hub.settings.mode)
        if after is None:
            wrong = Text("Con trỏ không hợp lệ", "The cursor is not one of ours")
            raise InvalidInput([FieldProblem("/cursor", "cursor_invalid", wrong)])
        wanted = wanted.where(Proposal.id < after)
    if state is not None:
        wanted = wanted.where(Proposal.state == state)
    found = session.scalars(wanted).all()
    shown = describe(hub, session, found[:limit])
    return {"data": shown, "next": shown[-1]["id"] if len(found) > limit else None}


def describe(hub: Hub, session: Session, proposals: Sequence[Proposal]) -> list[dict[str, Any]]:
    """Return proposals in outside words."""
    named = {by for proposal in proposals for by in (proposal.proposed_by, proposal.decided_by) if by is not None}
    who = {principal.id: principal for principal in session.scalars(select(Principal).where(Principal.id.in_(named)))}
    return [
        {
            **{name: getattr(proposal, name) for name in _KEPT},
            "id": ids.public_id("prp", proposal.id, hub.settings.mode),
            "content_hash": proposal.content_hash.hex(),
            "words": words_of(hub.keyring, proposal),
            "reason": reason_of(hub.keyring, proposal),
            "proposed_by": who[proposal.proposed_by],
            "decided_by": who[proposal.decided_by] if proposal.decided_by else None,
        }
        for proposal in proposals
    ]
