"""The ways in and out: REST, commands, jobs."""

from __future__ import annotations

import uuid

import pytest
from click.testing import CliRunner
from redis import Redis
from rq import SimpleWorker
from rq.timeouts import TimerDeathPenalty

from gateways.base import Outcome
from payhub import jobs as payhub_jobs
from reconciliation import commands, jobs
from reconciliation.errors import SettlementMissing
from reconciliation.models import Run
from reconciliation.reports import commands as reports


class Worker(SimpleWorker):
    """Runs jobs here; a timer thread does what signals would."""

    death_penalty_class = TimerDeathPenalty


@pytest.fixture
def put(client, keys):
    def send(
        body: bytes, day: str = "2026-11-20", account: str = "vnpay-main", portal: str = "kbnn", query: str = "", **headers: str
    ):
        sent = {"Authorization": f"Bearer {keys[portal]}", "Content-Type": "text/csv", **headers}
        return client.put(f"/v1/settlements/{account}/{day}{query}", data=body, headers=sent)

    return send


@pytest.fixture
def get(client, keys):
    return lambda path: client.get(path, headers={"Authorization": f"Bearer {keys['kbnn']}", "Accept-Language": "en"})


@pytest.fixture
def work(bound):
    """Do every job that is in the queue."""
    worker = Worker([payhub_jobs.queue(bound)], connection=bound.redis)
    return lambda: worker.work(burst=True, logging_level="ERROR")


def test_a_file_handed_in_is_taken_run_and_readable(desk, put, get, work) -> None:
    attempt = desk.pay()
    answer = put(
        desk.write([desk.row_of(attempt), desk.row("X", 5_000), desk.row("Y", "?")], total=210_000), query="?file_name=vnpay.csv"
    )
    assert answer.status_code == 202
    body = answer.json
    assert (body["lines"], body["sum"], body["declared_sum"], body["rejected"], body["already"]) == (2, 205_000, 210_000, 1, False)
    assert body["rejects"] == [
        {"row": 4, "field": "SoTien", "reason": "not_an_amount", "detail": "không phải số tiền nguyên lớn hơn 0"}
    ]
    assert (body["account"], body["date"], body["file_name"]) == ("vnpay-main", "2026-11-20", "vnpay.csv")
    assert get(f"/v1/runs/{body['run']}").json["state"] == "waiting"
    work()
    run = get(f"/v1/runs/{body['run']}").json
    assert (run["state"], run["settlement"]) == ("done", body["id"])
    assert run["classes"]["matched"] == {
        "count": 1,
        "amount": 200_000,
        "lines": 1,
        "listed": 200_000,
        "attempts": 1,
        "confirmed": 200_000,
        "dated_apart": 0,
    }
    again = put(desk.write([desk.row_of(attempt), desk.row("X", 5_000), desk.row("Y", "?")], total=210_000))
    assert (again.status_code, again.json["already"], again.json["id"], again.json["run"]) == (202, True, body["id"], body["run"])
    assert again.json["rejects"] == body["rejects"]


def test_a_refusal_is_a_problem_in_the_callers_language(desk, put) -> None:
    body = desk.write([desk.row("A", 10_000)], count=2)
    answer = put(body)
    assert (answer.status_code, answer.content_type) == (422, "application/problem+json")
    assert answer.json == {
        "type": "urn:payhub:problem:settlement_count_differs", "title": "Tệp đối soát bị từ chối, không có gì được ghi", "status": 422,
        "code": "settlement_count_differs", "row": 3, "field": "MaGiaoDich", "declared": 2, "read": 1,
        "detail": "Dòng 3, cột MaGiaoDich: khai báo 2 dòng, đọc được 1",
    }  # fmt: skip
    english = put(body, **{"Accept-Language": "en"}).json
    assert english["detail"] == "Row 3, column MaGiaoDich: 2 rows declared, 1 read"


def test_who_may_not_hand_in_cannot(desk, put) -> None:
    body = desk.write([])
    assert put(body, portal="dvc-bo-tu-phap").status_code == 403
    assert put(body, account="nobody").status_code == 404
    assert desk.count("settlement") == 0


@pytest.mark.parametrize("day", ["20-11-2026", "20261120", "2026-W47-5", "2026-324"])
def test_a_day_is_spelt_one_way(desk, put, day) -> None:
    answer = put(desk.write([]), day=day)
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/day")
    assert desk.count("settlement") == 0


def test_discrepancies_are_listed_newest_first_page_by_page(desk, get) -> None:
    desk.settle([desk.row(f"X{number}", 1_000 + number) for number in range(5)])
    first = get("/v1/discrepancies?limit=3").json
    second = get(f"/v1/discrepancies?limit=3&cursor={first['next']}").json
    amounts = [row["amount"] for row in [*first["data"], *second["data"]]]
    assert sorted(amounts) == [1_000, 1_001, 1_002, 1_003, 1_004]
    assert second["next"] is None
    row = first["data"][0]
    assert (row["kind"], row["state"], row["account"], row["date"], row["currency"]) == (
        "missing_at_hub",
        "open",
        "vnpay-main",
        "2026-11-20",
        "VND",
    )
    assert row["evidence"]["hub"] is None
    for query, count in (
        ("state=resolved", 0),
        ("state=open", 5),
        ("kind=missing_at_hub", 5),
        ("kind=late", 0),
        ("date=2026-11-20", 5),
        ("date=2026-11-19", 0),
    ):
        assert len(get(f"/v1/discrepancies?{query}").json["data"]) == count, query
    for query in ("kind=unheard_of", "state=shut", "cursor=pay_1", "limit=0", "page=2"):
        assert get(f"/v1/discrepancies?{query}").status_code == 422, query


def test_runs_and_discrepancies_of_another_mode_are_not_found(get) -> None:
    assert get(f"/v1/runs/run_{uuid.uuid4().hex}").status_code == 404
    assert get(f"/v1/runs/run_test_{uuid.uuid4().hex}").status_code == 404


def test_a_run_whose_job_was_lost_is_started_again(desk, hub, clock, work) -> None:
    imported = desk.take([])
    assert hub.redis.llen("rq:queue:payhub") == 0
    jobs.start_waiting()
    jobs.start_waiting()
    assert hub.redis.llen("rq:queue:payhub") == 1, "not twice"
    work()
    assert desk.run().id == imported.run_id


def test_a_run_whose_worker_died_is_started_again_at_once(desk, hub, clock, work) -> None:
    imported = desk.take([])
    with hub.db.session() as session:
        run = session.get(Run, imported.run_id)
        run.state, run.started_at, run.starts = "running", clock.now(), 1
    jobs.start_waiting()
    work()
    assert desk.run().id == imported.run_id


def test_without_the_queue_a_run_waits(desk, hub) -> None:
    imported = desk.take([])
    gone = Redis.from_url("unix:///nowhere/valkey.sock")
    jobs.send(type(hub)(**{name: getattr(hub, name) for name in hub.__slots__} | {"redis": gone}), imported.run_id)
    assert desk.waiting() == [imported.run_id]


@pytest.fixture
def payhub(hub):
    def invoke(*arguments: str):
        command, *rest = arguments
        named = {each.name: each for each in (*commands.COMMANDS, *reports.COMMANDS)}
        return CliRunner().invoke(named[command], rest, obj=lambda: hub, catch_exceptions=True)

    return invoke


def test_reconcile_imports_runs_and_prints(desk, payhub, tmp_path) -> None:
    attempt = desk.pay()
    missing = desk.pay()
    file = tmp_path / "vnpay-2026-11-20.csv"
    file.write_bytes(desk.write([desk.row_of(attempt), desk.row("Y", "?")], total=210_000))
    printed = payhub("reconcile", "vnpay-main", "2026-11-20", str(file), "--now")
    assert printed.exit_code == 0, printed.output
    for words in (
        "vnpay-2026-11-20.csv: 1 lines, 1 rows set aside",
        "row 3, column SoTien",
        "matched",
        "missing_at_gateway",
        "200.000",
        "count_or_sum_differs",
    ):
        assert words in printed.output
    again = payhub("reconcile", "vnpay-main", "2026-11-20", str(file), "--now")
    assert "known already" in again.output
    assert desk.disputes()[f"missing_at_gateway payment/{missing.reference}"] == 200_000


def test_reconcile_without_a_file_says_that_there_is_none(payhub) -> None:
    refused = payhub("reconcile", "vnpay-main", "2026-11-20", "--now").exception
    assert isinstance(refused, SettlementMissing)
    assert "2026-11-20" in str(refused)


def test_reconcile_waits_for_a_worker(desk, payhub, work, monkeypatch) -> None:
    desk.take([])
    # The worker does its work while the command sleeps, in this one thread.
    monkeypatch.setattr(commands.time, "sleep", lambda _: work())
    printed = payhub("reconcile", "vnpay-main", "2026-11-20")
    assert printed.exit_code == 0, printed.output
    assert "run of vnpay-main, 2026-11-20: done" in printed.output
    assert "no open discrepancies" in printed.output


def test_totals_and_discrepancies_are_printed(desk, payhub) -> None:
    attempt = desk.pay()
    desk.settle([desk.row_of(attempt), desk.row("X", 5_000)])
    printed = payhub("totals", "2026-11-20")
    assert [line.split() for line in printed.output.splitlines() if "VND" in line] == [
        ["000.00.00.G15", "le_phi", "1", "200.000", "200.000", "0", "0", "0", "200.000", "VND"],
        ["TOTAL", "1", "200.000", "200.000", "0", "0", "0", "200.000", "VND"],
        ["vnpay-main", "0", "0", "0", "VND"],
    ]
    assert ["missing_at_hub", "1", "5.000", "VND", "0"] in [line.split() for line in payhub("discrepancies").output.splitlines()]
    assert "no open discrepancies" in payhub("discrepancies", "--date", "2026-11-19").output


@pytest.mark.usefixtures("gateway")
def test_totals_by_gateway_account_are_parts_of_the_same_whole(desk, payhub) -> None:
    of_two = [{"fee": "P-CHUNGTHUC", "agency": "000.00.00.H29", "amount": 8_000, "quantity": 4}, {"fee": "LP-GPXD", "agency": "000.00.00.G04", "amount": 75_000}]
    desk.settle([desk.row_of(desk.pay(lines=of_two, portal="mot-cua-hcm"))])
    desk.account = "zalopay-main"
    desk.pay()
    printed = payhub("totals", "2026-11-20", "--by", "gateway").output
    assert [line.split() for line in printed.splitlines()[1:]] == [
        ["gateway", "account", "kind", "count", "collected", "reported", "difference", "banked", "retained", "budget", "currency"],
        ["vnpay-main", "2", "83.000", "83.000", "0", "0", "4.000", "79.000", "VND"],
        ["zalopay-main", "1", "200.000", "0", "200.000", "0", "0", "200.000", "VND"],
        ["TOTAL", "3", "283.000", "83.000", "200.000", "0", "4.000", "279.000", "VND"],
        ["of", "no", "agency", "fees", "adjusted", "unapplied", "currency"],
        ["vnpay-main", "0", "0", "0", "VND"], ["zalopay-main", "0", "0", "0", "VND"],
    ]  # fmt: skip


def test_totals_show_what_left_on_days_when_something_did(desk, payhub) -> None:
    desk.pay()
    desk.say(desk.pay(), Outcome.REVERSED)
    printed = payhub("totals", "2026-11-20").output.splitlines()
    assert printed[1].split() == ["agency", "kind", "count", "collected", "reversed", "owed", "reported", "difference", "banked", "retained", "budget", "currency"]
    assert printed[3].split() == ["TOTAL", "1", "400.000", "200.000", "200.000", "0", "200.000", "0", "0", "200.000", "VND"]
    assert payhub("totals", "2026-11-20", "--mode", "cohort", "--until", "2026-11-21").output.startswith("cohort of 2026-11-20 to 2026-11-21\n")
    assert "at most 92 days" in payhub("totals", "2026-11-20", "--until", "2026-11-19").output


def test_the_same_bytes_for_more_days_are_another_settlement(desk, put) -> None:
    body = desk.write([desk.row_of(desk.pay())])
    first, more = put(body), put(body, query="?until=2026-11-21")
    assert (first.status_code, more.status_code, more.json["already"]) == (202, 202, False)
