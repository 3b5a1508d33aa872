"""Telling portals, in small: everything is told once, and beside an endpoint that never answers too."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.heavy

ROOT = Path(__file__).parent.parent.parent


def test_deliveries_are_measured_beside_an_endpoint_that_never_answers(tmp_path: Path) -> None:
    home, output = tmp_path / "home", tmp_path / "deliveries.json"
    sizes = ["--deliveries", "800", "--endpoints", "6", "--seconds", "3", "--events", "4000", "--home", str(home), "--output", str(output)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.deliveries", *sizes], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(output.read_text())
    # What was not told, or told twice, would have ended it.
    assert told["ten_endpoints"]["per_s"] > 0 < told["floor"]["per_s"]
    assert told["one_dead"]["p95_ms"] > 0 < told["all_well"]["p95_ms"]
    assert told["pull"]["events"] == 4_000
