"""What a portal that subscribes to it is told of proofs: that a payment is reported, that it is banked, and that it no longer is.

What is told is a function of rows, as `proofs` reads them, held against what was told last; an event is written where they differ.
So it does not matter in which order anything came, nor how often runs repeat. Whoever changes proofs or payouts only asks, in its
own transaction: events need locks on payments, which come before every other lock.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, select, text, update
from sqlalchemy.orm import Session
from sqlalchemy.types import ARRAY, BigInteger, Uuid

from payhub import jobs, log
from payhub.clock import local_date
from payhub.hub import Hub
from payhub.payments import recording
from payhub.payments.recording import Fact
from payhub.registers import Registers, in_force
from reconciliation.models import Settlement, Telling
from reconciliation.proofs import STANDS

_log = log.get(__name__)
BATCH = 2_000
"""Lines of a settlement whose payments are told of in one transaction."""
_STUCK = timedelta(minutes=10)

# A payout's change concerns every file that speaks of it; a run's also the files whose place its own took, and those theirs.
_ASK = text(
    """
    WITH RECURSIVE replaced AS (
      SELECT id FROM settlement WHERE id = :settlement_id
      UNION SELECT before.id FROM replaced JOIN settlement AS before ON before.superseded_by_id = replaced.id
    )
    INSERT INTO telling (settlement_id, asked, told)
    SELECT id, 1, 0 FROM (
      SELECT id FROM replaced
      UNION
      SELECT part.settlement_id FROM payout_state AS state
      JOIN gateway_payout AS part USING (gateway_account_id, reference, currency) WHERE state.changed_at = :now
    ) AS concerned
    ORDER BY id
    ON CONFLICT (settlement_id) DO UPDATE SET asked = telling.asked + 1
    """
).bindparams(bindparam("settlement_id", type_=Uuid()))
# While a run waits over days of a file, what holds of these days is about to be otherwise.
_DUE = text(
    """
    SELECT telling.settlement_id FROM telling JOIN settlement ON settlement.id = telling.settlement_id
    WHERE telling.told < telling.asked AND (telling.begun_at IS NULL OR telling.begun_at < :stuck) AND NOT EXISTS (
      SELECT FROM settlement AS counts JOIN run ON run.settlement_id = counts.id AND run.state IN ('waiting', 'running')
      WHERE counts.gateway_account_id = settlement.gateway_account_id AND counts.superseded_by_id IS NULL
        AND counts.period_on <= settlement.until_on AND counts.until_on >= settlement.period_on)
    ORDER BY settlement.period_on, telling.settlement_id LIMIT :limit
    """
)
# Whose attempts the lines are about, by our reference or the gateway's number, and what else their money pays.
_LISTED = text(
    """
    WITH page AS (
      SELECT number, reference, transaction FROM settlement_line AS line
      WHERE line.part = :part AND line.settlement_id = :settlement_id AND line.number > :after ORDER BY line.number LIMIT :limit
    ), brought AS (
      SELECT attempt.id, attempt.payment_id FROM page CROSS JOIN LATERAL (
        SELECT id, payment_id FROM attempt WHERE gateway_account_id = :account_id AND reference = page.reference
        UNION
        SELECT id, payment_id FROM attempt WHERE gateway_account_id = :account_id AND gateway_transaction = page.transaction
      ) AS attempt
    ), meant AS (
      SELECT payment_id FROM brought
      UNION SELECT allocation.payment_id FROM brought JOIN allocation ON allocation.attempt_id = brought.id
    )
    SELECT (SELECT max(number) FROM page) AS until, ARRAY(
      SELECT payment.id FROM meant JOIN payment ON payment.id = meant.payment_id AND payment.portal_id = ANY (:portals)) AS payments
    """
).bindparams(
    bindparam("settlement_id", type_=Uuid()), bindparam("account_id", type_=Uuid()), bindparam("part", type_=BigInteger()),
    bindparam("portals", type_=ARRAY(Uuid())),
)  # fmt: skip
_APART = text(
    f"""
    WITH stands AS ({STANDS}), told AS (
      SELECT payment.id,
        CAST((SELECT data ->> 'reported_on' FROM event
              WHERE event.payment_id = payment.id AND type IN ('payment.reported', 'payment.unreported')
              ORDER BY seq DESC LIMIT 1) AS date) AS reported_on,
        CAST((SELECT data ->> 'banked_on' FROM event
              WHERE event.payment_id = payment.id AND type IN ('payment.banked', 'payment.unbanked')
              ORDER BY seq DESC LIMIT 1) AS date) AS banked_on
      FROM payment WHERE payment.id = ANY (:payments)
    )
    SELECT told.id, told.reported_on AS was_reported_on, told.banked_on AS was_banked_on, stands.reported_on, stands.banked_on
    FROM told LEFT JOIN stands ON stands.payment_id = told.id
    WHERE (told.reported_on, told.banked_on) IS DISTINCT FROM (stands.reported_on, stands.banked_on) ORDER BY told.id
    """  # noqa: S608 - put together from our own pieces
).bindparams(bindparam("payments", type_=ARRAY(Uuid())))


def subscribed(registers: Registers, on: date) -> list[uuid.UUID]:
    """Return the portals that are told of proofs, by the rows that payments name."""
    rows = ((portal.id, in_force(registers.portal_rows[portal.code], on)) for portal in registers.portals.values())
    return [portal_id for portal_id, row in rows if row is not None and row.told_proofs]


def ask(hub: Hub, session: Session, now: datetime, settlement_id: uuid.UUID | None = None) -> None:
    """Have portals told of what a run, or a change of payouts at this instant, may have made of their payments."""
    if subscribed(hub.registers, local_date(now)):
        session.execute(_ASK, {"settlement_id": settlement_id, "now": now})


def run() -> None:
    """Tell portals of whatever they are still to be told: a periodic job."""
    tell_due(jobs.hub())


def tell_due(hub: Hub, limit: int = 100) -> int:
    """Tell of every settlement that was asked for and is not about to be otherwise; return how many events that were."""
    with hub.db.session() as session:
        due = session.scalars(_DUE, {"stuck": hub.clock.now() - _STUCK, "limit": limit}).all()
    return sum(_tell(hub, settlement_id) for settlement_id in due)


def _tell(hub: Hub, settlement_id: uuid.UUID) -> int:
    asked = _begin(hub, settlement_id)
    if asked is None:
        return 0
    told = 0
    for payments in _pages(hub, settlement_id):
        with hub.db.session() as session:
            told += _record(session, payments, hub.clock.now())
            _still(session, settlement_id, hub.clock.now())
    with hub.db.session() as session:
        session.execute(update(Telling).where(Telling.settlement_id == settlement_id).values(told=asked, begun_at=None))
    if told:
        _log.info("proofs.told", settlement=str(settlement_id), events=told)
    return told


def _begin(hub: Hub, settlement_id: uuid.UUID) -> int | None:
    """Take a settlement on; return how often it was asked for until now, or None where somebody else has it."""
    now = hub.clock.now()
    free = Telling.begun_at.is_(None) | (Telling.begun_at < now - _STUCK)
    mine = update(Telling).where(Telling.settlement_id == settlement_id, Telling.told < Telling.asked, free)
    with hub.db.session() as session:
        return session.scalar(mine.values(begun_at=now).returning(Telling.asked))


def _still(session: Session, settlement_id: uuid.UUID, now: datetime) -> None:
    session.execute(update(Telling).where(Telling.settlement_id == settlement_id).values(begun_at=now))


def _pages(hub: Hub, settlement_id: uuid.UUID) -> Iterator[list[uuid.UUID]]:
    """Yield the payments of portals that are told, by the page of a settlement's lines."""
    portals = subscribed(hub.registers, local_date(hub.clock.now()))
    with hub.db.session() as session:
        of = select(Settlement.part, Settlement.gateway_account_id).where(Settlement.id == settlement_id)
        part, account_id = session.execute(of).one()
    binds = {"settlement_id": settlement_id, "part": part, "account_id": account_id, "portals": portals, "limit": BATCH}
    until: int | None = 0
    while until is not None:
        with hub.db.session() as session:
            until, payments = session.execute(_LISTED, {**binds, "after": until}).one()
        if payments:
            yield payments


def _record(session: Session, payments: Sequence[uuid.UUID], now: datetime) -> int:
    """Write what portals are to be told of these payments. Only those that may need it are locked, and then looked at again."""
    apart = session.execute(_APART, {"payments": list(payments)}).all()
    if not apart:
        return 0
    wanted = recording.lock(session, [row.id for row in apart])
    facts = [fact for row in session.execute(_APART, {"payments": wanted}) for fact in _facts(row)]
    recording.record_many(session, facts, now)
    return len(facts)


def _facts(row: Row[Any]) -> Iterator[Fact]:
    """Say what changed: what no longer holds first, the last that was said before the first."""
    if row.was_banked_on is not None and row.banked_on is None:
        yield Fact(row.id, "payment.unbanked", {"banked_on": None, "was_banked_on": str(row.was_banked_on)})
    if row.was_reported_on is not None and row.reported_on is None:
        yield Fact(row.id, "payment.unreported", {"reported_on": None, "was_reported_on": str(row.was_reported_on)})
    if row.reported_on not in {None, row.was_reported_on}:
        yield Fact(row.id, "payment.reported", {"reported_on": str(row.reported_on)})
    if row.banked_on not in {None, row.was_banked_on}:
        yield Fact(row.id, "payment.banked", {"reported_on": str(row.reported_on), "banked_on": str(row.banked_on)})
