"""Destroying on schedule what nobody may keep any longer: in batches, each a transaction, so that a stop costs nothing but time."""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from datetime import date, datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from payhub import jobs, log
from payhub.clock import local_date
from payhub.hub import Hub
from payhub.payments.models import Payment
from payhub.people import destruction, retention
from payhub.people.retention import Due
from payhub.people.terms import People
from payhub.staff import audit
from payhub.staff.models import SYSTEM_ID, AuditEntry

BATCH = 200
ROUNDS = 500
"""How many batches one job may do; the next job goes on."""
TARGET = "people/destruction"
_log = log.get(__name__)


def destroy_due() -> None:
    """Destroy everything that is past its term."""
    run(jobs.hub())


def run(hub: Hub, *, batch: int = BATCH, rounds: int = ROUNDS) -> Counter[str]:
    """Destroy until nothing is due; return how many of each kind were. What others hold locked is left for the next time."""
    now = hub.clock.now()
    done, ended = Counter[str](), False
    for _ in range(rounds):
        with hub.db.session() as session:
            looked_at, destroyed = _payments(session, hub.settings.people, local_date(now), batch)
        done += destroyed
        if not looked_at:
            ended = True
            break
    done += _held_elsewhere(hub, now, batch, rounds)
    with hub.db.session() as session:
        _remember(session, now, done, ended=ended and not _any_due(session, local_date(now)))
    if done:
        _log.info("people.destroyed", **done)
    return done


def _payments(session: Session, terms: People, today: date, batch: int) -> tuple[int, Counter[str]]:
    """Look at one batch of payments; return how many there were, and what was destroyed of them."""
    wanted = select(Payment).where(Payment.destroy_after < today).order_by(Payment.destroy_after, Payment.id).limit(batch)
    payments = session.scalars(wanted.with_for_update(key_share=True, skip_locked=True)).all()
    free, kept = destruction.held(session, payments)
    decided = {
        each.payment.id: retention.due(terms, each, today, words=each.payment.id in free, record=each.payment.id in kept)
        for each in retention.standings(session, payments)
    }
    words = [payment_id for payment_id, due in decided.items() if due.words]
    records = [payment_id for payment_id, due in decided.items() if due.record]
    destruction.words(session, words)
    destruction.record(session, records)
    done = Counter({"words": len(words), "records": len(records)}) + destruction.around(session, records)
    _look_again(session, decided)
    return len(payments), +done


def _look_again(session: Session, decided: dict[uuid.UUID, Due]) -> None:
    by_day = defaultdict(list)
    for payment_id, due in decided.items():
        by_day[due.look_after].append(payment_id)
    for day, ids in by_day.items():
        session.execute(update(Payment).where(Payment.id.in_(ids)).values(destroy_after=day))


def _held_elsewhere(hub: Hub, now: datetime, batch: int, rounds: int) -> Counter[str]:
    """Destroy what each holder has kept for its term, and what came about erased payments after they were erased."""
    done = Counter[str]()
    for holder in destruction.holders():
        for _ in range(rounds):
            with hub.db.session() as session:
                late = holder.left(session, batch)
                count = holder.sweep(session, hub.settings.people, now, batch) + (holder.forget(session, late) if late else 0)
            done[holder.name] += count
            if not count:
                break
    return +done


def _any_due(session: Session, today: date) -> bool:
    return bool(session.scalar(select(func.count()).where(Payment.destroy_after < today)))


def _remember(session: Session, now: datetime, done: Counter[str], *, ended: bool) -> None:
    """Write into the audit what was destroyed and, once a day, up to which day nothing is past its term."""
    latest = select(AuditEntry.data["upto"].astext).where(AuditEntry.target == TARGET).order_by(AuditEntry.seq.desc()).limit(1)
    known = session.scalar(latest)
    upto = str(local_date(now)) if ended else known
    if done or (upto and upto != known):
        audit.append(session, actor=SYSTEM_ID, act="people.destroyed", target=TARGET, at=now, data={**done, "upto": upto})
