"""How discrepancies look to those who work on them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from payhub import ids
from payhub.discrepancies import notes
from payhub.discrepancies.kinds import TABLE
from payhub.discrepancies.models import Discrepancy, DiscrepancyAct, DiscrepancyLink
from payhub.discrepancies.states import State
from payhub.errors import NotFound
from payhub.hub import Hub
from payhub.staff.models import Principal
from payhub.staff.people import Person
from reconciliation.workbench import listing, sides, suggesting
from reconciliation.workbench.about import about
from reconciliation.workbench.possible import possible

_KEPT = ("kind", "key", "state", "amount", "currency", "opened_at", "due_at", "resolved_at", "accepted")
_IDS = {"proposal": "prp", "run": "run", "settlement": "stl", "discrepancy": "dsc", "unapplied": "uap", "refund": "ref"}
"""What the history calls by its own id, and the outside otherwise."""
_MOST = 500


def read_id(hub: Hub, public: str) -> uuid.UUID:
    """Read a discrepancy's outside id; raise `NotFound` where it is none."""
    found = ids.read_public_id("dsc", public, hub.settings.mode)
    if found is None:
        raise NotFound
    return found


def page(hub: Hub, session: Session, language: str, **wanted: Any) -> dict[str, Any]:
    """Return a page of discrepancies."""
    found, more = listing.page(hub, session, **wanted)
    shown = describe(hub, session, found, language)
    return {"data": shown, "next": shown[-1]["id"] if more else None}


def summary(hub: Hub, session: Session, language: str, **wanted: Any) -> dict[str, Any]:
    """Return counts and sums per kind."""
    days = hub.settings.discrepancies.by_kind()
    rows = [
        {
            **row._asdict(), "count": row.number, "amount": int(row.amount), "title": TABLE[row.kind].title.in_language(language),
            "urgent": TABLE[row.kind].urgent, "days": days[row.kind],
        }
        for row in listing.sums(hub, session, **wanted)
    ]  # fmt: skip
    return {"data": rows, **{name: sum(row[name] for row in rows) for name in ("count", "overdue")}}


def look(
    hub: Hub, session: Session, discrepancy_id: uuid.UUID, person: Person, language: str, *, words: bool = True
) -> dict[str, Any]:
    """Return one discrepancy with all that is known of it; without `words` nothing that a person wrote."""
    found = session.get(Discrepancy, discrepancy_id, populate_existing=True)
    if found is None:
        raise NotFound
    what = about(hub, session, found)
    return {
        **describe(hub, session, [found], language)[0],
        "evidence": found.evidence,
        "ours": sides.ours(hub, session, what),
        "theirs": sides.theirs(hub, session, found, what),
        "file": sides.file_of(hub, session, what, language),
        "linked": _linked(hub, session, found),
        "suggestions": [
            {"act": act, "reason": why.in_language(language), "with_": with_}
            for act, why, with_ in suggesting.suggest(hub, session, found, what)
        ],
        "acts": possible(hub, found, what, person),
        "history": _history(hub, session, found, words=words),
    }


def describe(hub: Hub, session: Session, found: Sequence[Discrepancy], language: str) -> list[dict[str, Any]]:
    """Return discrepancies in outside words."""
    now, mode, who = hub.clock.now(), hub.settings.mode, _people(session, (row.owner_id for row in found))
    return [
        {
            **{name: getattr(row, name) for name in _KEPT},
            "id": ids.public_id("dsc", row.id, mode),
            "title": TABLE[row.kind].title.in_language(language),
            "priority": priority(row, overdue=row.due_at < now),
            "account": hub.registers.gateway_accounts_by_id[row.gateway_account_id].code if row.gateway_account_id else None,
            "payment": ids.public_id("pay", row.payment_id, mode) if row.payment_id else None,
            "date": row.on,
            "owner": who[row.owner_id] if row.owner_id else None,
            "age_days": ((row.resolved_at or now) - row.opened_at).days,
            "overdue": row.state != State.RESOLVED and row.due_at < now,
            "proposal": ids.public_id("prp", row.proposal_id, mode) if row.proposal_id else None,
        }
        for row in found
    ]


def priority(row: Discrepancy, *, overdue: bool) -> str | None:
    """Return how soon somebody should look: high for what is urgent or overdue, low where no money is at stake."""
    if row.state == State.RESOLVED:
        return None
    if overdue or TABLE[row.kind].urgent:
        return "high"
    return "normal" if row.amount else "low"


def _linked(hub: Hub, session: Session, found: Discrepancy) -> list[dict[str, Any]]:
    links = select(DiscrepancyLink).where(or_(DiscrepancyLink.low_id == found.id, DiscrepancyLink.high_id == found.id))
    others = {link.low_id if link.high_id == found.id else link.high_id for link in session.scalars(links.limit(_MOST))}
    rows = session.scalars(select(Discrepancy).where(Discrepancy.id.in_(others)).order_by(Discrepancy.id))
    kept = ("kind", "state", "amount", "currency")
    return [{**{name: getattr(row, name) for name in kept}, "id": ids.public_id("dsc", row.id, hub.settings.mode)} for row in rows]


def _history(hub: Hub, session: Session, found: Discrepancy, *, words: bool) -> list[dict[str, Any]]:
    newest = select(DiscrepancyAct).where(DiscrepancyAct.discrepancy_id == found.id).order_by(DiscrepancyAct.seq.desc())
    acts = session.scalars(newest.limit(_MOST)).all()[::-1]
    named = [_id_of(act.actor) for act in acts] + [_id_of(act.data.get("owner")) for act in acts]
    who, said = _people(session, named), notes.read(session, hub.keyring, found.id) if words else {}
    return [
        {"act": act.act, "by": _by(hub, act.actor, who), "at": act.at, "data": _data(hub, act.data, who), "note": said.get(act.id)}
        for act in acts
    ]


def _by(hub: Hub, actor: str, who: Mapping[uuid.UUID, Principal]) -> Any:
    """Return who acted: a person, a run of a file, or the hub itself."""
    known = who.get(_id_of(actor) or uuid.UUID(int=0))
    if known is not None:
        return known
    sort, _, name = actor.partition(" ")
    run_id = _id_of(name) if sort == "run" else None
    return {"kind": "system", "name": ids.public_id("run", run_id, hub.settings.mode) if run_id else actor}


def _data(hub: Hub, data: Mapping[str, Any], who: Mapping[uuid.UUID, Principal]) -> dict[str, Any]:
    shown = dict(data)
    for name, kind in _IDS.items():
        if (known := _id_of(data.get(name))) is not None:
            shown[name] = ids.public_id(kind, known, hub.settings.mode)
    for name in ("owner", "proposed_by"):
        if (person := who.get(_id_of(data.get(name)) or uuid.UUID(int=0))) is not None:
            shown[name] = person.name
    return shown


def _id_of(text: Any) -> uuid.UUID | None:
    try:
        return uuid.UUID(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _people(session: Session, named: Iterable[uuid.UUID | None]) -> dict[uuid.UUID, Principal]:
    wanted = {each for each in named if each is not None}
    return {each.id: each for each in session.scalars(select(Principal).where(Principal.id.in_(wanted)))} if wanted else {}
