"""The scheduler as a real process: one at a time, through the loss of either store, and never a pile of jobs."""

from __future__ import annotations

from collections import Counter

import pytest
from rq import Queue
from rq.cron import CronScheduler
from sqlalchemy import text

from payhub import jobs, scheduling

pytestmark = pytest.mark.heavy

BOTH = {"webhooks.jobs.relay": 1, "webhooks.jobs.deliver_due": 1}


@pytest.fixture
def waiting(valkey):
    def look() -> Counter[str]:
        return Counter(job.func_name for job in Queue(jobs.QUEUE, connection=valkey.client).get_jobs())

    return look


@pytest.fixture
def leader(hub):
    """Tell which session of PostgreSQL holds the scheduler's lock."""

    def look() -> int | None:
        held = text("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = :key AND granted AND database = "
                    "(SELECT oid FROM pg_database WHERE datname = current_database())")  # fmt: skip
        with hub.db.autocommit() as connection:
            return connection.scalar(held, {"key": scheduling._LOCK})

    return look


def _empty(valkey) -> None:
    Queue(jobs.QUEUE, connection=valkey.client).empty()


def test_periodic_jobs_are_asked_for_and_do_not_pile_up_while_nobody_does_them(processes, valkey, waiting, comes_true):
    processes.scheduler()
    assert comes_true(lambda: waiting() == BOTH)
    (cron,) = CronScheduler.all(valkey.client)
    began = cron.last_heartbeat
    assert comes_true(lambda: (cron.last_heartbeat - began).total_seconds() > 2)
    assert waiting() == BOTH
    _empty(valkey)
    assert comes_true(lambda: waiting() == BOTH)


def test_of_two_schedulers_one_is_active_and_the_other_takes_over_when_it_dies(processes, valkey, waiting, leader, comes_true):
    first = processes.scheduler()
    assert comes_true(lambda: waiting() == BOTH)
    led_by = leader()
    processes.scheduler()
    assert comes_true(lambda: processes.log.read_text().count("scheduler.stands_by") == 1)
    assert len(CronScheduler.all(valkey.client)) == 1
    assert leader() == led_by
    first.kill()
    assert comes_true(lambda: leader() not in {None, led_by})
    _empty(valkey)
    assert comes_true(lambda: waiting() == BOTH)


def test_scheduling_resumes_when_valkey_was_killed_and_is_back(processes, valkey, waiting, comes_true):
    scheduler = processes.scheduler()
    assert comes_true(lambda: waiting() == BOTH)
    valkey.kill()
    assert comes_true(lambda: "scheduler.interrupted" in processes.log.read_text())
    assert scheduler.poll() is None
    valkey.start()
    _empty(valkey)
    assert comes_true(lambda: waiting() == BOTH)


def test_scheduling_resumes_when_the_session_with_the_lock_was_cut_off(processes, valkey, hub, waiting, leader, comes_true):
    processes.scheduler()
    assert comes_true(lambda: waiting() == BOTH)
    lost = leader()
    with hub.db.autocommit() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": lost})
    assert comes_true(lambda: leader() not in {None, lost})
    _empty(valkey)
    assert comes_true(lambda: waiting() == BOTH)


@pytest.mark.parametrize("valkey_is_up", [True, False])
def test_it_stops_when_told_to(processes, valkey, waiting, leader, comes_true, valkey_is_up):
    scheduler = processes.scheduler()
    assert comes_true(lambda: waiting() == BOTH)
    if not valkey_is_up:
        valkey.kill()
        assert comes_true(lambda: "scheduler.interrupted" in processes.log.read_text())
    scheduler.terminate()
    assert scheduler.wait(15) == 0
    assert comes_true(lambda: leader() is None)
    if not valkey_is_up:
        valkey.start()
