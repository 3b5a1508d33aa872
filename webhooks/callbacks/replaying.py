"""A person lets a kept message be heard again, or looks at its bytes; the audit has who, and why.

Nothing is believed that would not be believed from the gateway itself: the bytes are verified with the secrets that are live
now, the address is held against the list in force now, and what was applied before is a repeat.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateways.base import Notice, Verdict
from gateways.errors import Forged, GatewayError
from payhub import log
from payhub.errors import NotFound
from payhub.hub import Hub
from payhub.staff import audit
from webhooks.callbacks.judging import first_try, judge, miss
from webhooks.callbacks.message import Message, opened, read
from webhooks.models import Callback

REPLAY_REASONS = ("order_restored", "secret_corrected", "networks_corrected", "fault_mended", "gateway_asks", "other")
REVEAL_REASONS = ("gateway_asks", "dispute", "fault", "authority_asks", "audit")
REPLAYED = "callback.replayed"
_log = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay came to."""

    row: Callback
    verifies: bool
    """Whether the secrets that are live now still prove it."""
    said: str
    """The verdict on it now."""


def replay(hub: Hub, session: Session, callback_id: uuid.UUID, actor: uuid.UUID, reason: str) -> Replayed:
    """Let a kept message be heard again, as if it came now; doing it twice does nothing more."""
    row, now = _find(session, callback_id), hub.clock.now()
    message = opened(hub, row)
    try:
        notice = read(hub, message)
    except GatewayError as error:
        done = Replayed(_locked(session, row), verifies=False, said=_refusal(error))
    else:
        done = _heard(hub, session, row, message, notice, now)
    done.row.last_verdict = done.said if done.row.digest is not None else done.row.last_verdict
    asked = done.row if done.row.id == row.id else _locked(session, row)
    asked.replays += 1
    session.flush()
    about: dict[str, Any] = {"reason": reason, "verifies": done.verifies, "verdict": done.said}
    if done.row.id != row.id:
        about["same_as"] = str(done.row.id)
    audit.append(session, actor=actor, act=REPLAYED, target=f"callback/{row.id}", at=now, data=about)
    _log.info(REPLAYED, callback=str(row.id), actor=str(actor), **about)
    return done


def _heard(hub: Hub, session: Session, row: Callback, message: Message, notice: Notice, now: datetime) -> Replayed:
    judged = judge(hub, session, message, notice)
    if judged.attempt_id is None:
        miss(session, message, notice, now, again=True)
    kept = _verified(session, row, message)
    kept.outcome, kept.raw_code, kept.reference = notice.outcome.value, notice.raw_code, notice.reference
    judged.onto(kept, first_try(hub, now))
    return Replayed(kept, verifies=True, said=judged.said)


def _verified(session: Session, row: Callback, message: Message) -> Callback:
    """Return the locked row that stands for these bytes: one kept as unverified becomes it, unless they came again since."""
    same = select(Callback.id).where(Callback.gateway_account_id == message.account.id, Callback.digest == message.digest)
    known = session.scalar(same)
    if known is not None and known != row.id:
        return _locked(session, session.get_one(Callback, known))
    kept = _locked(session, row)
    kept.digest = message.digest
    return kept


def reveal(hub: Hub, session: Session, callback_id: uuid.UUID, actor: uuid.UUID, reason: str) -> Message:
    """Return a message as it came, and write down who looked and why."""
    row = _find(session, callback_id)
    message = opened(hub, row)
    target = f"callback/{row.id}"
    audit.append(session, actor=actor, act="callback.revealed", target=target, at=hub.clock.now(), data={"reason": reason})
    _log.info("callback.revealed", callback=str(row.id), actor=str(actor), reason=reason)
    return message


def _refusal(error: GatewayError) -> str:
    return (Verdict.FORGED if isinstance(error, Forged) else Verdict.MALFORMED).value


def _find(session: Session, callback_id: uuid.UUID) -> Callback:
    row = session.get(Callback, callback_id)
    if row is None:
        raise NotFound
    return row


def _locked(session: Session, row: Callback) -> Callback:
    wanted = select(Callback).where(Callback.id == row.id).with_for_update(key_share=True)
    return session.scalars(wanted.execution_options(populate_existing=True)).one()
