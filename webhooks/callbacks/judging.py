"""What a verified message does, whoever lets it speak: the gateway, the job that tries it again, or a person."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateways.base import Notice, Outcome, Queryable, Verdict
from payhub import log
from payhub.clock import local_date
from payhub.discrepancies.models import Discrepancy
from payhub.discrepancies.service import open_ as open_discrepancy
from payhub.discrepancies.service import resolve
from payhub.hub import Hub
from payhub.payments.models import Attempt
from payhub.payments.outcomes import find, under_lock
from payhub.payments.states import UNDECIDED, AttemptState
from webhooks.callbacks.message import Message, from_listed
from webhooks.models import STRANGE_SOURCE, Callback, Standing

_MISSING = "missing_at_hub"
_MONEY = frozenset({AttemptState.SUCCEEDED, AttemptState.CONFLICTED, AttemptState.REVERSED})
_log = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of a message, and what its row then says."""

    answer: Verdict
    said: str
    """The verdict as it is kept and counted."""
    standing: Standing
    attempt_id: uuid.UUID | None

    def onto(self, row: Callback, next_try_at: datetime) -> None:
        """Write it into the row of a message that was kept before. What was done stays done; a person's waits for nothing again."""
        row.last_verdict = self.said
        if row.standing == Standing.SETTLED and row.attempt_id is not None:
            return
        row.attempt_id = self.attempt_id or row.attempt_id
        if self.standing != Standing.WAITING:
            row.standing, row.next_try_at = self.standing, None
        elif row.standing == Standing.SETTLED:
            row.standing, row.next_try_at = self.standing, next_try_at


def first_try(hub: Hub, now: datetime) -> datetime:
    """Return when a message that waits is tried first."""
    return now + timedelta(seconds=hub.settings.callbacks.ladder_s[0])


def judge(hub: Hub, session: Session, message: Message, notice: Notice, *, asks: bool = True) -> Judged:
    """Do what a message says as far as it may, with everything it touches locked; what it finds no order for waits.

    `asks`: whether a message from a strange address makes the hub ask its gateway; once is enough.
    """
    found = find(session, message.account, notice.reference)
    if found is None:
        verdict = Verdict.UNKNOWN_REFERENCE
        return Judged(verdict, verdict.value, Standing.WAITING, None)
    payment, attempt = found
    if from_listed(hub, message):
        verdict = under_lock(hub, session, message.account, notice, payment, attempt)
        judged = Judged(verdict, verdict.value, Standing.SETTLED, attempt.id)
    else:
        judged = _only_heard(hub, message, notice, attempt, asks=asks)
    if notice.outcome == Outcome.SUCCEEDED and judged.standing == Standing.SETTLED:
        _found_again(session, message, notice, attempt, hub.clock.now())
    return judged


def _only_heard(hub: Hub, message: Message, notice: Notice, attempt: Attempt, *, asks: bool) -> Judged:
    """Move nothing at the word of a strange address, however well it is signed: ask the gateway instead, and compare."""
    standing, now = _compared(notice, attempt), hub.clock.now()
    if standing == Standing.SETTLED:
        return Judged(Verdict.REPEATED, Verdict.REPEATED.value, standing, attempt.id)
    askable = isinstance(hub.gateways[message.account.gateway], Queryable) and attempt.state in UNDECIDED
    if asks and askable and (attempt.next_check_at is None or attempt.next_check_at > now):
        attempt.next_check_at = now
    _log.warning("callback.strange_source", gateway=message.account.code, source=message.source, standing=standing)
    return Judged(Verdict.OUR_FAULT, STRANGE_SOURCE, standing, attempt.id)


def _compared(notice: Notice, attempt: Attempt) -> Standing:
    """Tell whether what is known by now says the same: settled where it does, a person's where it never will."""
    state = AttemptState(attempt.state)
    match notice.outcome:
        case Outcome.SUCCEEDED if state in _MONEY:
            return Standing.SETTLED if notice.amount == attempt.confirmed else Standing.PERSON
        case Outcome.REVERSED if state == AttemptState.REVERSED:
            return Standing.SETTLED
        case Outcome.SUCCEEDED | Outcome.REVERSED:
            return Standing.WAITING if state in UNDECIDED else Standing.PERSON
        case _:
            return Standing.WAITING if state in UNDECIDED else Standing.SETTLED


def miss(session: Session, message: Message, notice: Notice, now: datetime, *, again: bool) -> None:
    """Tell a person of verified money for an order that is not here: nothing is posted on a stranger's word.

    A message that comes or is tried again says nothing new: it only makes sure that somebody was told.
    """
    if notice.outcome != Outcome.SUCCEEDED:
        return
    key = f"{message.account.code}/payment/{notice.reference}"
    if again and session.scalar(select(Discrepancy.id).where(Discrepancy.key == key, Discrepancy.kind == _MISSING).limit(1)):
        return
    open_discrepancy(
        session,
        kind=_MISSING,
        key=key,
        on=local_date(notice.paid_at or message.received_at),
        amount=notice.amount or 0,
        currency=notice.currency,
        evidence={"transaction": notice.transaction, "raw_code": notice.raw_code, "told_by": "callback"},
        now=now,
        gateway_account_id=message.account.id,
    )


def _found_again(session: Session, message: Message, notice: Notice, attempt: Attempt, now: datetime) -> None:
    """Resolve what was missing here: the order is, and what the gateway says of it was heard."""
    key = f"{message.account.code}/payment/{notice.reference}"
    missing = select(Discrepancy.id).where(Discrepancy.key == key, Discrepancy.kind == _MISSING, Discrepancy.state != "resolved")
    wanted = session.scalars(missing).all()
    if wanted:
        session.flush()
        told = {"attempt": str(attempt.id), "told_by": "callback", "raw_code": notice.raw_code}
        resolve(session, wanted, actor="system", now=now, act="matched", data=told)
