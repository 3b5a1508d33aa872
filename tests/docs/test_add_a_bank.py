"""The guide to adding a bank, followed as it stands."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "how-to" / "add-a-bank.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```[a-z]*\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)
SAMPLE, MAPPING, COMMAND, SHOWN, EXPECTED = BLOCKS


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder with the sample, and the mapping where the guide puts it."""
    (tmp_path / "mau.csv").write_text(SAMPLE, encoding="utf-8")
    folder = tmp_path / "config" / "mappings"
    folder.mkdir(parents=True)
    (folder / "mau.toml").write_text(MAPPING, encoding="utf-8")
    return tmp_path


def run(desk: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """Run the guide's command with no settings at all: no database is named, so none can be opened."""
    program, *arguments = shlex.split(COMMAND)
    command = [str(Path(sys.executable).with_name(program)), *arguments, *more]
    return subprocess.run(command, cwd=desk, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False, timeout=60)


def test_the_mapping_is_some_twenty_lines() -> None:
    assert len(MAPPING.splitlines()) <= 22


def test_the_guides_command_shows_what_the_guide_says(desk) -> None:
    done = run(desk)
    assert done.returncode == 0, done.stderr
    assert [line.rstrip() for line in done.stdout.splitlines()] == SHOWN.splitlines()


def test_the_golden_sample_is_what_is_read(desk) -> None:
    from reconciliation.files import mappings, reading

    mapping = mappings.load(desk / "config" / "mappings", "mau")
    with (desk / "mau.csv").open("rb") as file:
        read = reading.statements(file, mapping)
        (batch,) = read
    (expected,) = json.loads(EXPECTED)["statements"]
    assert [[str(value) for value in entry] for entry in batch.entries] == [
        [str(value) for value in row.values()] for row in expected["entries"]
    ]
    assert {name: str(getattr(batch.head, name)) for name in expected["head"]} == {
        name: str(value) for name, value in expected["head"].items()
    }
    assert (read.tally.lines, read.tally.sum) == (json.loads(EXPECTED)["tally"]["lines"], json.loads(EXPECTED)["tally"]["sum"])


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('columns.debit = "Ghi nợ"\n', "", "columns.amount is missing"),
        ("first_row = 4", "first_row = 3", "column 1 must be Ngày giao dịch"),
        ('thousands = ","', 'thousands = "."', "not one row can be read"),
        ("trailer.rest = true\n", "", "there are rows after the trailer"),
    ],
)  # fmt: skip
def test_a_mapping_that_is_wrong_is_told_so(desk, old, new, said) -> None:
    assert old in MAPPING
    (desk / "config" / "mappings" / "mau.toml").write_text(MAPPING.replace(old, new), encoding="utf-8")
    done = run(desk)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_rows_that_would_be_set_aside_are_told_without_their_words(desk) -> None:
    (desk / "mau.csv").write_text(SAMPLE.replace("20/11/2026 09:30:00", "NGUYEN VAN AN"), encoding="utf-8")
    done = run(desk, "--rows", "1")
    assert "row 6, column Ngày giao dịch: not a time as the mapping writes it" in done.stdout
    assert "NGUYEN" not in done.stdout + done.stderr
