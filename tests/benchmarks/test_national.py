"""The nation's history in small: everything that was made to differ is found, and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.heavy

ROOT = Path(__file__).parent.parent.parent


def test_totals_are_measured_beside_what_was_written(tmp_path: Path) -> None:
    home, output = tmp_path / "home", tmp_path / "totals.json"
    sizes = ["--payments", "6000", "--days", "3", "--agencies", "50", "--tail", "100", "--home", str(home), "--output", str(output)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.totals", *sizes], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(output.read_text())
    assert (told["payments"], told["rollups_of_a_day"]) == (6_000, 2 * 3 * 50)


def test_every_planted_disagreement_is_found_and_no_other(tmp_path: Path) -> None:
    home, output = tmp_path / "home", tmp_path / "national.json"
    sizes = ["--payments", "12000", "--months", "2", "--listened-s", "3", "--home", str(home), "--output", str(output)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.national", *sizes], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(output.read_text())
    never_paid_over = {"payout_missing": 6}
    assert told["found"] == told["planted"] == {**dict.fromkeys(told["planted"], 12), **never_paid_over}
    assert len(told["planted"]) == 9
    assert told["rows"] == 12_000 + 12
    assert told["worker_peak_mib"] < 200
    assert told["seconds"] > 0 < told["p99_ratio"]
    # Of the whole nation it would be 34 GiB.
    assert not (home / "postgres").exists()
