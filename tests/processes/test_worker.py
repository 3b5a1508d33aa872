"""The worker as a real process: it does jobs through the loss of Valkey and of itself, and ends what it has begun."""

from __future__ import annotations

import os
import signal
import uuid

import pytest
from rq import Queue, Worker
from rq.job import JobStatus
from sqlalchemy import select

from payhub import jobs
from payhub.events import Event

pytestmark = pytest.mark.heavy


@pytest.fixture
def queue(valkey):
    return Queue(jobs.QUEUE, connection=valkey.client)


@pytest.fixture
def relayed(hub, ask, order, queue, comes_true):
    """Ask for a payment and a relay; tell whether its event gets a position."""

    def tell() -> bool:
        assert ask({**order, "portal_reference": uuid.uuid4().hex, "dossier": uuid.uuid4().hex}).status_code == 201
        queue.enqueue("webhooks.jobs.relay", result_ttl=0)

        def numbered() -> bool:
            with hub.db.session() as session:
                return not session.scalars(select(Event.id).where(Event.position.is_(None))).all()

        return comes_true(numbered)

    return tell


def _pids(valkey) -> set[int]:
    return {worker.pid for worker in Worker.all(connection=valkey.client)}


def test_jobs_are_done_and_their_results_are_not_kept(processes, valkey, relayed, comes_true):
    processes.worker()
    assert relayed()
    assert comes_true(lambda: valkey.client.keys("rq:job:*") == [])


def test_jobs_are_done_again_when_valkey_was_killed_and_is_back(processes, valkey, relayed, comes_true):
    worker = processes.worker()
    assert relayed()
    valkey.kill()
    valkey.start()
    assert relayed()
    assert worker.poll() is None


def test_a_worker_that_is_killed_is_started_again(processes, valkey, relayed, comes_true):
    worker = processes.worker()
    assert comes_true(lambda: _pids(valkey))
    (pid,) = _pids(valkey)
    assert pid != worker.pid
    os.kill(pid, signal.SIGKILL)
    assert relayed()
    assert "worker.died" in processes.log.read_text()


def test_a_job_that_brings_the_process_down_does_not_stop_the_next(processes, queue, relayed):
    processes.worker()
    queue.enqueue("os.abort")
    assert relayed()


def test_told_to_stop_it_ends_the_job_it_has_begun(processes, queue, comes_true):
    worker = processes.worker()
    job = queue.enqueue("time.sleep", 1.0)
    after = queue.enqueue("time.sleep", 0)
    assert comes_true(lambda: job.get_status() == JobStatus.STARTED)
    worker.terminate()
    assert worker.wait(15) == 0
    assert job.get_status(refresh=True) == JobStatus.FINISHED
    assert after.get_status(refresh=True) == JobStatus.QUEUED


def test_told_to_stop_while_idle_it_stops_at_once(processes, valkey, comes_true):
    worker = processes.worker()
    assert comes_true(lambda: _pids(valkey))
    worker.terminate()
    assert worker.wait(5) == 0


def test_a_process_whose_keeper_was_killed_ends_too(processes, valkey, comes_true):
    worker = processes.worker()
    assert comes_true(lambda: _pids(valkey))
    worker.kill()
    assert comes_true(lambda: not _pids(valkey))


def test_of_a_failed_job_neither_log_nor_valkey_keeps_what_the_error_said(processes, queue, comes_true):
    processes.worker()
    job = queue.enqueue("uuid.UUID", "Nguyen Thi Hoa", description="a job")
    assert comes_true(lambda: job.get_status() == JobStatus.FAILED)
    assert job.latest_result().exc_string == "see the log"
    assert comes_true(lambda: "job.failed" in processes.log.read_text())
    assert "badly formed" not in processes.log.read_text()
