"""Projects in folders of their own, and servers that never outlive a test."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import traceback
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
import redis

from payhub.embedded import EmbeddedError, start
from payhub.embedded.accounts import STORE
from payhub.embedded.postgres import PostgresServer
from payhub.embedded.programs import find_postgres
from payhub.embedded.sockets import place
from payhub.embedded.valkey import ValkeyServer

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def folder():
    """A folder nobody else may enter. Its name is short: the path of a socket must not grow with the name of a test."""
    path = Path(tempfile.mkdtemp(prefix="ph-"))
    yield path
    datas = [data for data in path.rglob("*") if data.name in {"postgres", "valkey"}]
    sockets = {place(data, uid) for data in datas for uid in (os.geteuid(), *accounts_of(data))} - set(datas)
    for home in [each.parents[1] for each in path.rglob("run/start.lock")]:
        ValkeyServer(home, "valkey").stop()
        PostgresServer(home, "postgres").stop()
    for link in [each for each in path.rglob("postgres") if each.is_symlink() and each.resolve().is_relative_to(STORE)]:
        shutil.rmtree(link.resolve().parent, ignore_errors=True)
    shutil.rmtree(path)
    for left in sockets:
        with suppress(FileNotFoundError):
            left.rmdir()


def accounts_of(data):
    """Say whose a data folder is: a server may run as another user."""
    return [data.stat().st_uid] if data.exists() else []


@pytest.fixture
def open_folder(folder):
    """The same, but every user of the machine may walk through."""
    folder.chmod(0o755)
    return folder


@pytest.fixture
def home(folder):
    return folder / "home"


@pytest.fixture(scope="session")
def made():
    """A project whose data folders are made and whose servers are stopped."""
    path = Path(tempfile.mkdtemp(prefix="ph-"))
    start(path / "made", settings={"fsync": "off"}).stop()
    yield path / "made"
    shutil.rmtree(path)


@pytest.fixture
def begin(made):
    """Start a project's servers without waiting for the disk; a new one without options is a copy, which is sooner made."""

    def begin(home, **options):
        if not options and not home.exists():
            subprocess.run(["cp", "-a", made, home], check=True)
        return start(home, **{"settings": {"fsync": "off"}, **options})

    return begin


@pytest.fixture
def ask():
    """Say one thing to PostgreSQL and return the first value of its answer."""

    def ask(servers, statement):
        with psycopg.connect(servers.addresses.database_url.replace("+psycopg", ""), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchone()[0] if cursor.description else None

    return ask


@pytest.fixture
def cache():
    """Open a client of the project's Valkey."""
    clients = []

    def cache(servers):
        clients.append(redis.Redis.from_url(servers.addresses.redis_url, decode_responses=True))
        return clients[-1]

    yield cache
    for client in clients:
        client.close()


@pytest.fixture
def python_path():
    """What another Python needs to import the project."""
    return os.pathsep.join([str(PROJECT), *os.environ.get("PYTHONPATH", "").split(os.pathsep)])


@pytest.fixture
def script(python_path):
    """Start another Python that runs some lines against a home."""
    running = []

    def script(lines, *arguments, environment=None, **options):
        command = [sys.executable, "-W", "error", "-B", "-c", lines, *map(str, arguments)]
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": python_path, **(environment or {})}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, **options)
        running.append(process)
        return process

    yield script
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture
def as_user():
    """Do some work as another user in a child process and return what it found, which json must be able to carry."""

    def as_user(uid, work):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            answer = {}
            try:
                os.setgroups([])
                os.setgid(uid)
                os.setuid(uid)
                os.environ.pop("HOME", None)
                answer = {"result": work()}
            except BaseException:  # noqa: BLE001 - told to the parent
                answer = {"error": traceback.format_exc()}
            finally:
                os.write(writing, json.dumps(answer).encode())
                os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            answer = json.load(pipe)
        os.waitpid(child, 0)
        if "error" in answer:
            pytest.fail(answer["error"])
        return answer["result"]

    return as_user


@pytest.fixture
def needs_root():
    if os.geteuid() != 0:
        pytest.skip("only root can become someone else")


@pytest.fixture
def needs_namespaces():
    command = ["unshare", "--user", "--map-user=1", "--map-group=1", "--", "true"]
    if shutil.which("unshare") is None or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("this container forbids user namespaces")


@pytest.fixture
def needs_reach(needs_root):
    """The programs must be reachable for other users where they are."""
    program = find_postgres("auto", None, Path("none"))["postgres"]
    try:
        subprocess.run([program, "--version"], capture_output=True, user="nobody", extra_groups=[], check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip(f"the user nobody cannot reach {program}")


@pytest.fixture
def needs_system_postgres():
    try:
        return find_postgres("system", None, Path("none")).major
    except EmbeddedError as error:
        pytest.skip(str(error))
