"""Verified messages that could not be done with when they came, tried again on a widening ladder.

The order was not written yet, or is lost since a restore; something of ours failed; a strange address said it and the gateway was
asked. When the ladder ends nobody forgets them: they stand before a person.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateways.base import Verdict
from gateways.errors import Forged, GatewayError
from payhub import log
from payhub.hub import Hub
from webhooks.callbacks import counting
from webhooks.callbacks.errors import CallbackDestroyed, CallbackUnreadable
from webhooks.callbacks.judging import judge, miss
from webhooks.callbacks.message import opened, read
from webhooks.models import Callback, Standing

_log = log.get(__name__)


def due(session: Session, now: datetime, limit: int = 100) -> list[uuid.UUID]:
    """Return messages whose next try is due, oldest first."""
    wanted = select(Callback.id).where(Callback.next_try_at <= now).order_by(Callback.next_try_at).limit(limit)
    return list(session.scalars(wanted))


def retry(hub: Hub, callback_id: uuid.UUID) -> None:
    """Let one message that waits be heard again; safe to run twice, and by two at once."""
    with hub.db.session() as session:
        row = session.get(Callback, callback_id)
    if row is None or row.next_try_at is None or row.next_try_at > hub.clock.now():
        return
    try:
        standing = _heard(hub, row)
    except (GatewayError, CallbackDestroyed, CallbackUnreadable) as error:
        # It will never be read again by trying: the secret it was signed with is retired, or its bytes are gone.
        standing = _give_up(hub, row, error)
    except Exception as error:  # noqa: BLE001 - a fault of ours takes one step of the ladder and leaves the others their turn
        _log.error("callback.try_failed", callback=str(row.id), kind=type(error).__name__)
        standing = _failed(hub, row)
    counting.tried_again(standing)
    _log.info("callback.tried_again", callback=str(row.id), standing=standing)


def _heard(hub: Hub, row: Callback) -> str:
    message = opened(hub, row)
    notice, now = read(hub, message), hub.clock.now()
    with hub.db.session() as session:
        judged = judge(hub, session, message, notice, asks=False)
        locked = _still(session, row)
        if locked is None:
            return Standing.SETTLED
        if judged.attempt_id is None:
            miss(session, message, notice, now, again=True)
        locked.outcome, locked.raw_code = notice.outcome.value, notice.raw_code
        judged.onto(locked, now)
        if judged.standing == Standing.WAITING:
            _next(hub, locked, now)
        return locked.standing


def _still(session: Session, row: Callback) -> Callback | None:
    """Return the row, locked, if nobody else has tried it since it was read."""
    waits = (Callback.id == row.id, Callback.standing == Standing.WAITING, Callback.tries == row.tries)
    locked = select(Callback).where(*waits).with_for_update(key_share=True)
    return session.scalar(locked.execution_options(populate_existing=True))


def _next(hub: Hub, row: Callback, now: datetime) -> None:
    """Set when it is tried next; after the last step it stands before a person."""
    row.tries += 1
    ladder = hub.settings.callbacks.ladder_s
    if row.tries < len(ladder):
        row.next_try_at = now + timedelta(seconds=ladder[row.tries] - ladder[row.tries - 1])
        return
    row.standing, row.next_try_at = Standing.PERSON, None
    _log.warning("callback.before_a_person", callback=str(row.id), verdict=row.last_verdict)


def _give_up(hub: Hub, row: Callback, error: Exception) -> str:
    with hub.db.session() as session:
        locked = _still(session, row)
        if locked is not None:
            locked.standing, locked.next_try_at = Standing.PERSON, None
            if isinstance(error, GatewayError):
                locked.last_verdict = (Verdict.FORGED if isinstance(error, Forged) else Verdict.MALFORMED).value
    _log.warning("callback.before_a_person", callback=str(row.id), kind=type(error).__name__)
    return Standing.PERSON


def _failed(hub: Hub, row: Callback) -> str:
    with hub.db.session() as session:
        locked = _still(session, row)
        if locked is None:
            return Standing.SETTLED
        locked.last_verdict = Verdict.OUR_FAULT.value
        _next(hub, locked, hub.clock.now())
        return locked.standing
