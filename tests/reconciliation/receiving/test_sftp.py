"""Files of an SFTP server: only of the one whose key is known, once, and again where it could not be reached."""

from __future__ import annotations

import io
import time
from datetime import date

import paramiko
import pytest

from payhub.secrets import service
from payhub.secrets.kinds import KINDS
from reconciliation.receiving import jobs, looking

NOON = time.time() - 3600


@pytest.fixture
def bank(server, source, share):
    """The register's row for the server, and its password."""

    def write(**changes):
        row = {"code": "vnpay-sftp", "files": "settlement", "way": "sftp", "gateway_account": "vnpay-main", "names": "ST_{yyyyMMdd}.csv", "late_days": 0,
               "host": "127.0.0.1", "port": server.port, "user_name": "payhub", "host_key": server.line(), "folder": "out"}  # fmt: skip
        source(**{**row, **changes})

    write()
    share("vnpay-sftp", "password", server.password)
    return server


@pytest.fixture
def thu(hire):
    return hire("thu", "admin")


@pytest.fixture
def pull(hub, take, clock):
    """Ask the server now, and take what it has."""

    def now() -> bool:
        clock.pass_(minutes=20)
        with hub.db.session() as session:
            sources = looking.due(hub, session)
        reached = [looking.poll(hub, each) for each in sources]
        take()
        return reached == [True]

    return now


@pytest.fixture
def stands(client, keys):
    """How it stands with the server."""

    def look() -> dict:
        found = client.get("/v1/file-sources", headers={"Authorization": f"Bearer {keys['kbnn']}"}).json["data"]
        return next(each for each in found if each["code"] == "vnpay-sftp")

    return look


def test_files_of_the_days_that_are_looked_for_are_taken_once_and_a_correction_takes_their_place(
    desk, bank, pull, came, rows, stands
) -> None:
    body = desk.write([desk.row_of(desk.pay())])
    bank.give("out/ST_20261120.csv", body, mtime=NOON)
    bank.give("out/ST_20261101.csv", body, mtime=NOON)
    bank.give("out/other.txt", b"not ours", mtime=NOON)
    (bank.root / "out" / "ST_20261119.csv").symlink_to("/etc/hostname")
    (bank.root / "out" / "ST_20261118.csv").mkdir()
    assert pull()
    assert pull()
    assert came() == [("ST_20261120.csv", "taken", None)]
    shown = stands()
    assert (shown["failures"], shown["error"]) == (0, None)
    assert shown["reached_at"] == shown["tried_at"]
    assert shown["next_at"] > shown["tried_at"]
    bank.give("out/ST_20261120.csv", body, mtime=NOON + 60)
    assert pull()
    bank.give("out/ST_20261120.csv", desk.write([desk.row("X", 1_000)]), mtime=NOON + 120)
    assert pull()
    assert [state for _, state, _ in came()] == ["taken", "known", "taken"]
    assert rows("SELECT period_on, line_sum FROM settlement WHERE superseded_by_id IS NULL") == [(date(2026, 11, 20), 1_000)]
    desk.carry_out()


def test_another_server_under_the_same_address_is_told_nothing(desk, bank, pull, came, stands) -> None:
    bank.give("out/ST_20261120.csv", desk.write([desk.row("A", 1_000)]), mtime=NOON)
    bank.host_key = paramiko.ECDSAKey.generate()
    assert not pull()
    assert stands()["error"] == "host_key_differs"
    bank.host_key = paramiko.RSAKey.generate(2048)
    assert not pull()
    assert (stands()["error"], stands()["failures"]) == ("host_key_differs", 2)
    assert (bank.tried, came()) == ([], [])


def test_a_server_that_is_away_or_silent_is_tried_later_each_time_and_is_found_again(desk, hub, bank, pull, came, clock, stands) -> None:
    bank.give("out/ST_20261120.csv", desk.write([desk.row("A", 1_000)]), mtime=NOON)
    bank.mute = True
    object.__setattr__(hub.settings.files, "timeout_s", 0.3)
    assert not pull()
    waits = []
    for _ in range(3):
        with hub.db.session() as session:
            assert looking.due(hub, session) == [], "not before its time"
        assert not pull() if waits else True
        shown = stands()
        waits.append((shown["failures"], shown["next_at"] > shown["tried_at"], shown["reached_at"]))
    assert [failures for failures, _, _ in waits] == [1, 2, 3]
    assert stands()["error"] in {"timed_out", "protocol"}
    bank.mute = False
    object.__setattr__(hub.settings.files, "timeout_s", 5.0)
    assert pull()
    assert (came(), stands()["failures"]) == ([("ST_20261120.csv", "taken", None)], 0)
    desk.carry_out()


def test_a_server_that_goes_away_between_finding_a_file_and_fetching_it_is_asked_again(desk, hub, bank, came, take, clock, bound) -> None:
    bank.give("out/ST_20261120.csv", desk.write([desk.row("A", 1_000)]), mtime=NOON)
    [source_id] = [each.id for each in looking.asked(hub)]
    jobs.poll(str(source_id))
    (bank.root / "out").rename(bank.root / "away")
    take()
    assert came() == [("ST_20261120.csv", "waiting", "folder_missing")]
    take()
    (bank.root / "away").rename(bank.root / "out")
    clock.pass_(seconds=10)
    take()
    assert came() == [("ST_20261120.csv", "taken", None)]
    desk.carry_out()


@pytest.mark.parametrize("wrong", ["password", "user", "folder", "key", "none"])
def test_what_stands_in_the_way_is_said_in_a_word_and_no_secret_is(desk, hub, server, source, share, pull, stands, capsys, wrong) -> None:
    row = {"code": "vnpay-sftp", "files": "settlement", "way": "sftp", "gateway_account": "vnpay-main", "names": "ST_{yyyyMMdd}.csv", "late_days": 0, "host": "127.0.0.1",
           "port": server.port, "user_name": "payhub", "host_key": server.line(), "folder": "out"}  # fmt: skip
    source(**row | {"user": {"user_name": "another"}, "folder": {"folder": "nowhere"}}.get(wrong, {}))
    if wrong != "none":
        share("vnpay-sftp", "private_key" if wrong == "key" else "password", "not-the-bank's" if wrong in {"password", "key"} else server.password)
    assert not pull()
    said = {"password": "login_refused", "user": "login_refused", "folder": "folder_missing", "key": "key_unreadable", "none": "no_secret"}
    assert stands()["error"] == said[wrong]
    written = capsys.readouterr()
    assert "not-the-bank" not in written.out + written.err
    assert server.password not in written.out + written.err


def test_a_key_opens_too_and_of_two_that_are_live_the_older_as_well(desk, bank, share, pull, came, clock) -> None:
    bank.give("out/ST_20261120.csv", desk.write([desk.row("A", 1_000)]), mtime=NOON)
    for key in (bank.client_key, paramiko.ECDSAKey.generate()):
        text = io.StringIO()
        key.write_private_key(text)
        share("vnpay-sftp", "private_key", text.getvalue().strip())
        clock.pass_(seconds=1)
    assert pull()
    assert came() == [("ST_20261120.csv", "taken", None)]
    assert set(bank.tried) == {"payhub key"}
    desk.carry_out()


def test_a_file_that_is_larger_than_allowed_is_refused_and_nothing_of_it_is_kept(desk, hub, bank, pull, came) -> None:
    bank.give("out/ST_20261120.csv", desk.write([desk.row("A", 1_000)]) * 50, mtime=NOON)
    object.__setattr__(hub.settings.files, "most_bytes", 1_000)
    assert pull()
    assert came() == [("ST_20261120.csv", "refused", "file_too_large")]
    assert desk.count("settlement") == 0


def test_a_password_is_shared_by_two_people_and_destroyed_with_the_next(desk, hub, server, source, thu, minh, clock, pull, came, rows) -> None:
    server.host_key = paramiko.RSAKey.generate(2048)
    source(code="vnpay-sftp", files="settlement", way="sftp", gateway_account="vnpay-main", names="ST_{yyyyMMdd}.csv", late_days=0, host="127.0.0.1",
           port=server.port, user_name="payhub", host_key=server.line(), folder="out")  # fmt: skip
    server.give("out/ST_20261120.csv", desk.write([desk.row("A", 1_000)]), mtime=NOON)
    kind = KINDS["file_source"]
    with hub.db.session() as session:
        owner = kind.find(session, "vnpay-sftp")
        added = service.add(hub, session, kind, owner, thu.person.principal, use="password", given=server.password)
    assert not pull(), "one person alone lets nobody in"
    clock.pass_(seconds=60)
    minh.approve(added.proposal.id)
    assert pull()
    assert came() == [("ST_20261120.csv", "taken", None)]
    assert rows("SELECT state, sealed IS NOT NULL FROM file_source_secret") == [("live", True)]
    desk.carry_out()
