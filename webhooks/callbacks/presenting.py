"""How the messages of gateways look to people: facts and codes, never the bytes."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from payhub import ids
from payhub.errors import FieldProblem, InvalidInput, NotFound, Text
from payhub.hub import Hub
from payhub.payments.models import Attempt
from webhooks.callbacks.message import Message
from webhooks.models import Callback

_KIND = "cbk"
_KEPT = (
    "verdict", "last_verdict", "outcome", "raw_code", "standing", "next_try_at", "tries", "replays", "method", "source", "times",
    "received_at", "last_received_at",
)  # fmt: skip


def read_id(hub: Hub, public: str) -> uuid.UUID:
    """Read a message's outside id; raise `NotFound` where it is none."""
    found = ids.read_public_id(_KIND, public, hub.settings.mode)
    if found is None:
        raise NotFound
    return found


def look(hub: Hub, session: Session, callback_id: uuid.UUID) -> dict[str, Any]:
    """Return one message in outside words; raise `NotFound` where there is none."""
    found = session.get(Callback, callback_id)
    if found is None:
        raise NotFound
    return describe(hub, session, [found])[0]


def page(hub: Hub, session: Session, *, limit: int, cursor: str | None = None, **wanted: str) -> dict[str, Any]:
    """Return a page of messages, newest first."""
    asked = select(Callback).order_by(Callback.id.desc()).limit(limit + 1)
    if cursor is not None:
        asked = asked.where(Callback.id < _after(hub, cursor))
    found = session.scalars(_filtered(hub, asked, wanted)).all()
    shown = describe(hub, session, found[:limit])
    return {"data": shown, "next": shown[-1]["id"] if len(found) > limit else None}


def _filtered(hub: Hub, asked: Select[Any], wanted: dict[str, str]) -> Select[Any]:
    if "account" in wanted:
        account = hub.registers.gateway_accounts.get(wanted["account"])
        asked = asked.where(Callback.gateway_account_id == (account.id if account else None))
    if "verified" in wanted:
        asked = asked.where(Callback.digest.is_not(None) if wanted["verified"] == "yes" else Callback.digest.is_(None))
    if "reference" in wanted:
        named = select(Attempt.id).where(Attempt.reference == wanted["reference"])
        asked = asked.where(or_(Callback.reference == wanted["reference"], Callback.attempt_id.in_(named)))
    for name in ("standing", "verdict"):
        if name in wanted:
            asked = asked.where(getattr(Callback, name) == wanted[name])
    return asked


def _after(hub: Hub, cursor: str) -> uuid.UUID:
    after = ids.read_public_id(_KIND, cursor, hub.settings.mode)
    if after is None:
        wrong = Text("Con trỏ không hợp lệ", "The cursor is not one of ours")
        raise InvalidInput([FieldProblem("/cursor", "cursor_invalid", wrong)])
    return after


def describe(hub: Hub, session: Session, callbacks: Sequence[Callback]) -> list[dict[str, Any]]:
    """Return messages in outside words."""
    of = select(Attempt.id, Attempt.reference, Attempt.payment_id).where(Attempt.id.in_([each.attempt_id for each in callbacks]))
    attempts = {row.id: row for row in session.execute(of)}
    accounts, mode = hub.registers.gateway_accounts_by_id, hub.settings.mode
    shown = []
    for each in callbacks:
        attempt = attempts.get(each.attempt_id) if each.attempt_id else None
        shown.append({
            **{name: getattr(each, name) for name in _KEPT},
            "id": ids.public_id(_KIND, each.id, mode),
            "gateway_account": accounts[each.gateway_account_id].code,
            "verified": each.digest is not None,
            "reference": attempt.reference if attempt else each.reference,
            "payment": ids.public_id("pay", attempt.payment_id, mode) if attempt else None,
            "body": "kept" if each.raw_key is not None else "destroyed",
        })  # fmt: skip
    return shown


def bytes_of(message: Message, public: str) -> dict[str, Any]:
    """Return a message's bytes as text, for somebody who has said why."""
    sent = message.incoming
    said = {"query": sent.query.decode(errors="backslashreplace"), "body": sent.body.decode(errors="backslashreplace")}
    return {"id": public, "method": sent.method, **said, "headers": dict(sent.headers)}
