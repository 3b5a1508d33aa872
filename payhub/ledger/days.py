"""Treasury days: open until they are shut, in date order, and never booked on after.

Whoever writes on a day holds the day's lock shared until the end of the transaction, whoever shuts it exclusively; the database's
own triggers take the locks and refuse the rest, whoever asks (migration 0004). The lock of a day comes after those of payment,
attempts and refunds, and where there are several days, in date order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy import CheckConstraint, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from payhub.accounts.calendar import cohort_day
from payhub.accounts.models import GatewayAccount
from payhub.clock import LOCAL, local_date
from payhub.db import Base, constraint_of
from payhub.errors import PayHubError, Text
from payhub.registers import Registers
from payhub.registry import Law

SHUT = "business_day_is_shut"
"""Name of the constraint that a journal or posting on a shut day breaks."""
_LOCK = 7289405
_EPOCH = date(2000, 1, 1)


class BusinessDay(Base):
    """A treasury day of which more is known than that it is open: `shut_at` ends it, and every day before it."""

    __tablename__ = "business_day"
    __table_args__ = (
        CheckConstraint("(shut_at IS NULL) = (shut_by IS NULL)", name="shut"),
        CheckConstraint("(shut_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date > business_on", name="over"),
    )

    business_on: Mapped[date] = mapped_column(primary_key=True)
    shut_at: Mapped[datetime | None]
    """Not before anything on the day was recorded, whatever the clocks of several machines say."""
    shut_by: Mapped[str | None]


class DayNotOver(PayHubError):
    """Money of this day may still come in the ordinary way."""

    code, status = "day_not_over", 409
    title = Text("Ngày này chưa kết thúc", "This day is not over")


class EarlierDayOpen(PayHubError):
    """Days are shut in date order: an earlier one has journals and is open."""

    code, status = "earlier_day_open", 409
    title = Text("Một ngày trước đó chưa khóa sổ", "An earlier day is still open")


class LaterDayShut(PayHubError):
    """Days are shut in date order: a later one is shut, and that ended this one."""

    code, status = "later_day_shut", 409
    title = Text("Một ngày sau đó đã khóa sổ", "A later day is shut already")


def last_shut(session: Session) -> date | None:
    """Return the last day that is shut; with it every earlier one is."""
    return session.scalar(select(func.max(BusinessDay.business_on)).where(BusinessDay.shut_at.is_not(None)))


def open_business_day(session: Session, registers: Registers, account: GatewayAccount, cohort_on: date) -> date:
    """Return the day a fact counts on, and hold it open until the transaction ends.

    That is its cohort's day or, once that is shut, the first working day after the last one shut.
    """
    day = cohort_on
    while True:
        session.execute(_HOLD, {"slot": (day - _EPOCH).days & 63})
        latest = last_shut(session)
        if latest is None or latest < day:
            return day
        day = cohort_day(registers, account, datetime.combine(latest + timedelta(days=1), time.min, LOCAL))


def shut(session: Session, business_on: date, by: str, now: datetime) -> BusinessDay:
    """Shut a day that is over, once everything on its way onto it has arrived; a day that is shut stays as it is."""
    known = session.get(BusinessDay, business_on, populate_existing=True)
    if known is not None and known.shut_at is not None:
        return known
    if business_on >= local_date(now):
        raise DayNotOver
    row = insert(BusinessDay).values(business_on=business_on, shut_at=now, shut_by=by)
    once = row.on_conflict_do_update(
        index_elements=[BusinessDay.business_on],
        set_={"shut_at": row.excluded.shut_at, "shut_by": row.excluded.shut_by},
        where=BusinessDay.shut_at.is_(None),
    )
    try:
        session.execute(once)
    except IntegrityError as error:
        raise _refused(error) from error
    return session.get_one(BusinessDay, business_on, populate_existing=True)


def _refused(error: IntegrityError) -> Exception:
    """Say in our words which other day stands in the way."""
    kinds: dict[str, type[PayHubError]] = {"business_day_earlier_open": EarlierDayOpen, "business_day_later_shut": LaterDayShut}
    kind, diag = kinds.get(constraint_of(error)), getattr(error.orig, "diag", None)
    if kind is None or diag is None:
        return error
    on = str(diag.message_detail)
    return kind(Text(f"{kind.title.vi}: {on}", f"{kind.title.en}: {on}"), business_on=on)


@dataclass(frozen=True, slots=True)
class Listed:
    """A day in a list: how many postings stand on it, and when and by whom it was shut."""

    business_on: date
    postings: int
    shut_at: datetime | None
    shut_by: str | None


def recent(session: Session, limit: int = 31) -> Sequence[Listed]:
    """Return the days that have postings or were shut, newest first."""
    return [Listed(*row) for row in session.execute(_RECENT, {"limit": limit})]


_HOLD = select(func.pg_advisory_xact_lock_shared(_LOCK, bindparam("slot")))
# From one day to the next by the index of days, so that the many postings of a day are only counted for days that are shown.
_RECENT = text(
    """
    WITH RECURSIVE booked (business_on, place) AS (
      SELECT max(business_on), 1 FROM posting
      UNION ALL
      SELECT (SELECT max(posting.business_on) FROM posting WHERE posting.business_on < booked.business_on), place + 1
      FROM booked WHERE booked.business_on IS NOT NULL AND place < :limit
    )
    SELECT business_on, (SELECT count(*) FROM posting WHERE posting.business_on = day.business_on), shut_at, shut_by
    FROM (SELECT business_on FROM booked UNION (SELECT business_on FROM business_day ORDER BY business_on DESC LIMIT :limit)) AS day
    LEFT JOIN business_day USING (business_on)
    WHERE business_on IS NOT NULL ORDER BY business_on DESC LIMIT :limit
    """
)

LAWS = [
    Law(
        "nothing was booked on a day after it was shut",
        "SELECT count(*) FROM journal WHERE business_on <= (SELECT max(business_on) FROM business_day WHERE shut_at IS NOT NULL)",
        "WITH booked AS (SELECT business_on, max(recorded_at) AS latest FROM journal GROUP BY business_on), wrong AS ("
        "SELECT booked.business_on, shut.shut_at FROM booked CROSS JOIN LATERAL (SELECT d.shut_at FROM business_day d "
        "WHERE d.business_on >= booked.business_on AND d.shut_at IS NOT NULL ORDER BY d.business_on LIMIT 1) AS shut "
        "WHERE booked.latest > shut.shut_at) SELECT j.id, business_on, j.recorded_at, wrong.shut_at "
        "FROM wrong JOIN journal j USING (business_on) WHERE j.recorded_at > wrong.shut_at",
    ),
    Law(
        "a fact counts on its cohort's day, or on a later one because that day was shut by then",
        "SELECT count(*) FROM journal",
        "SELECT j.id, j.cohort_on, j.business_on FROM journal j WHERE j.business_on <> j.cohort_on AND NOT EXISTS "
        "(SELECT FROM business_day d WHERE d.business_on >= j.cohort_on AND d.business_on < j.business_on "
        "AND d.shut_at <= j.recorded_at)",
    ),
    Law(
        "days are shut in date order",
        "SELECT count(*) FROM business_day WHERE shut_at IS NOT NULL",
        "SELECT business_on, shut_at FROM (SELECT business_on, shut_at, max(shut_at) OVER (ORDER BY business_on) AS latest "
        "FROM business_day WHERE shut_at IS NOT NULL) AS shut WHERE shut_at < latest",
    ),
]
