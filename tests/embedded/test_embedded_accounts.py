"""Root, other users and users without a name: who runs PostgreSQL, and in which folders."""

import os
import pwd
import signal
from pathlib import Path

import pytest

from payhub.embedded import EmbeddedError
from payhub.embedded.accounts import OTHERS, STORE

pytestmark = pytest.mark.heavy

NOBODY = 65534


@pytest.fixture
def other():
    """The uid PostgreSQL gets when it cannot keep ours."""
    known = {entry.pw_name: entry.pw_uid for entry in pwd.getpwall()}
    return next(known[name] for name in OTHERS if name in known)


def runs_as(pid):
    return Path(f"/proc/{pid}").stat().st_uid


def survives_a_kill(begin, home, ask, run_as):
    servers = begin(home, run_as=run_as)
    ask(servers, "CREATE TABLE kept AS SELECT 42 AS n")
    os.kill(servers.postgres_pid, signal.SIGKILL)
    recovered = begin(home, run_as=run_as)
    assert ask(recovered, "SELECT n FROM kept") == 42
    return recovered


def test_root_runs_postgres_in_a_namespace_even_in_closed_folders(home, ask, needs_root, needs_namespaces, begin):
    with survives_a_kill(begin, home, ask, "namespace") as servers:
        assert runs_as(servers.postgres_pid) == 0
        assert (home / "postgres").stat().st_uid == 0


def test_root_runs_postgres_as_another_user_in_open_folders(open_folder, ask, needs_reach, other, begin):
    with survives_a_kill(begin, open_folder / "home", ask, "other") as servers:
        assert runs_as(servers.postgres_pid) == other
        assert (open_folder / "home" / "postgres").stat().st_uid == other


def test_another_user_is_refused_in_a_closed_folder_whose_door_stays_closed(home, folder, needs_root, begin):
    with pytest.raises(EmbeddedError, match=r"No account here can run PostgreSQL.*\(tried: other\)"):
        begin(home, run_as="other")
    assert folder.stat().st_mode & 0o777 == 0o700


def test_root_runs_postgres_from_a_copy_when_all_else_fails(home, folder, ask, needs_root, other, begin):
    with survives_a_kill(begin, home, ask, "copy") as servers:
        assert runs_as(servers.postgres_pid) == other
        assert (home / "postgres").is_symlink()
        assert (home / "postgres").resolve().is_relative_to(STORE)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_long_path_does_for_another_user_too(open_folder, ask, needs_reach, other, begin):
    with begin(open_folder / ("x" * 110), run_as="other") as servers:
        assert ask(servers, "SELECT 1") == 1
        assert runs_as(servers.postgres_pid) == other


def test_root_tries_namespace_then_other_user_then_copy(folder, monkeypatch, needs_reach, needs_namespaces, other, begin):
    folder.chmod(0o755)
    with begin(folder / "first") as servers:
        assert runs_as(servers.postgres_pid) == 0
    monkeypatch.setenv("PATH", "")  # without unshare there are no namespaces
    with begin(folder / "second", run_as="auto") as servers:
        assert runs_as(servers.postgres_pid) == other
        assert not (folder / "second" / "postgres").is_symlink()
    folder.chmod(0o700)
    with begin(folder / "third", run_as="auto") as servers:
        assert runs_as(servers.postgres_pid) == other
        assert (folder / "third" / "postgres").is_symlink()


def test_data_follows_the_account_that_can_run(open_folder, ask, needs_reach, needs_namespaces, other, begin):
    home = open_folder / "home"
    with begin(home, run_as="other") as servers:
        ask(servers, "CREATE TABLE kept AS SELECT 42 AS n")
    for run_as, owner in (("namespace", 0), ("other", other)):
        with begin(home, run_as=run_as) as servers:
            assert ask(servers, "SELECT n FROM kept") == 42
            assert {path.stat().st_uid for path in (home / "postgres").rglob("*")} == {owner}


def test_data_in_the_project_is_never_moved_out_of_it(home, needs_root, needs_namespaces, begin):
    begin(home, run_as="namespace").stop()
    with pytest.raises(EmbeddedError, match="tried: copy"):
        begin(home, run_as="copy")
    assert not (home / "postgres").is_symlink()


def test_a_link_to_data_that_is_gone_is_not_taken_for_a_new_project(home, needs_root, begin):
    home.mkdir()
    (home / "postgres").symlink_to(STORE / "gone" / "postgres")
    with pytest.raises(EmbeddedError, match="Remove the link to begin with an empty database"):
        begin(home)
    (home / "postgres").unlink()


def test_root_itself_cannot_run_postgres(home, needs_root, begin):
    with pytest.raises(EmbeddedError, match="tried: self"):
        begin(home, run_as="self")


def test_an_ordinary_user_runs_both_servers_alone(open_folder, ask, as_user, needs_reach, begin):
    home = open_folder / "theirs" / "home"
    home.parent.mkdir(mode=0o700)
    os.chown(home.parent, NOBODY, NOBODY)

    def work():
        with begin(home, run_as="auto") as servers:
            return [runs_as(servers.postgres_pid), runs_as(servers.redis_pid), ask(servers, "SELECT 1")]

    assert as_user(NOBODY, work) == [NOBODY, NOBODY, 1]


def test_a_user_without_a_name_runs_postgres_in_a_namespace(open_folder, ask, as_user, needs_reach, needs_namespaces, begin):
    home = open_folder / "theirs" / "home"
    home.parent.mkdir(mode=0o700)
    os.chown(home.parent, 54321, 54321)

    def work():
        with begin(home, run_as="auto") as servers:
            return [runs_as(servers.postgres_pid), ask(servers, "SELECT 1")]

    assert as_user(54321, work) == [54321, 1]


def test_a_home_of_somebody_else_is_explained(open_folder, as_user, needs_reach, begin):
    home = open_folder / "home"
    begin(home).stop()

    def work():
        try:
            begin(home, run_as="auto")
        except EmbeddedError as error:
            return str(error)

    assert "Check that the folder is yours" in as_user(NOBODY, work)
