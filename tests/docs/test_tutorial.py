"""The tutorial, typed as it stands."""

from __future__ import annotations

import os
import re
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.heavy

ROOT = Path(__file__).parents[2]
TUTORIAL = ROOT / "docs" / "tutorial" / "first-payment.md"


@pytest.fixture
def folder(tmp_path: Path, development_ports: None) -> Iterator[Path]:
    """A folder like a checkout after `make serve`, the hub running in it."""
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    output = tmp_path / "serve.out"
    with output.open("w") as out:
        serving = subprocess.Popen(
            [sys.executable, "-m", "payhub", "dev"], cwd=tmp_path, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        deadline = time.monotonic() + 60
        with selectors.DefaultSelector() as idle:
            while "Ctrl-C stops everything" not in output.read_text():
                assert serving.poll() is None and time.monotonic() < deadline, output.read_text()
                idle.select(0.1)
        yield tmp_path
    finally:
        serving.send_signal(signal.SIGINT)
        assert serving.wait(timeout=30) == 0, output.read_text()


def test_the_tutorial_does_what_it_says(folder: Path) -> None:
    if shutil.which("curl") is None:
        assert not os.environ.get("CI"), "curl is missing: apt-get install curl"
        pytest.skip("curl is not installed, and the tutorial is typed with it")
    steps = re.findall(r"```sh\n(.*?)```", TUTORIAL.read_text(), re.DOTALL)
    assert len(steps) == 10
    script = "set -eu\n" + "\n".join(steps)
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8", "TERM": "dumb", "COLUMNS": "160"}
    done = subprocess.run(
        ["timeout", "90", "bash", "-c", script], cwd=folder, env=environ, capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert '"total":85000' in (folder / "payment.json").read_text()
    assert '"state":"paid"' in (folder / "paid.json").read_text()
    assert re.search(r"matched\s+1\s+85\.000", said), said
    assert re.search(r"000\.00\.00\.H53\s+le_phi\s+1\s+75\.000\s+75\.000\s+0", said), said
    assert re.search(r"vnpay-main\s+PO[0-9]{14}\s+[0-9-]{10}\s+banked\s+[0-9-]{10}\s+85\.000", said), said
    assert " NO" not in said
