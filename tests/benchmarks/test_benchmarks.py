"""The benchmarks work, write what they promise, and leave nothing running."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.heavy

ROOT = Path(__file__).parent.parent.parent
HEADLINES = (
    "creates_per_s",
    "lifecycles_per_s",
    "open_loop_create_p99_ms",
    "floor_lifecycles_per_s",
    "reconciled_rows_per_s",
    "floor_reconciled_rows_per_s",
)


def test_a_quick_run_measures_everything_and_stops_what_it_started(tmp_path: Path) -> None:
    home, output = tmp_path / "home", tmp_path / "bench.json"
    command = [sys.executable, "-m", "benchmarks", "--quick", "--home", str(home), "--output", str(output)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(output.read_text())
    assert all(told[name] > 0 for name in HEADLINES)
    trips = {step: counted["round_trips"] for step, counted in told["steps"].items()}
    assert trips["create"] <= 2
    assert trips["callback"] <= 3
    assert "life-cycles" in done.stdout
    assert not _processes_of(home)


def _processes_of(home: Path) -> list[str]:
    """Return the command lines and environments of this machine that name a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            told = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue
        if str(home).encode() in told:
            found.append(process.name)
    return found
