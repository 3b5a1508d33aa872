"""Days that are shut: nothing is booked on them after, nothing is lost, whoever comes first."""

from __future__ import annotations

import itertools
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
from click.testing import CliRunner
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, InternalError

from gateways.base import Notice, Outcome
from payhub.accounts.calendar import cohort_day
from payhub.cli.days import day as command
from payhub.clock import LOCAL
from payhub.db import constraint_of
from payhub.ledger import days
from payhub.ledger.prove import prove
from payhub.payments import outcomes

FRIDAY, MONDAY, TUESDAY = date(2026, 11, 20), date(2026, 11, 23), date(2026, 11, 24)
BOOKED = "SELECT fact, cohort_on::text, business_on::text FROM journal ORDER BY recorded_at, id"
COPY = """
INSERT INTO journal SELECT :new, fact, gateway_account_id, payment_id, attempt_id, CAST(:cohort AS date), CAST(:day AS date),
       CAST(:at AS timestamptz) FROM journal LIMIT 1
"""
PAIR = """
INSERT INTO posting (journal_id, account, gateway_account_id, share, business_on, amount, currency)
SELECT id, account, gateway_account_id, 'all', CAST(:day AS date), amount, 'VND'
FROM (SELECT * FROM journal ORDER BY id DESC LIMIT 1) AS latest CROSS JOIN (VALUES ('receivable', 7), ('unapplied', -7)) AS side (account, amount)
"""
ROUNDS = 80


def midnight_after(day: date, minutes: int = 5) -> datetime:
    return datetime(day.year, day.month, day.day, 17, minutes, tzinfo=UTC)


@pytest.fixture
def shut(hub, clock) -> Callable[..., days.BusinessDay]:
    """Shut a day in a transaction of its own, a little after its midnight."""

    def run(day: date, by: str = "thu.ha") -> days.BusinessDay:
        clock.set(max(clock.now(), midnight_after(day)))
        with hub.db.session() as session:
            return days.shut(session, day, by, clock.now())

    return run


@pytest.fixture
def another(ask, order, citizen_of):
    """One more citizen with a payment of its own."""
    return lambda: citizen_of(ask({**order, "portal_reference": uuid.uuid4().hex, "dossier": uuid.uuid4().hex}))


@pytest.fixture
def run(hub):
    """Run one statement in a transaction of its own."""

    def execute(statement: str, **values) -> None:
        with hub.db.engine.begin() as connection:
            connection.execute(text(statement), values)

    return execute


@pytest.fixture
def waiters(rows, eventually) -> Callable[[int], None]:
    """Wait until so many transactions wait for the lock of a day."""

    def wait(count: int) -> None:
        statement = (
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 7289405 AND NOT granted "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        eventually(lambda: rows(statement)[0][0] >= count, f"fewer than {count} wait for the day")

    return wait


@pytest.fixture
def beside() -> Iterator[ThreadPoolExecutor]:
    """Threads to do something on at the same time."""
    with ThreadPoolExecutor(4) as pool:
        yield pool


def test_what_comes_after_the_day_is_shut_counts_on_the_next_working_day_and_points_back(paid, another, shut, rows) -> None:
    late = another()
    reference = late.try_()
    shut(FRIDAY)
    assert late.says(reference) == "00"
    assert rows(BOOKED) == [("applied", "2026-11-20", "2026-11-20"), ("applied", "2026-11-20", "2026-11-23")]
    assert rows("SELECT DISTINCT cohort_on::text FROM attempt") == [("2026-11-20",)]
    assert rows("SELECT count(DISTINCT business_on) FROM posting GROUP BY journal_id") == [(1,), (1,)]
    assert late.says(reference) == "02"


def test_a_fact_of_the_slow_path_moves_too(citizen, shut, rows) -> None:
    first, second = citizen.try_(), citizen.try_()
    citizen.says(first)
    shut(FRIDAY)
    assert citizen.says(second) == "00"
    assert rows(BOOKED)[1:] == [("not_applicable", "2026-11-20", "2026-11-23")]


def test_the_open_day_is_a_working_day_of_the_accounts_calendar(citizen, shut, rows, run, hub) -> None:
    run("INSERT INTO day_off (calendar, \"on\", name) SELECT calendar, '2026-11-23', 'test' FROM gateway_terms LIMIT 1")
    hub.cache.fresh()
    reference = citizen.try_()
    shut(FRIDAY)
    citizen.says(reference)
    assert rows(BOOKED) == [("applied", "2026-11-20", "2026-11-24")]


def test_money_of_a_day_without_journals_before_the_last_one_shut_is_late_too(paid, another, shut, rows) -> None:
    late = another()
    reference = late.try_()
    shut(FRIDAY)
    assert late.says(reference, on="20261118100500") == "00"
    assert rows(BOOKED)[1:] == [("applied", "2026-11-18", "2026-11-23")]


def test_the_next_days_money_is_not_touched_by_a_shut_day(paid, another, shut, rows) -> None:
    shut(FRIDAY)
    citizen = another()
    assert citizen.says(citizen.try_(), on="20261121001000") == "00"
    assert rows(BOOKED)[1:] == [("applied", "2026-11-23", "2026-11-23")]


def test_shutting_twice_changes_nothing(paid, shut, clock) -> None:
    first = shut(FRIDAY, "first")
    clock.pass_(hours=1)
    again = shut(FRIDAY, "second")
    assert (again.shut_at, again.shut_by) == (first.shut_at, "first")


def test_all_who_shut_a_day_at_once_hear_of_the_same_first_one(paid, hub, clock, beside) -> None:
    clock.set(midnight_after(FRIDAY))
    barrier = threading.Barrier(4)

    def one(number: int) -> str | None:
        barrier.wait()
        with hub.db.session() as session:
            return days.shut(session, FRIDAY, f"person {number}", clock.now()).shut_by

    assert len(set(beside.map(one, range(4)))) == 1


def test_a_day_is_shut_only_when_it_is_over(paid, hub, clock) -> None:
    clock.set(midnight_after(FRIDAY) - timedelta(minutes=10))
    with pytest.raises(days.DayNotOver), hub.db.session() as session:
        days.shut(session, FRIDAY, "x", clock.now())


def test_days_are_shut_in_date_order(paid, another, shut, clock) -> None:
    clock.set(midnight_after(FRIDAY, 10))
    monday = another()
    monday.says(monday.try_(), on="20261121001000")
    with pytest.raises(days.EarlierDayOpen, match="2026-11-20"):
        shut(MONDAY)
    shut(FRIDAY)
    shut(MONDAY)
    with pytest.raises(days.LaterDayShut, match="2026-11-23"):
        shut(date(2026, 11, 19))
    assert shut(FRIDAY).business_on == FRIDAY


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("INSERT INTO business_day VALUES ('2026-11-23', '2026-11-24 00:00+07', 'x')", "business_day_earlier_open"),
        ("INSERT INTO business_day VALUES ('2026-11-20', '2026-11-20 23:59+07', 'x')", "ck_business_day_over"),
        ("INSERT INTO business_day VALUES ('2026-11-20', '2026-11-21 00:00+07', NULL)", "ck_business_day_shut"),
    ],
)
def test_raw_sql_cannot_shut_a_day_wrongly(paid, run, statement, constraint) -> None:
    with pytest.raises(IntegrityError) as refused:
        run(statement)
    assert constraint_of(refused.value) == constraint


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE business_day SET shut_at = NULL, shut_by = NULL",
        "UPDATE business_day SET shut_at = shut_at + interval '1 second'",
        "UPDATE business_day SET business_on = business_on - 1",
        "DELETE FROM business_day",
        "TRUNCATE business_day",
        "INSERT INTO business_day VALUES ('2026-11-19', '2026-11-21 00:00+07', 'x')",
        "INSERT INTO business_day VALUES ('2026-11-20', '2026-11-21 00:00+07', 'x')",
    ],
)
def test_raw_sql_cannot_open_a_day_again(paid, shut, run, statement) -> None:
    shut(FRIDAY)
    with pytest.raises(IntegrityError):
        run(statement)


@pytest.mark.parametrize(
    ("cohort", "day", "constraint"),
    [
        ("2026-11-20", "2026-11-20", "business_day_is_shut"),
        ("2026-11-17", "2026-11-17", "business_day_is_shut"),
        ("2026-11-23", "2026-11-20", "business_day_is_shut"),
        ("2026-11-24", "2026-11-23", "business_day_is_the_cohorts"),
        ("2026-11-23", "2026-11-24", "business_day_is_the_cohorts"),
    ],
)
def test_raw_sql_cannot_put_a_journal_where_it_does_not_belong(paid, shut, run, cohort, day, constraint) -> None:
    shut(FRIDAY)
    with pytest.raises(IntegrityError) as refused:
        run(COPY, new=uuid.uuid4(), cohort=cohort, day=day, at="2026-11-21 00:00+07")
    assert constraint_of(refused.value) == constraint


def test_raw_sql_cannot_add_postings_to_a_shut_day(paid, shut, run) -> None:
    shut(FRIDAY)
    with pytest.raises(IntegrityError) as refused:
        run(PAIR, day=FRIDAY)
    assert constraint_of(refused.value) == days.SHUT


@pytest.mark.parametrize("statement", [COPY, PAIR])
def test_a_temporary_table_does_not_stand_in_for_the_real_one(paid, shut, hub, clock, statement) -> None:
    shut(FRIDAY)
    with pytest.raises(IntegrityError), hub.db.engine.begin() as connection:
        connection.execute(text("CREATE TEMPORARY TABLE business_day (LIKE public.business_day) ON COMMIT DROP"))
        connection.execute(text(statement), {"new": uuid.uuid4(), "cohort": FRIDAY, "day": FRIDAY, "at": clock.now()})


def test_a_late_fact_was_recorded_after_its_day_was_shut_whatever_its_machines_clock_says(paid, another, shut, clock, rows) -> None:
    late = another()
    reference, before = late.try_(), clock.now()
    shut_at = shut(FRIDAY).shut_at
    clock.set(before)
    assert late.says(reference) == "00"
    assert rows("SELECT recorded_at FROM journal WHERE business_on <> cohort_on") == [(shut_at,)]


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_an_old_snapshot_books_and_shuts_nothing(paid, hub, level) -> None:
    with hub.db.engine.connect().execution_options(isolation_level=level) as connection:
        for statement in (PAIR, "INSERT INTO business_day VALUES (:day, '2026-11-21 00:00+07', 'x')"):
            with pytest.raises(InternalError, match="READ COMMITTED"):
                connection.execute(text(statement), {"day": FRIDAY})
            connection.rollback()


def test_who_shuts_a_day_waits_for_what_is_on_its_way(citizen, hub, clock, rows, waiters, beside) -> None:
    """The callback has booked and not committed: the day is shut only after it, and not before it was recorded."""
    reference = citizen.try_()
    clock.set(midnight_after(FRIDAY))
    before = clock.now()
    clock.pass_(minutes=3)

    def shut() -> days.BusinessDay:
        with hub.db.session() as session:
            return days.shut(session, FRIDAY, "x", before)

    with hub.db.session() as session:
        pay(hub, session, reference)
        shutting = beside.submit(shut)
        waiters(1)
    done = shutting.result(20)
    assert rows(BOOKED) == [("applied", "2026-11-20", "2026-11-20")]
    assert done.shut_at == clock.now()


@pytest.mark.parametrize("hot", [True, False])
def test_a_callback_waits_for_who_shuts_its_day_and_moves_on(citizen, hub, clock, rows, waiters, beside, hot) -> None:
    """The day is shut and not committed: the callback waits and then counts on the next day."""
    first, reference = citizen.try_(), citizen.try_()
    if not hot:
        citizen.says(first, on="20261121001000")
    clock.set(midnight_after(FRIDAY))
    with hub.db.session() as session:
        days.shut(session, FRIDAY, "x", clock.now())
        calling = beside.submit(citizen.says, reference)
        waiters(1)
    assert calling.result(20) == "00"
    assert rows(BOOKED)[-1][1:] == ("2026-11-20", "2026-11-23")


def test_a_callback_of_another_day_does_not_wait_for_who_shuts_a_day(citizen, hub, clock, rows) -> None:
    with hub.db.session() as session:
        days.shut(session, date(2026, 11, 18), "x", clock.now())
    reference = citizen.try_()
    clock.set(midnight_after(FRIDAY))
    with hub.db.session() as session:
        days.shut(session, FRIDAY, "x", clock.now())
        assert citizen.says(reference, on="20261121001000") == "00"
    assert rows(BOOKED) == [("applied", "2026-11-23", "2026-11-23")]


@pytest.mark.parametrize("statement", [COPY, PAIR])
def test_who_shuts_a_day_waits_for_raw_sql_too(paid, hub, clock, waiters, beside, statement) -> None:
    clock.set(midnight_after(FRIDAY))

    def shut() -> datetime | None:
        with hub.db.session() as session:
            return days.shut(session, FRIDAY, "x", clock.now()).shut_at

    with hub.db.engine.connect() as connection:
        values = {"new": uuid.uuid4(), "cohort": FRIDAY, "day": FRIDAY, "at": clock.now() + timedelta(hours=1)}
        connection.execute(text(statement), values)
        shutting = beside.submit(shut)
        waiters(1)
        connection.rollback()
    assert shutting.result(20) == clock.now()


@pytest.mark.parametrize(("shut_before", "late"), [(None, date(2020, 3, 3)), (date(2026, 11, 17), date(2026, 11, 19))])
def test_who_shuts_a_day_waits_for_what_is_on_its_way_onto_an_earlier_one(
    citizen, shut, hub, clock, waiters, rows, beside, shut_before, late
) -> None:
    reference = citizen.try_()
    if shut_before:
        shut(shut_before)
    clock.set(midnight_after(FRIDAY))
    with hub.db.session() as session:
        pay(hub, session, reference, datetime(late.year, late.month, late.day, 3, 0, tzinfo=UTC))
        shutting = beside.submit(shut, FRIDAY)
        waiters(1)
    with pytest.raises(days.EarlierDayOpen, match=str(late)):
        shutting.result(20)
    assert rows("SELECT count(*) FROM business_day") == [(1 if shut_before else 0,)]


def pay(hub, session, reference: str, at: datetime = datetime(2026, 11, 20, 3, 5, tzinfo=UTC)) -> None:
    """Do the callback's work in a transaction that stays open."""
    account = hub.registers.gateway_accounts["vnpay-main"]
    payment, attempt = outcomes.find(session, account, reference)
    notice = Notice(
        reference=reference, terminal="PAYHUB01", outcome=Outcome.SUCCEEDED, raw_code="00/00", currency="VND", amount=attempt.amount,
        transaction="1", paid_at=at, paid_at_text="", method="NCB",
    )  # fmt: skip
    outcomes.under_lock(hub, session, account, notice, payment, attempt)
    session.flush()


@pytest.mark.parametrize("hot", [True, False])
def test_callbacks_against_whoever_shuts_their_day(hub, clock, another, rows, beside, hot) -> None:
    """Many days, each shut while its last callbacks come: all are booked, on their day or on the next open one."""
    chance = random.Random(20261120)
    account = hub.registers.gateway_accounts["vnpay-main"]
    day, before = FRIDAY, 0
    for _ in range(ROUNDS):
        clock.set(datetime(day.year, day.month, day.day, 3, 0, tzinfo=UTC))
        citizens = [another() for _ in range(2)]
        first, references = ([citizen.try_() for citizen in citizens] for _ in range(2))
        if not hot:
            for citizen, reference in zip(citizens, first, strict=True):
                citizen.says(reference, on=f"{day:%Y%m%d}100000")
        clock.set(midnight_after(day))
        barrier = threading.Barrier(3)
        # So that each comes first now and then.
        waits = [chance.uniform(0, 0.004) for _ in range(3)]

        def call_back(number: int, citizens=citizens, references=references, barrier=barrier, waits=waits, on=day) -> str:
            message = citizens[number].message(references[number], on=f"{on:%Y%m%d}100500")
            client = citizens[number].client.application.test_client()
            barrier.wait()
            time.sleep(waits[number])
            return client.get(f"/callbacks/vnpay/vnpay-main?{message}").json["RspCode"]

        def shut(barrier=barrier, waits=waits, on=day) -> datetime | None:
            barrier.wait()
            time.sleep(waits[2])
            with hub.db.session() as session:
                return days.shut(session, on, "x", clock.now()).shut_at

        shutting = beside.submit(shut)
        answers = list(beside.map(call_back, range(2)))
        shut_at = shutting.result(20)
        assert answers == ["00", "00"]
        following = cohort_day(hub.registers, account, datetime.combine(day + timedelta(days=1), datetime.min.time(), LOCAL))
        booked = rows(f"SELECT business_on, recorded_at FROM journal WHERE cohort_on = '{day}' ORDER BY business_on")
        assert len(booked) == (2 if hot else 4)
        assert {on for on, _ in booked} <= {day, following}
        assert all(at <= shut_at if on == day else at >= shut_at for on, at in booked)
        before += sum(on == day for on, _ in booked)
        day = following
    assert rows("SELECT count(*) FROM journal") == [(ROUNDS * (2 if hot else 4),)]
    assert before > 0
    assert [law for law in prove(hub.db.engine, days.LAWS) if not law.holds] == []


@pytest.mark.breaks_laws
@pytest.mark.parametrize(
    ("statement", "law"),
    [
        ("UPDATE journal SET recorded_at = recorded_at + interval '2 days'", days.LAWS[0].name),
        ("UPDATE journal SET business_on = '2026-11-24', cohort_on = '2026-11-23'", days.LAWS[1].name),
        ("UPDATE journal SET cohort_on = '2026-11-23'", days.LAWS[1].name),
        ("INSERT INTO business_day VALUES ('2026-11-19', '2026-12-21 00:00+07', 'x')", days.LAWS[2].name),
    ],
)
def test_prove_notices_what_only_an_owner_can_do(paid, shut, hub, statement, law) -> None:
    shut(FRIDAY)
    assert [proven.law for proven in prove(hub.db.engine, days.LAWS) if not proven.holds] == []
    with hub.db.engine.begin() as connection:
        for table in ("journal", "business_day"):
            connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        connection.execute(text(statement))
    assert law in [proven.law for proven in prove(hub.db.engine, days.LAWS) if not proven.holds]


def test_every_law_of_days_holds_and_speaks_of_something(paid, another, shut, hub) -> None:
    late = another()
    reference = late.try_()
    shut(FRIDAY)
    late.says(reference)
    proven = list(prove(hub.db.engine, days.LAWS))
    assert all(law.holds for law in proven)
    assert [law.checked for law in proven] == [1, 2, 1]


def test_the_commands_shut_a_day_and_list_it(paid, clock, hub) -> None:
    clock.set(midnight_after(FRIDAY))
    done = CliRunner().invoke(command, ["shut", "2026-11-20", "--by", "thu.ha"], obj=lambda: hub)
    assert done.output == "2026-11-20 is shut since 2026-11-21 00:05:00 by thu.ha\n"
    listed = CliRunner().invoke(command, ["list"], obj=lambda: hub).output.splitlines()
    assert [line.split() for line in listed[1:]] == [["2026-11-20", "2", "2026-11-21", "00:05:00", "thu.ha"]]


def test_the_list_names_each_day_once_newest_first_and_no_more_than_asked(paid, another, shut, hub) -> None:
    shut(FRIDAY)
    citizen = another()
    citizen.says(citizen.try_(), on="20261121001000")
    with hub.db.session() as session:
        assert [(day.business_on, day.postings) for day in days.recent(session)] == [(MONDAY, 2), (FRIDAY, 2)]
        assert [day.business_on for day in days.recent(session, 1)] == [MONDAY]


def test_python_and_the_database_mean_the_same_lock(rows) -> None:
    for day in itertools.chain((date(1999, 12, 31), date(2000, 1, 1)), (FRIDAY + timedelta(days=n) for n in range(70))):
        assert rows(f"SELECT (DATE '{day}' - DATE '2000-01-01') & 63") == [((day - days._EPOCH).days & 63,)]
