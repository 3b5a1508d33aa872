"""The processes behind the web: the scheduler that asks for periodic work and the worker that does it.

One scheduler at a time holds an advisory lock of PostgreSQL; others stand by and take over within seconds of its end. The worker is
two processes: one runs jobs (without a fork for each, which is several times faster), the other only starts it again when it dies.
Nothing is lost with it, because work that must happen is a row.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import wait as wait_for
from types import FrameType
from typing import Any

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker
from rq.cron import CronScheduler
from rq.exceptions import SchedulerNotFound, StopRequested
from rq.executions import Execution
from rq.job import Job
from rq.utils import import_attribute, now
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from payhub import jobs, log
from payhub.hub import Hub
from payhub.registry import Periodic

_LOCK = 7289403
_STANDBY_S = 1.0
_LONGEST_SLEEP_S = 5.0
_BACK_OFF_S = (0.2, 0.5, 1.0, 2.0, 5.0)
_WELL_S = 30.0
"""After so long without trouble the back-off begins anew."""
_JOB_S = 600
_FAILURE_S = 600
_WORKER_TTL_S = 60
_log = log.get(__name__)


class _Stop:
    """What SIGTERM and SIGINT ask for; every signal is counted, so that an impatient second one can be passed on."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.signals = 0
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._receive)

    def _receive(self, _number: int, _frame: FrameType | None) -> None:
        self.signals += 1
        self.asked.set()


class _BackOff:
    """Waits longer after each failure, and briefly again after a time without any."""

    def __init__(self, stop: _Stop) -> None:
        self._stop, self._failures, self._latest = stop, 0, 0.0

    def wait(self) -> None:
        """Wait, or return at once when told to stop."""
        self._failures = 0 if time.monotonic() - self._latest > _WELL_S else self._failures + 1
        self._latest = time.monotonic()
        self._stop.asked.wait(_BACK_OFF_S[min(self._failures, len(_BACK_OFF_S) - 1)])


def run_scheduler(hub: Hub, periodic: Sequence[Periodic]) -> None:
    """Ask for periodic jobs while this is the one scheduler that may, until told to stop."""
    stop = _Stop()
    back_off = _BackOff(stop)
    while not stop.asked.is_set():
        try:
            with _connection_of_its_own(hub) as connection:
                if _lead(connection, stop):
                    _log.info("scheduler.leads")
                    _schedule(hub, periodic, connection, stop)
        except (SQLAlchemyError, RedisError) as error:
            _log.warning("scheduler.interrupted", kind=type(error).__name__)
            back_off.wait()
    _log.info("scheduler.stopped")


@contextmanager
def _connection_of_its_own(hub: Hub) -> Iterator[Connection]:
    """Lend a connection outside the pool: closing it lets go of its locks."""
    with hub.db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.detach()
        yield connection


def _lead(connection: Connection, stop: _Stop) -> bool:
    """Stand by until no other scheduler holds the lock; False when told to stop first."""
    stands_by = False
    while not connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": _LOCK}):
        if not stands_by:
            _log.info("scheduler.stands_by")
        stands_by = True
        if stop.asked.wait(_STANDBY_S):
            return False
    return True


def _schedule(hub: Hub, periodic: Sequence[Periodic], lock: Connection, stop: _Stop) -> None:
    """Drive RQ's cron as long as Valkey answers and PostgreSQL still holds the lock."""
    cron = CronScheduler(hub.redis)
    for job in periodic:
        function, every_s = import_attribute(job.path), job.every_s(hub.settings)
        cron.register(function, jobs.QUEUE, interval=every_s, job_timeout=_JOB_S, result_ttl=0, failure_ttl=_FAILURE_S)
    cron.register_birth()
    try:
        while not stop.asked.is_set():
            lock.execute(text("SELECT 1"))
            _enqueue_due(cron, jobs.queue(hub))
            cron.heartbeat()
            stop.asked.wait(min(cron.calculate_sleep_interval(), _LONGEST_SLEEP_S))
    finally:
        with suppress(RedisError, SchedulerNotFound):
            cron.register_death()


def _enqueue_due(cron: CronScheduler, queue: Queue) -> None:
    """Ask for each job whose time has come, unless it is still waiting from the last time: without workers nothing piles up."""
    for job in cron.get_jobs():
        if job.should_run():
            latest = job.get_job_ids(cron.connection, 0, 0)
            if not latest or queue.get_job_position(latest[0]) is None:
                job.enqueue(cron.connection)
            job.set_enqueue_time(now())


def run_worker(hub: Hub) -> None:
    """Keep one process that runs jobs, until told to stop; what it has begun it ends."""
    stop = _Stop()
    back_off = _BackOff(stop)
    fork = multiprocessing.get_context("fork")
    while not stop.asked.is_set():
        process = fork.Process(target=_work, args=(hub, stop), name="payhub-jobs")
        process.start()
        passed_on = 0
        while not wait_for([process.sentinel], 0.1):
            if stop.signals > passed_on and process.pid:
                passed_on = stop.signals
                os.kill(process.pid, signal.SIGTERM)
        process.join()
        if not stop.asked.is_set():
            _log.error("worker.died", code=process.exitcode)
            back_off.wait()
    _log.info("worker.stopped")


def _work(hub: Hub, stop: _Stop) -> None:
    """Run jobs in this process until told to stop; any trouble with Valkey ends it, and another is started."""
    hub.db.after_fork()
    jobs.bind(hub)
    threading.Thread(target=_stop_with_parent, daemon=True).start()
    # A connection of its own: RQ changes its time-outs.
    connection = Redis.from_url(hub.settings.redis.url, socket_connect_timeout=2)
    with suppress(StopRequested):
        worker = _Worker([Queue(jobs.QUEUE, connection=connection)], connection=connection, worker_ttl=_WORKER_TTL_S, stop=stop)
        _log.info("worker.started", worker=worker.name)
        worker.work(logging_level="WARNING")
        if not stop.asked.is_set() and not worker.told_to_stop:
            raise SystemExit(1)


def _stop_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)


class _Worker(SimpleWorker):
    """RQ's worker with our log, and without the texts of errors: they may quote a person's data."""

    max_connection_wait_time = 5.0

    def __init__(self, queues: list[Queue], *, stop: _Stop, **options: Any) -> None:
        super().__init__(queues, log_job_description=False, **options)
        self._stop, self.told_to_stop = stop, False

    def _install_signal_handlers(self) -> None:
        super()._install_signal_handlers()  # type: ignore[no-untyped-call]
        if self._stop.asked.is_set():
            raise StopRequested

    def handle_warm_shutdown_request(self) -> None:
        """Take note that the end was asked for."""
        self.told_to_stop = True

    def handle_exception(self, job: Job, *exc_info: Any) -> None:
        """Log which job failed, and where in the code."""
        frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(exc_info[2])[-6:]]
        _log.error("job.failed", job=job.func_name, kind=exc_info[0].__name__, frames=frames)

    def handle_job_failure(
        self, job: Job, queue: Queue, started_job_registry: Any = None, exc_string: str = "", execution: Execution | None = None
    ) -> None:
        """Keep of a failure that it happened."""
        super().handle_job_failure(job, queue, started_job_registry, "see the log" if exc_string else "", execution)
