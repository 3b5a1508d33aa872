"""Children are watched, and none is left whatever happens."""

import os
import time
from pathlib import Path

import pytest

from payhub.demo.errors import DemoFailed
from payhub.demo.processes import Processes

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
PARENT = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); print('up', flush=True); time.sleep(600)"


@pytest.fixture
def processes(tmp_path):
    with Processes(tmp_path, tmp_path, {**os.environ, "PAYHUB_TEST_MARK": str(tmp_path)}, stop_s=0.5) as running:
        yield running


def marked(folder):
    """The processes that were started with this folder's mark, zombies not counted: they have no environment any more."""
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdecimal():
            try:
                environment = Path(f"/proc/{entry.name}/environ").read_bytes()
            except OSError:
                continue
            if f"PAYHUB_TEST_MARK={folder}\0".encode() in environment:
                found.append(int(entry.name))
    return found


def said_up(processes, name):
    return lambda: "up" in processes.log(name).read_text()


def test_a_child_that_ends_by_itself_is_reported_with_its_last_words(processes):
    processes.start("brief", "-c", "print('so long'); raise SystemExit(3)")
    with pytest.raises(DemoFailed, match=r"brief ended with 3.*so long"):
        processes.wait_until(lambda: False, lambda: "nothing", 20)


def test_waiting_ends_with_patience(processes):
    processes.start("idle", "-c", "import time; time.sleep(600)")
    with pytest.raises(DemoFailed, match="still waiting for godot"):
        processes.wait_until(lambda: False, lambda: "godot", 0.1)


def test_a_child_that_refuses_to_end_is_ended(processes, tmp_path):
    processes.start("stubborn", "-c", STUBBORN)
    processes.wait_until(said_up(processes, "stubborn"), lambda: "it", 20)
    processes.stop()
    assert not marked(tmp_path)


def test_what_a_child_started_ends_with_it(processes, tmp_path):
    processes.start("parent", "-c", PARENT)
    processes.wait_until(said_up(processes, "parent"), lambda: "it", 20)
    assert len(marked(tmp_path)) >= 2
    processes.stop()
    deadline = time.monotonic() + 10
    while marked(tmp_path):
        assert time.monotonic() < deadline
