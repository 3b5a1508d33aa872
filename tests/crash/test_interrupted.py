"""A round that is interrupted while things are killed leaves nothing running."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.heavy

ROOT = Path(__file__).parents[2]


def test_an_interrupted_round_leaves_nothing_running(home, left_of, tmp_path):
    output = tmp_path / "output"
    with output.open("wb") as file:
        child = subprocess.Popen(
            [sys.executable, "-m", "payhub.demo.crash", "--rounds", "1", "--seed", "3", "--home", str(home)],
            cwd=ROOT, stdout=file, stderr=file, start_new_session=True,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while output.read_text().count(" kill ") < 2:
            assert child.poll() is None, output.read_text()
            assert time.monotonic() < deadline, output.read_text()
            time.sleep(0.05)
        child.send_signal(signal.SIGTERM)
        assert child.wait(90) == 130, output.read_text()
    finally:
        child.kill()
        child.wait()
    assert output.read_text().splitlines()[-1] == "crash: interrupted, everything is stopped"
    assert not left_of(home)
