"""The guide to adding a gateway, followed as it stands."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

pytestmark = pytest.mark.heavy

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "how-to" / "add-a-gateway.md").read_text(encoding="utf-8")
CHECK = '        raise Forged("signature")\n'


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A folder with the guide's files, installed: a package is what its dist-info says it is."""
    for name, content in re.findall(r"^`([a-z_]+\.py)`:\n\n```python\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE):
        (tmp_path / name).write_text(content, encoding="utf-8")
    (described,) = re.findall(r"^```toml\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)
    project = tomllib.loads(described)["project"]
    info = tmp_path / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    groups = (
        f"[{group}]\n" + "\n".join(f"{name} = {kind}" for name, kind in points.items())
        for group, points in project["entry-points"].items()
    )
    (info / "entry_points.txt").write_text("\n".join(groups))
    return tmp_path


def run(package: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join([str(package), str(ROOT)])}
    return subprocess.run(
        [sys.executable, *command], cwd=package, env=environment, capture_output=True, text=True, check=False, timeout=120
    )


def suite(package: Path, *only: str) -> subprocess.CompletedProcess[str]:
    (line,) = re.findall(r"^python (-m pytest .*)$", GUIDE, re.MULTILINE)
    return run(package, *shlex.split(line), *only)


def test_the_guides_gateway_is_found_and_passes_the_contract(package: Path) -> None:
    found = run(package, "-c", "from gateways.registry import found; print(sorted(found()), type(found()['toypay']).__module__)")
    assert found.stdout.strip() == "['momo', 'toypay', 'vnpay', 'zalopay'] payhub_toypay", found.stderr
    done = suite(package)
    assert done.returncode == 0, done.stdout
    assert re.search(r"\b[45]\d passed", done.stdout), "the whole contract was tried"


def test_a_gateway_that_believes_any_signature_fails_the_contract(package: Path) -> None:
    file = package / "payhub_toypay.py"
    assert CHECK in file.read_text(encoding="utf-8")
    file.write_text(file.read_text(encoding="utf-8").replace(CHECK, "        pass\n"), encoding="utf-8")
    done = suite(package, "-k", "one_other_bit or secrets or its_signature")
    assert done.returncode == 1, done.stdout
    for failed in ("one_other_bit_anywhere", "a_strangers_no_and_swapped_secrets", "without_its_signature"):
        assert re.search(f"FAILED .*{failed}", done.stdout), failed
