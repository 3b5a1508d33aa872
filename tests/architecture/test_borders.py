"""The house: who may know whom, and how large a room may grow."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from payhub.payments import states

ROOT = Path(__file__).parents[2]
PACKAGES = ("payhub", "gateways", "webhooks", "reconciliation")


def tracked(*patterns: str) -> list[Path]:
    found = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", *patterns], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / name for name in found.stdout.split("\n") if name and (ROOT / name).is_file()]


def test_imports_point_down_only() -> None:
    done = subprocess.run([Path(sys.executable).parent / "lint-imports"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_modules_and_functions_stay_small() -> None:
    large = []
    for path in tracked(*(f"{package}/**.py" for package in PACKAGES)):
        if "migrations" in path.parts:
            continue
        source = path.read_text()
        if source.count("\n") > 300:
            large.append(str(path))
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (node.end_lineno or 0) - node.lineno > 50:
                large.append(f"{path}:{node.lineno} {node.name}")
    assert large == []


def test_there_is_no_room_for_odds_and_ends() -> None:
    banned = {"utils", "helpers", "common", "manager", "handler"}
    assert [str(path) for path in tracked("*.py") if banned & set(path.with_suffix("").parts)] == []


def test_tests_are_no_package() -> None:
    assert tracked("tests/**/__init__.py", "tests/__init__.py", "payhub/migrations/**/__init__.py") == []


def test_the_drawn_states_are_the_states() -> None:
    assert (ROOT / "docs" / "reference" / "states.dot").read_text() == states.dot()


def test_every_state_can_be_reached_and_the_database_knows_it() -> None:
    from payhub.payments.models import Attempt, Payment

    for name, model, first in (("payment", Payment, "open"), ("attempt", Attempt, "created")):
        graph = states.GRAPHS[name]
        reached, front = {first}, {first}
        while front:
            front = {after for before in front for after in graph[before]} - reached
            reached |= front
        assert reached == set(graph)
        checks = " ".join(str(constraint.sqltext) for constraint in model.__table__.constraints if hasattr(constraint, "sqltext"))
        assert all(f"'{state}'" in checks for state in graph)


@pytest.mark.parametrize("path", tracked("docs/**.md", "*.md"), ids=str)
def test_links_in_the_docs_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text()):
        if not re.match(r"[a-z]+:", target):
            assert (path.parent / target).exists(), f"{path}: {target}"
