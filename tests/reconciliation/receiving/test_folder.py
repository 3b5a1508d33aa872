"""A watched folder: each whole file is taken once, whoever looks, and one that is not taken says why in both languages."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date

from click.testing import CliRunner

from reconciliation.receiving import commands, folder, jobs, working


def test_a_file_that_was_dropped_is_taken_run_and_put_away(desk, inbox, came, bound, rows) -> None:
    body = desk.write([desk.row_of(desk.pay())])
    inbox.drop("vnpay-2026-11-20.csv", body)
    jobs.look()
    for path, argument in ((job.func_name, job.args[0]) for job in _queued(bound)):
        assert path == "reconciliation.receiving.jobs.receive"
        jobs.receive(argument)
    assert came() == [("vnpay-2026-11-20.csv", "taken", None)]
    assert inbox.holds() == {"taken": ["vnpay-2026-11-20.csv"]}
    assert (inbox.path / "taken" / "vnpay-2026-11-20.csv").read_bytes() == body
    desk.carry_out()
    assert desk.classes() == {"matched": 1}
    assert rows("SELECT f.way, f.files, f.from_on, f.until_on, f.starts, s.id = f.settlement_id FROM received_file f, settlement s") == [
        ("folder", "settlement", date(2026, 11, 20), date(2026, 11, 20), 1, True)
    ]


def _queued(hub):
    from rq import Queue

    from payhub import jobs as queue

    return Queue(queue.QUEUE, connection=hub.redis).get_jobs()


def test_what_cannot_be_taken_is_refused_with_its_reason_and_the_rest_is_taken(desk, inbox, came, tmp_path) -> None:
    good = desk.write([desk.row("A", 1_000)])
    inbox.drop("vnpay-2026-11-20.csv", good)
    inbox.drop("vnpay-2026-11-19.csv", b"no,such,header\n1,2,3\n")
    inbox.drop("other.csv", good)
    secret = tmp_path / "secret"
    secret.write_bytes(good)
    (inbox.path / "incoming" / "vnpay-2026-11-18.csv").symlink_to(secret)
    (inbox.path / "incoming" / "vnpay-\u202e2026-11-17.csv").write_bytes(good)
    (inbox.path / "incoming" / "a folder").mkdir()
    os.mkfifo(inbox.path / "incoming" / "pipe.csv")
    inbox.look()
    assert {(state, error) for _, state, error in came()} == {
        ("taken", None), ("refused", "settlement_header_wrong"), ("refused", "file_name_unexpected"), ("refused", "file_not_plain"),
        ("refused", "file_name_odd"),
    }  # fmt: skip
    assert len(came()) == 7
    held = inbox.holds()
    assert held["taken"] == ["vnpay-2026-11-20.csv"]
    refused = [name for name in held["refused"] if not name.endswith(".txt")]
    assert len(refused) == 6
    assert held["refused"] == sorted([*refused, *(f"{name}.txt" for name in refused)])
    told = (inbox.path / "refused" / "vnpay-2026-11-19.csv.txt").read_text()
    assert "Lý do: " in told
    assert "Reason: " in told
    assert told.rstrip().endswith("settlement_header_wrong")
    assert "such" not in told, "nothing of what stood in the file"
    assert secret.read_bytes() == good
    assert desk.count("settlement") == 1
    inbox.look()
    assert len(came()) == 7


def test_a_file_that_is_still_being_written_is_left_alone(desk, hub, inbox, came, monkeypatch) -> None:
    patient = replace(hub.settings, files=replace(hub.settings.files, quiet_s=1))
    inbox.hub = type(hub)(**{name: getattr(hub, name) for name in hub.__slots__} | {"settings": patient})
    body = desk.write([desk.row("A", 1_000)])
    (inbox.path / "incoming").mkdir(parents=True)
    path = inbox.path / "incoming" / "vnpay-2026-11-20.csv"
    for unfinished in (".vnpay-2026-11-20.csv", "vnpay-2026-11-19.csv.part"):
        (inbox.path / "incoming" / unfinished).write_bytes(body)
    path.write_bytes(body[:40])
    inbox.look()
    # The folder is judged by the file system's own time, which no clock of ours moves.
    time.sleep(0.6)
    with path.open("ab") as growing:
        growing.write(body[40:])
    os.utime(path, (0, 0))
    inbox.look()
    assert came() == [], "it changed less than a second ago, whatever date it was given"
    # As above: longer than it must be left alone.
    time.sleep(1.1)
    inbox.look()
    assert [state for _, state, _ in came()] == ["taken"]


def test_a_file_that_is_replaced_before_it_is_read_is_taken_as_what_it_has_become(desk, hub, inbox, came) -> None:
    inbox.drop("vnpay-2026-11-20.csv", desk.write([desk.row("A", 1_000)]))
    folder.look(hub)
    inbox.drop("vnpay-2026-11-20.csv", desk.write([desk.row("A", 2_000)]))
    inbox.look()
    assert came() == [("vnpay-2026-11-20.csv", "failed", "file_gone"), ("vnpay-2026-11-20.csv", "taken", None)]
    assert desk.count("settlement") == 1


def test_the_same_file_again_changes_nothing_and_another_of_the_day_takes_its_place(desk, clock, inbox, came, rows) -> None:
    for amount in (1_000, 1_000, 2_000):
        inbox.drop("vnpay-2026-11-20.csv", desk.write([desk.row("A", amount)]))
        inbox.look()
        clock.pass_(minutes=1)
    assert [state for _, state, _ in came()] == ["taken", "known", "taken"]
    assert len(inbox.holds()["taken"]) == 3
    assert rows("SELECT line_sum FROM settlement WHERE superseded_by_id IS NULL") == [(2_000,)]
    assert desk.count("settlement") == 2
    desk.carry_out()


def test_many_workers_take_each_file_once(desk, hub, inbox, came) -> None:
    for day in range(10, 20):
        inbox.drop(f"vnpay-2026-11-{day}.csv", desk.write([desk.row("A", 1_000, date(2026, 11, day))]))
    with ThreadPoolExecutor(2) as workers:
        for done in [workers.submit(inbox.look) for _ in range(6)]:
            done.result()
    inbox.look()
    assert [state for _, state, _ in came()] == ["taken"] * 10
    assert (desk.count("settlement"), len(inbox.holds()["taken"])) == (10, 10)
    desk.carry_out()


def test_without_a_pattern_the_usual_name_or_the_one_day_of_its_rows_says_the_day(desk, inbox, rewrite, came, rows) -> None:
    rewrite("DELETE FROM file_source")
    friday, saturday = date(2026, 11, 20), date(2026, 11, 21)
    inbox.drop("whatever.csv", desk.write([desk.row("A", 1_000, date(2026, 11, 18))]))
    inbox.drop("2026-11-20_2026-11-21.csv", desk.write([desk.row("B", 1_000, friday), desk.row("C", 1_000, saturday)]))
    inbox.drop("two.csv", desk.write([desk.row("B", 1_000, friday), desk.row("C", 1_000, saturday)]))
    inbox.look()
    assert came() == [("2026-11-20_2026-11-21.csv", "taken", None), ("two.csv", "refused", "file_period_unknown"), ("whatever.csv", "taken", None)]
    assert rows("SELECT period_on, until_on FROM settlement ORDER BY 1") == [(date(2026, 11, 18), date(2026, 11, 18)), (friday, saturday)]
    desk.carry_out()


def test_a_worker_that_died_after_taking_a_file_leaves_it_to_the_next(desk, hub, inbox, came, rows, clock) -> None:
    inbox.drop("vnpay-2026-11-20.csv", desk.write([desk.row("A", 1_000)]))
    folder.look(hub)
    with hub.db.session() as session:
        [file_id] = working.due(session, clock.now())
    row = _row(hub, file_id)
    # As if it had died between any two of the things it does: fetched, taken, said so, put away.
    with hub.db.session() as owner:
        assert working._claim(hub, owner, file_id, clock.now()) is not None
        assert working.execute(hub, file_id) is None, "not by two at once"
        working._attempt(hub, row)
    assert rows("SELECT state, step, starts FROM received_file") == [("running", "taking", 1)]
    inbox.look()
    assert rows("SELECT state, step, starts FROM received_file") == [("taken", None, 2)]
    assert inbox.holds() == {"taken": ["vnpay-2026-11-20.csv"]}
    assert desk.count("settlement") == 1
    # And between the last two.
    (inbox.path / "taken" / "vnpay-2026-11-20.csv").unlink()
    inbox.drop("vnpay-2026-11-19.csv", desk.write([desk.row("B", 1_000, date(2026, 11, 19))]))
    tidied, folder.tidy = folder.tidy, lambda *_: None
    try:
        inbox.look()
    finally:
        folder.tidy = tidied
    assert inbox.holds() == {"incoming": ["vnpay-2026-11-19.csv"]}
    inbox.look()
    assert inbox.holds() == {"taken": ["vnpay-2026-11-19.csv"]}
    assert [state for _, state, _ in came()] == ["taken", "taken"]
    desk.carry_out()


def _row(hub, file_id):
    from reconciliation.receiving.models import ReceivedFile

    with hub.db.session() as session:
        return session.get_one(ReceivedFile, file_id)


def test_a_file_is_cancelled_before_it_is_taken_and_tried_again_by_moving_it_back(desk, hub, inbox, came, client, keys, lan) -> None:
    inbox.drop("vnpay-2026-11-20.csv", desk.write([desk.row("A", 1_000)]))
    folder.look(hub)
    listed = client.get("/v1/received-files?state=waiting&account=vnpay-main", headers={"Authorization": f"Bearer {keys['kbnn']}"}).json
    [row] = listed["data"]
    answer = lan.post(client, f"/v1/received-files/{row['id']}/cancel")
    assert (answer.json["state"], answer.json["decided_by"]) == ("cancelled", "lan")
    assert lan.post(client, f"/v1/received-files/{row['id']}/cancel").json["code"] == "file_over"
    inbox.look()
    assert inbox.holds() == {"refused": ["vnpay-2026-11-20.csv", "vnpay-2026-11-20.csv.txt"]}
    assert desk.count("settlement") == 0
    assert lan.post(client, f"/v1/received-files/{row['id']}/again").json["code"] == "file_not_again"
    (inbox.path / "refused" / "vnpay-2026-11-20.csv").rename(inbox.path / "incoming" / "vnpay-2026-11-20.csv")
    inbox.look()
    assert [state for _, state, _ in came()] == ["cancelled", "taken"]
    desk.carry_out()


def test_a_file_that_is_cancelled_while_it_is_fetched_is_not_taken_and_one_that_is_being_taken_is_not_cancelled(
    desk, hub, inbox, clock, lan, client, rows
) -> None:
    for day in (19, 20):
        inbox.drop(f"vnpay-2026-11-{day}.csv", desk.write([desk.row("A", 1_000, date(2026, 11, day))]))
    folder.look(hub)
    first, second = (file_id for (file_id,) in rows("SELECT id FROM received_file ORDER BY id"))
    with hub.db.session() as owner:
        row = working._claim(hub, owner, first, clock.now())
        assert lan.post(client, f"/v1/received-files/fil_test_{first.hex}/cancel").json["state"] == "cancelled"
        assert working._attempt(hub, row) == (None, {})
        working._claim(hub, owner, second, clock.now())
        assert working._step(hub, second)
        assert lan.post(client, f"/v1/received-files/fil_test_{second.hex}/cancel").json["code"] == "file_over"
    assert desk.count("settlement") == 0
    inbox.look()
    assert rows("SELECT state FROM received_file ORDER BY id") == [("cancelled",), ("taken",)]
    assert inbox.holds() == {"refused": ["vnpay-2026-11-19.csv", "vnpay-2026-11-19.csv.txt"], "taken": ["vnpay-2026-11-20.csv"]}
    desk.carry_out()


def test_a_deployment_at_fault_fails_the_file_and_it_is_tried_again_where_it_lies(desk, hub, inbox, came, lan, tmp_path, rewrite) -> None:
    inbox.drop("vnpay-2026-11-20.csv", desk.write([desk.row("A", 1_000)]))
    rewrite("UPDATE gateway_account SET mapping = 'no-such-mapping' WHERE code = 'vnpay-main'")
    inbox.look()
    assert came() == [("vnpay-2026-11-20.csv", "failed", "mapping_unusable")]
    assert inbox.holds() == {"incoming": ["vnpay-2026-11-20.csv"]}
    rewrite("UPDATE gateway_account SET mapping = 'vnpay-example' WHERE code = 'vnpay-main'")
    shown = CliRunner().invoke(commands.files, [], obj=lambda: hub, env={"COLUMNS": "250"}).output
    file_id = next(word for word in shown.split() if word.startswith("fil_"))
    token = tmp_path / "token"
    token.write_text(lan.token)
    tried = CliRunner().invoke(commands.files, ["again", file_id, "--token-file", str(token)], obj=lambda: hub)
    assert tried.exit_code == 0, tried.output
    assert "taken" in CliRunner().invoke(commands.files, ["look"], obj=lambda: hub).output
    assert inbox.holds() == {"taken": ["vnpay-2026-11-20.csv"]}
    desk.carry_out()


STATEMENT = b":20:STM1\r\n:25:1000000001\r\n:28C:324/1\r\n:60F:C261120VND1000000,\r\n:61:2611201120C5000,NTRFNONREF//FT1\r\n:86:THU HO\r\n:62F:C261120VND1005000,\r\n"


def test_statements_and_notifications_come_the_same_way(hub, inbox, came, source, rewrite, rows) -> None:
    rewrite("UPDATE bank_account SET statements = 'mt940'")
    source(code="bao-co", files="notification", way="folder", names="BC*.xml", bank_account="thu-ho")
    inbox.of, inbox.account = "banks", "thu-ho"
    inbox.drop("sao ke 20.11.sta", STATEMENT)
    inbox.drop("BC1.xml", b"<no/>")
    inbox.drop("again.sta", STATEMENT)
    inbox.look()
    assert rows("SELECT files, state, from_on, statement_id IS NOT NULL FROM received_file ORDER BY id") == [
        ("notification", "refused", None, False), ("statement", "taken", date(2026, 11, 20), True), ("statement", "taken", date(2026, 11, 20), True)
    ]  # fmt: skip
    assert inbox.holds()["taken"] == ["again.sta", "sao ke 20.11.sta"]
    assert rows("SELECT count(*), sum(line_count) FROM statement") == [(1, 1)]
