"""A run has one owner at a time, is seen while it is carried out, ends once, and can be cancelled until then."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from gateways.base import Outcome
from gateways.simulator.settlement import written
from gateways.simulator.zalopay import Zalopay
from reconciliation import running, running_commands, runs
from reconciliation.models import Run
from reconciliation.settlements import import_settlement

WRITTEN = ("proof", "proof_apart", "line_apart", "run_total", "discrepancy", "discrepancy_act", "journal", "posting", "payout_state")


@pytest.fixture
def held(hub) -> Callable[..., Iterator[None]]:
    """Keep a table from being written, so that a run stops where it writes there first."""

    @contextmanager
    def hold(table: str) -> Iterator[None]:
        with hub.db.engine.connect() as connection, connection.begin():
            connection.execute(text(f"LOCK TABLE {table} IN SHARE MODE"))
            yield

    return hold


@pytest.fixture
def look(client, keys) -> Callable[..., dict]:
    def get(path: str) -> dict:
        answer = client.get(path, headers={"Authorization": f"Bearer {keys['kbnn']}"})
        assert answer.status_code == 200, answer.json
        return answer.json

    return get


@pytest.fixture
def imported(desk):
    """A file of two lines: one that the hub knows, and one that it does not."""
    attempt = desk.pay()
    return desk.take([desk.row_of(attempt), desk.row("X", 1_000)])


def public(imported) -> str:
    return f"run_test_{imported.run_id.hex}"


def test_how_far_a_run_is_is_seen_before_anything_of_it_is_committed(desk, imported, held, look, blocked) -> None:
    with ThreadPoolExecutor(1) as worker:
        with held("run_total"):
            carried = worker.submit(desk.carry_out)
            blocked()
            shown = look(f"/v1/runs/{public(imported)}")
            assert (shown["state"], shown["step"], shown["starts"]) == ("running", "proving", 1)
            assert shown["progress"] == {"lines": 2, "matched": 1, "others": 1}
            assert desk.count("proof") == 0
        carried.result()
    shown = look(f"/v1/runs/{public(imported)}")
    assert (shown["state"], shown["step"], shown["progress"]["lines"]) == ("done", None, 2)
    assert [row["id"] for row in look("/v1/runs?state=done&account=vnpay-main&date=2026-11-20")["data"]] == [public(imported)]
    assert look("/v1/runs?date=2026-11-21")["data"] == look("/v1/runs?account=momo-main")["data"] == []


def test_money_that_comes_while_a_run_is_at_work_is_proven_by_the_next_one(desk, held, blocked, rows) -> None:
    here, late = desk.pay(), desk.pay(outcome=None)
    imported = desk.take([desk.row_of(here), desk.row_of(late)])
    with ThreadPoolExecutor(1) as worker:
        with held("run_total"):
            carried = worker.submit(runs.execute, desk.hub, imported.run_id)
            blocked()
            # Both sides were read without it; the ledger is asked with it.
            desk.say(late, Outcome.SUCCEEDED)
        carried.result(10)
    assert desk.classes() == {"matched": 1, "missing_at_hub": 1}
    assert rows("SELECT sum(amount) FROM run_total") == [(200_000,)]
    desk.again(imported)
    assert desk.classes() == {"matched": 2}
    assert rows("SELECT sum(amount) FROM run_total") == [(400_000,)]


def test_a_run_that_is_carried_out_is_cancelled_where_it_is_and_leaves_nothing(
    desk, imported, held, blocked, client, lan, look, hub, rows
) -> None:
    before = desk.rows(*WRITTEN)
    with ThreadPoolExecutor(1) as worker, held("run_total"):
        carried = worker.submit(runs.execute, hub, imported.run_id)
        blocked()
        answer = lan.post(client, f"/v1/runs/{public(imported)}/cancel", key="once")
        assert answer.status_code == 200, answer.json
        assert (answer.json["state"], answer.json["cancelled_by"]) == ("cancelled", "lan")
        # Although what it waited for is still held.
        assert carried.result(10) == []
    assert lan.post(client, f"/v1/runs/{public(imported)}/cancel", key="once").json == answer.json
    assert lan.post(client, f"/v1/runs/{public(imported)}/cancel").json["code"] == "run_over"
    assert desk.rows(*WRITTEN) == before
    assert rows("SELECT act FROM audit_entry WHERE act LIKE 'run.%'") == [("run.cancelled",)]
    assert desk.waiting() == []
    desk.again(imported)
    assert desk.classes() == {"matched": 1, "missing_at_hub": 1}


def test_a_cancelled_run_that_nobody_could_stop_keeps_nothing_either(desk, imported, held, blocked, lan, hub, clock, rows) -> None:
    before = desk.rows(*WRITTEN)
    with ThreadPoolExecutor(1) as worker:
        with held("run_total"):
            carried = worker.submit(runs.execute, hub, imported.run_id)
            blocked()
            with hub.db.session() as session:
                running.cancel(session, imported.run_id, lan.person.principal, clock.now())
        assert carried.result(10) == []
    assert desk.rows(*WRITTEN) == before
    assert rows("SELECT state, step, counts FROM run") == [("cancelled", None, {})]


def test_a_run_that_waits_is_cancelled_at_once_from_the_terminal(desk, imported, hub, lan, tmp_path) -> None:
    token = tmp_path / "token"
    token.write_text(lan.token)
    result = CliRunner().invoke(running_commands.runs, ["cancel", public(imported), "--token-file", str(token)], obj=lambda: hub)
    assert result.exit_code == 0, result.output
    assert runs.execute(hub, imported.run_id) == []
    assert desk.count("proof") == 0
    listed = CliRunner().invoke(running_commands.runs, [], obj=lambda: hub, env={"COLUMNS": "200"})
    assert "cancelled" in listed.output
    assert "by lan" in listed.output


def test_a_run_that_is_writing_its_last_rows_is_not_cancelled_any_more(desk, imported, held, blocked, client, lan, hub, look) -> None:
    with ThreadPoolExecutor(1) as worker:
        with held("payout_state"):
            carried = worker.submit(runs.execute, hub, imported.run_id)
            blocked()
            assert look(f"/v1/runs/{public(imported)}")["step"] == "banking"
            assert lan.post(client, f"/v1/runs/{public(imported)}/cancel").json["code"] == "run_ends"
        carried.result(10)
    assert look(f"/v1/runs/{public(imported)}")["state"] == "done"


def test_a_program_and_an_auditor_cancel_nothing(imported, client, keys, hire) -> None:
    path = f"/v1/runs/{public(imported)}/cancel"
    assert client.post(path, headers={"Authorization": f"Bearer {keys['kbnn']}", "Idempotency-Key": "k"}).status_code == 401
    assert hire("quan", "auditor").post(client, path).json["code"] == "role_missing"
    assert hire("ha", "clerk").post(client, f"/v1/runs/run_test_{uuid.uuid4().hex}/cancel").status_code == 404


def test_a_run_whose_account_is_busy_waits_without_anybody_waiting_for_it_and_others_go_on(desk, imported, hub, rows) -> None:
    desk.take([], on=date(2026, 11, 19))
    elsewhere = import_settlement(hub, "zalopay-main", desk.day, "z.csv", written([], "", Zalopay.layout).encode())
    with hub.db.session() as session:
        key = f"run {imported.settlement.gateway_account_id}"
        session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": key})
        assert runs.execute(hub, imported.run_id) == []
        assert desk.waiting() == [elsewhere.run_id], "nothing of an account that somebody works on"
        runs.execute(hub, elsewhere.run_id)
        assert desk.waiting() == []
    assert len(desk.waiting()) == 1, "one of an account at a time"
    assert sorted(rows("SELECT state, starts FROM run")) == [("done", 1), ("waiting", 0), ("waiting", 0)]
    desk.carry_out()


def test_two_runs_over_one_settlement_never_wait_together_and_none_begins_before_who_asked_commits(desk, imported, hub) -> None:
    with hub.db.session() as session:
        assert runs.ask_run(session, imported.settlement, hub.clock.now()) == imported.run_id
        assert runs.execute(hub, imported.run_id) == []
    assert desk.count("run") == 1
    desk.carry_out()
    with hub.db.session() as session:
        assert runs.ask_run(session, imported.settlement, hub.clock.now()) != imported.run_id
    desk.carry_out()


def test_a_run_that_was_begun_again_and_again_waits_longer_each_time(desk, imported, hub, clock) -> None:
    for starts, wait in ((1, 0), (2, 4), (5, 32), (40, 900)):
        with hub.db.session() as session:
            run = session.get(Run, imported.run_id)
            run.state, run.starts, run.started_at = "running", starts, clock.now()
        if wait:
            clock.pass_(seconds=wait - 1)
            assert desk.waiting() == []
            clock.pass_(seconds=1)
        assert desk.waiting() == [imported.run_id]
    desk.carry_out()


CARRIED = "import sys, uuid; from payhub import settings; from payhub.clock import SystemClock; from payhub.hub import build; from gateways.registry import GATEWAYS; from reconciliation import runs; runs.execute(build(settings.load(), GATEWAYS, SystemClock()), uuid.UUID(sys.argv[1]))"
STOPS = {"matching": "settlement_line IN ACCESS EXCLUSIVE", "proving": "run_total IN SHARE", "telling": "discrepancy IN ACCESS EXCLUSIVE", "banking": "payout_state IN ACCESS EXCLUSIVE"}


@pytest.mark.heavy
def test_a_worker_killed_at_any_step_leaves_nothing_and_the_next_one_does_it_all(
    desk, imported, hub, settings, blocked, eventually, rows, clock
) -> None:
    import os
    import signal
    import subprocess
    import sys
    from datetime import UTC, datetime
    from pathlib import Path

    root = Path(__file__).parents[2]
    environ = {**os.environ, "PAYHUB_CONFIG": str(root / "config" / "test.toml"), "DATABASE_URL": settings.database.url,
               "REDIS_URL": settings.redis.url, "PAYHUB_PATHS__MAPPINGS": str(settings.paths.mappings)}  # fmt: skip
    before = desk.rows(*WRITTEN)
    for begun, (step, lock) in enumerate(STOPS.items(), start=1):
        with hub.db.engine.connect() as connection, connection.begin():
            connection.execute(text(f"LOCK TABLE {lock} MODE"))
            with subprocess.Popen([sys.executable, "-c", CARRIED, str(imported.run_id)], cwd=root, env=environ) as worker:
                blocked()
                assert rows("SELECT state, step, starts FROM run") == [("running", step, begun)]
                clock.set(datetime.now(UTC))
                assert desk.waiting() == [], "its owner lives"
                worker.send_signal(signal.SIGKILL)
            # What it waited for is held still: the server finds out that nobody listens.
            clock.pass_(hours=1)
            assert eventually(desk.waiting, "nobody took it over", 8) == [imported.run_id]
        assert desk.rows(*WRITTEN) == before, step
    clock.set(datetime.now(UTC))
    clock.pass_(hours=1)
    assert rows("SELECT state, step FROM run") == [("running", "banking")]
    desk.carry_out()
    assert rows("SELECT state, starts FROM run") == [("done", len(STOPS) + 1)]
    assert desk.classes() == {"matched": 1, "missing_at_hub": 1}
    once = desk.rows(*WRITTEN)
    desk.again(imported)
    assert desk.rows(*WRITTEN) == once, "as a run that nobody disturbed"
