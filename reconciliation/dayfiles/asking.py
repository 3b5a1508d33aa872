"""Which day files are to be made: a row for each, written before anybody is asked to make it."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from datetime import date, datetime, time, timedelta

from sqlalchemy import bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session
from sqlalchemy.types import ARRAY, Date, Uuid

from payhub import log
from payhub.clock import LOCAL, local_date
from payhub.db import rows_written
from payhub.hub import Hub
from payhub.registers import Registers, in_force
from reconciliation.dayfiles import making
from reconciliation.dayfiles.entries import ENTRIES
from reconciliation.dayfiles.models import DayFileAsk

FROM = time(0, 30)
"""From then on, local time, the files of the day before are made: that is early enough to be ready at seven."""
READY = time(7, 0)
LOOK_BACK = timedelta(days=7)
"""How far back a day is stated anew by itself, where entries came to it after it was stated."""
_log = log.get(__name__)

_NEW = text(
    f"""
    INSERT INTO day_file_ask (portal_id, business_on, asked, done)
    SELECT portal_id, :on, 1, 0 FROM (
      SELECT unnest(CAST(:portals AS uuid[])) AS portal_id
      UNION SELECT portal_id FROM ({ENTRIES.format(which="posting.business_on = :on")}) AS entry
    ) AS asked ORDER BY portal_id
    ON CONFLICT DO NOTHING
    """  # noqa: S608 - our own pieces
).bindparams(bindparam("portals", type_=ARRAY(Uuid())), bindparam("on", type_=Date()))
# What the newest version of each day says, held against what the ledger says of it now.
_LATE = text(
    f"""
    WITH latest AS (
      SELECT DISTINCT ON (portal_id, business_on) id, portal_id, business_on FROM day_file
      WHERE business_on BETWEEN :first_on AND :last_on ORDER BY portal_id, business_on, version DESC
    ), said AS (
      SELECT portal_id, business_on, type, currency, day_file_sum.count, day_file_sum.amount
      FROM latest JOIN day_file_sum ON day_file_id = latest.id
    ), found AS (
      SELECT portal_id, business_on, type, currency, count(*) AS count, sum(amount)::bigint AS amount
      FROM ({ENTRIES.format(which="posting.business_on BETWEEN :first_on AND :last_on")}) AS entry WHERE amount <> 0
      GROUP BY 1, 2, 3, 4
    )
    INSERT INTO day_file_ask (portal_id, business_on, asked, done)
    SELECT DISTINCT portal_id, business_on, 1, 0
    FROM said FULL JOIN found USING (portal_id, business_on, type, currency)
    WHERE (said.count, said.amount) IS DISTINCT FROM (found.count, found.amount) ORDER BY portal_id, business_on
    ON CONFLICT (portal_id, business_on) DO UPDATE SET asked = day_file_ask.asked + 1 WHERE day_file_ask.done = day_file_ask.asked
    """  # noqa: S608 - our own pieces
).bindparams(bindparam("first_on", type_=Date()), bindparam("last_on", type_=Date()))


def ask_for_yesterday(hub: Hub, session: Session, now: datetime) -> int:
    """Have yesterday stated to every portal that may ask for payments or had some, and the week before where it changed; once."""
    local = now.astimezone(LOCAL)
    on = local.date() - timedelta(days=1)
    # Whoever asks for a day of their own is not the night's work; whoever comes too late for it is found the night after.
    portals = portals_on(hub.registers, on)
    begun = select(func.count()).where(DayFileAsk.business_on == on, DayFileAsk.portal_id.in_(portals))
    if local.time() < FROM or session.scalar(begun) == len(portals):
        return 0
    asked = rows_written(session, _NEW, {"on": on, "portals": portals})
    session.execute(_LATE, {"first_on": on - LOOK_BACK, "last_on": on - timedelta(days=1)})
    return asked


def ask(session: Session, portal_id: uuid.UUID, on: date) -> None:
    """Have a portal's day stated as things are once this is committed."""
    values = {"portal_id": portal_id, "business_on": on, "asked": 1, "done": 0}
    again = insert(DayFileAsk).values(**values)
    session.execute(again.on_conflict_do_update(index_elements=["portal_id", "business_on"], set_={"asked": DayFileAsk.asked + 1}))


def due(session: Session, limit: int = 1000) -> Sequence[uuid.UUID]:
    """Return the portals for whom files are to be made."""
    waiting = select(DayFileAsk.portal_id).where(DayFileAsk.done < DayFileAsk.asked).distinct().limit(limit)
    return session.scalars(waiting).all()


def late(session: Session, now: datetime) -> int:
    """Return how many files of yesterday should be ready by now and are not."""
    local = now.astimezone(LOCAL)
    if local.time() < READY:
        return 0
    yesterday = local.date() - timedelta(days=1)
    missing = select(DayFileAsk.portal_id).where(DayFileAsk.business_on == yesterday, DayFileAsk.done == 0)
    return len(session.scalars(missing).all())


def work(hub: Hub, portal_id: uuid.UUID) -> int:
    """Make the files that a portal is to have; return how many were looked after. Whoever comes second leaves it to the first."""
    done = 0
    for on, asked in _waiting(hub, portal_id):
        try:
            made = making.make(hub, portal_id, on)
        except making.BeingMade:
            return done
        with hub.db.session() as session:
            mine = (DayFileAsk.portal_id == portal_id, DayFileAsk.business_on == on, DayFileAsk.done < asked)
            session.execute(update(DayFileAsk).where(*mine).values(done=asked))
        _log.info("day_file.made", day=on.isoformat(), version=made.version, rows=made.count)
        done += 1
    return done


def portals_on(registers: Registers, on: date) -> list[uuid.UUID]:
    """Return the portals that may ask for payments on a day."""
    return [
        portal.id
        for portal in registers.portals.values()
        if in_force(registers.portal_rows[portal.code], on) and in_force(registers.grants.get(portal.id, ()), on)
    ]


def over(on: date, now: datetime) -> bool:
    """Tell whether a day is over."""
    return on < local_date(now)


def _waiting(hub: Hub, portal_id: uuid.UUID) -> Collection[tuple[date, int]]:
    with hub.db.session() as session:
        asked = select(DayFileAsk.business_on, DayFileAsk.asked).where(
            DayFileAsk.portal_id == portal_id, DayFileAsk.done < DayFileAsk.asked
        )
        return [(row.business_on, row.asked) for row in session.execute(asked.order_by(DayFileAsk.business_on))]
