"""After kills: nothing committed is lost, and the next start finds what is there."""

import os
import signal
import subprocess
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from payhub.embedded.process import wait_until

pytestmark = pytest.mark.heavy

START_AND_DIE = """
import os, signal, sys
from pathlib import Path
from payhub.embedded import start
servers = start(Path(sys.argv[1]), settings={"fsync": "off"})
print(servers.postgres_pid, servers.redis_pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""

START_AND_WAIT = """
import sys
from pathlib import Path
from payhub.embedded import start
with start(Path(sys.argv[1]), settings={"fsync": "off"}) as servers:
    try:
        print("up", flush=True)
        sys.stdin.read()
    except KeyboardInterrupt:
        joined = start(Path(sys.argv[1]), settings={"fsync": "off"})
        print(joined.postgres_pid == servers.postgres_pid, joined.redis_pid == servers.redis_pid, flush=True)
print("down", flush=True)
"""

BUSY = b"DO $$ BEGIN WHILE clock_timestamp() < now() + interval '1 s' LOOP END LOOP; END $$"


def works(pid):
    """Tell whether a process still does anything; a zombie does not, whoever may have left it unburied."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_committed_row_survives_a_killed_postgres(home, ask, begin):
    servers = begin(home)
    ask(servers, "CREATE TABLE paid (n int)")
    ask(servers, "INSERT INTO paid SELECT generate_series(1, 1000)")
    os.kill(servers.postgres_pid, signal.SIGKILL)
    recovered = begin(home)
    assert recovered.postgres_pid != servers.postgres_pid
    assert recovered.redis_pid == servers.redis_pid
    assert ask(recovered, "SELECT count(*) FROM paid") == 1000


def test_a_written_key_survives_a_killed_valkey(home, cache, begin):
    servers = begin(home)
    cache(servers).set("job", "1")
    os.kill(servers.redis_pid, signal.SIGKILL)
    recovered = begin(home)
    assert recovered.redis_pid != servers.redis_pid
    assert recovered.postgres_pid == servers.postgres_pid
    assert cache(recovered).get("job") == "1"


def test_a_new_postgres_waits_for_the_last_session_of_a_killed_one(home, ask, begin):
    servers = begin(home)
    with closing(psycopg.connect(servers.addresses.database_url.replace("+psycopg", ""))) as connection:
        session = connection.info.backend_pid
        connection.pgconn.send_query(BUSY)
        assert wait_until(lambda: ask(servers, f"SELECT state FROM pg_stat_activity WHERE pid = {session}") == "active", 10)
        os.kill(servers.postgres_pid, signal.SIGKILL)
        assert ask(begin(home), "SELECT 1") == 1
        assert not works(session)


@pytest.fixture(params=["stranger", "zombie"])
def misleading_pid(request):
    """A pid that exists and has nothing to do with the server that once had it."""
    process = subprocess.Popen(["sleep", "60" if request.param == "stranger" else "0"])
    if request.param == "zombie":
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    yield process.pid
    process.kill()
    process.wait()


def test_a_pid_file_that_names_a_stranger_or_a_zombie_is_not_believed(home, ask, misleading_pid, begin):
    servers = begin(home)
    written = (home / "postgres" / "postmaster.pid").read_text().splitlines()
    os.kill(servers.postgres_pid, signal.SIGKILL)
    os.kill(servers.redis_pid, signal.SIGKILL)
    (home / "postgres" / "postmaster.pid").write_text("\n".join([str(misleading_pid), *written[1:]]) + "\n")
    (home / "postgres" / ".s.PGSQL.5432.lock").write_text(f"{misleading_pid}\n")
    (home / "valkey" / "valkey.pid").write_text(f"{misleading_pid}\n")
    with begin(home) as recovered:
        assert ask(recovered, "SELECT 1") == 1
        assert misleading_pid not in (recovered.postgres_pid, recovered.redis_pid)


def test_servers_of_a_killed_parent_are_found_and_joined(home, script, ask, begin):
    said, _ = script(START_AND_DIE, home).communicate(timeout=60)
    servers = begin(home)
    assert said.split() == [str(servers.postgres_pid), str(servers.redis_pid)]
    servers.stop()
    assert not (home / "postgres" / "postmaster.pid").exists()


def test_a_half_made_data_folder_is_made_anew(home, ask, begin):
    unfinished = home / "postgres.new"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")
    with begin(home) as servers:
        assert ask(servers, "SELECT 1") == 1
    assert not unfinished.exists()


def test_a_data_folder_still_being_made_for_a_killed_parent_is_waited_for(home, script, ask, begin):
    process = script(START_AND_DIE, home)
    assert wait_until((home / "postgres.new" / "PG_VERSION").exists, 30)
    process.kill()
    with begin(home) as servers:
        assert ask(servers, "SELECT current_database()") == "payhub"


def test_servers_whose_sockets_were_removed_are_replaced(home, ask, cache, begin):
    servers = begin(home)
    ask(servers, "CREATE TABLE kept AS SELECT 42 AS n")
    cache(servers).set("kept", "42")
    (home / "postgres" / ".s.PGSQL.5432").unlink()
    (home / "valkey" / "valkey.sock").unlink()
    again = begin(home)
    assert {again.postgres_pid, again.redis_pid}.isdisjoint({servers.postgres_pid, servers.redis_pid})
    assert ask(again, "SELECT n FROM kept") == 42
    assert cache(again).get("kept") == "42"


def test_ctrl_c_leaves_the_servers_to_our_orderly_stop(home, script):
    process = script(START_AND_WAIT, home, stdin=subprocess.PIPE, start_new_session=True)
    assert process.stdout.readline() == "up\n"
    os.killpg(process.pid, signal.SIGINT)
    assert process.stdout.readlines() == ["True True\n", "down\n"]
    assert process.wait(timeout=30) == 0
    log = (home / "log" / "postgres.log").read_text()
    assert log.count("received fast shutdown request") == 1
    assert "was not properly shut down" not in log


def test_processes_that_start_at_the_same_time_share_one_pair_of_servers(home, script, begin):
    lines = START_AND_DIE.replace("os.kill(", "# os.kill(")
    processes = [script(lines, home) for _ in range(3)]
    said = [process.communicate(timeout=60)[0] for process in processes]
    servers = begin(home)
    assert said == [f"{servers.postgres_pid} {servers.redis_pid}\n"] * 3
    assert (home / "log" / "postgres.log").read_text().count("starting PostgreSQL") == 1
