"""How files that came by themselves, and their sources, look from outside."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from payhub import ids
from payhub.accounts.sources import WAYS, FileSource
from payhub.clock import local_date
from payhub.errors import FieldProblem, InvalidInput, NotFound, Text
from payhub.hub import Hub
from payhub.staff.models import Principal
from reconciliation.receiving.models import FileSourceContact, ReceivedFile
from reconciliation.receiving.places import place_of, places, sources

KIND = "fil"
_KEPT = ("files", "way", "file_name", "size", "state", "step", "starts", "error", "received_at", "started_at", "finished_at")
_CONTACT = ("tried_at", "reached_at", "next_at", "error")


def read_id(hub: Hub, public: str) -> uuid.UUID:
    """Read the outside id of a file; raise `NotFound`."""
    file_id = ids.read_public_id(KIND, public, hub.settings.mode)
    if file_id is None:
        raise NotFound
    return file_id


def one(hub: Hub, public: str, language: str) -> dict[str, Any]:
    """Return one file by its outside id."""
    file_id = read_id(hub, public)
    with hub.db.session() as session:
        row = session.get(ReceivedFile, file_id)
        if row is None:
            raise NotFound
        return describe(hub, session, [row], language)[0]


def page(
    hub: Hub, language: str, *, limit: int, cursor: str | None = None, state: str | None = None, account: str | None = None
) -> dict[str, Any]:
    """Return a page of files, newest first."""
    wanted = select(ReceivedFile).order_by(ReceivedFile.id.desc()).limit(limit + 1)
    if cursor is not None:
        after = ids.read_public_id(KIND, cursor, hub.settings.mode)
        if after is None:
            problem = Text("Con trỏ không hợp lệ", "The cursor is not one of ours")
            raise InvalidInput([FieldProblem("/cursor", "cursor_invalid", problem)])
        wanted = wanted.where(ReceivedFile.id < after)
    if state is not None:
        wanted = wanted.where(ReceivedFile.state == state)
    if account is not None:
        of = func.coalesce(ReceivedFile.gateway_account_id, ReceivedFile.bank_account_id)
        known = [place.id for place in places(hub) if place.code == account]
        if not known:
            raise InvalidInput([FieldProblem("/account", "unknown", Text("Không có tài khoản này", "There is no such account"))])
        wanted = wanted.where(of.in_(known))
    with hub.db.session() as session:
        found = session.scalars(wanted).all()
        shown = describe(hub, session, found[:limit], language)
    return {"data": shown, "next": shown[-1]["id"] if len(found) > limit else None}


def describe(hub: Hub, session: Session, found: Sequence[ReceivedFile], language: str) -> list[dict[str, Any]]:
    """Return files in outside words."""
    people = {row.ended_by for row in found if row.ended_by is not None}
    names = {row.id: row.name for row in session.scalars(select(Principal).where(Principal.id.in_(people)))} if people else {}
    named = {row.file_source_id for row in found if row.file_source_id is not None}
    codes = {row.id: row.code for row in session.scalars(select(FileSource).where(FileSource.id.in_(named)))} if named else {}
    return [
        {
            **{name: getattr(row, name) for name in _KEPT},
            "id": public(hub, row.id),
            "account": place_of(hub, row.gateway_account_id, row.bank_account_id).code,
            "source": None if row.file_source_id is None else codes[row.file_source_id],
            "date": row.from_on,
            "until": row.until_on,
            "sha256": row.digest and row.digest.hex(),
            "detail": row.error_vi if language == "vi" else row.error_en,
            "settlement": _public(hub, "stl", row.settlement_id),
            "statement": _public(hub, "bst", row.statement_id),
            "decided_by": None if row.ended_by is None else names[row.ended_by],
        }
        for row in found
    ]


def every_source(hub: Hub, way: str | None = None) -> dict[str, Any]:
    """Return every source of today, or those of one way, with how it stands."""
    today = local_date(hub.clock.now())
    with hub.db.session() as session:
        contacts = {row.file_source_id: row for row in session.scalars(select(FileSourceContact))}
        found = [source for each in WAYS if way in {None, each} for source in sources(hub, session, today, each)]
    return {
        "data": [
            {
                **{name: getattr(source.row, name) for name in ("code", "files", "way", "names")},
                **{name: getattr(contacts.get(source.id), name, None) for name in _CONTACT},
                "account": source.place.code,
                "failures": getattr(contacts.get(source.id), "failures", 0),
            }
            for source in sorted(found, key=lambda each: each.row.code)
        ]
    }


def public(hub: Hub, file_id: uuid.UUID) -> str:
    """Return the outside id of a file."""
    return ids.public_id(KIND, file_id, hub.settings.mode)


def _public(hub: Hub, kind: str, value: uuid.UUID | None) -> str | None:
    return None if value is None else ids.public_id(kind, value, hub.settings.mode)
