"""The tutorials, typed as they stand."""

from __future__ import annotations

import json
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
TUTORIALS = ROOT / "docs" / "tutorial"


@pytest.fixture
def folder(tmp_path: Path, development_ports: None) -> Iterator[Path]:
    """A folder like a checkout after `make serve`, the hub running in it."""
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
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


def type_(folder: Path, tutorial: str, commands: int) -> str:
    """Type every command of a tutorial; return what was said."""
    if shutil.which("curl") is None:
        assert not os.environ.get("CI"), "curl is missing: apt-get install curl"
        pytest.skip("curl is not installed, and the tutorial is typed with it")
    steps = re.findall(r"```sh\n(.*?)```", (TUTORIALS / tutorial).read_text(), re.DOTALL)
    assert len(steps) == commands
    script = "set -eu\n" + "\n".join(steps)
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8", "TERM": "dumb", "COLUMNS": "160"}
    done = subprocess.run(
        ["timeout", "90", "bash", "-c", script], cwd=folder, env=environ, capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


def test_the_first_payment_goes_as_it_is_told(folder: Path) -> None:
    said = type_(folder, "first-payment.md", 10)
    assert '"total":85000' in (folder / "payment.json").read_text()
    assert '"state":"paid"' in (folder / "paid.json").read_text()
    assert re.search(r"matched\s+1\s+85\.000", said), said
    assert re.search(r"000\.00\.00\.H53\s+le_phi\s+1\s+75\.000\s+75\.000\s+0", said), said
    assert re.search(r"vnpay-main\s+PO[0-9]{14}\s+[0-9-]{10}\s+banked\s+[0-9-]{10}\s+85\.000", said), said
    assert " NO" not in said


def test_a_portal_is_connected_as_it_is_told(folder: Path) -> None:
    said = type_(folder, "connect-a-portal.md", 10)
    heard = [json.loads(line) for line in (folder / "heard.jsonl").read_text().splitlines()]
    assert [told.get("type", "CONFIRM") for told in heard] == ["endpoint.ping", "payment.paid", "CONFIRM"]
    assert heard[1]["data"]["portal_reference"] == "connect-1"
    assert (heard[2]["MaLoi"], heard[2]["SoTien"]) == ("00", 20_000)
    assert [event["type"] for event in json.loads((folder / "events.json").read_text())["data"]] == ["payment.paid"]
    assert json.loads((folder / "query.json").read_text())["TrangThaiGD"] == "1"
    assert re.search(r"delivered after 1 +http://127.0.0.1:8090/confirm", said), said
