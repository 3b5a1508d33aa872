"""What is built is whole: installed elsewhere, away from the sources, the application starts and has everything it shows."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from sqlalchemy import make_url

pytestmark = pytest.mark.heavy

ROOT = Path(__file__).parents[2]

START = """
import importlib.resources, json, pathlib, sys
import payhub, wsgi
from payhub import migrate
assert "site-packages" in payhub.__file__, payhub.__file__
client = wsgi.app.test_client()
assert client.get("/healthz").status_code == 200
paths = client.get("/openapi.json").json["paths"]
assert "/v1/payments" in paths and "/v1/reports/agency-totals" in paths, paths
assert client.get("/pay/not-a-token", headers={"Accept-Language": "en"}).status_code == 404
assert migrate.heads()
print("started")
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, ROOT], check=True, capture_output=True
    )
    [built] = out.glob("payhub_server-*.whl")
    return built


def test_the_wheel_holds_what_is_not_python_too(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    wanted = [
        path.relative_to(ROOT).as_posix()
        for package in ("payhub", "gateways", "webhooks", "reconciliation")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    ]
    assert [name for name in wanted if name not in names] == []
    assert "wsgi.py" in names
    assert [name for name in names if name.startswith(("tests", "benchmarks", "config"))] == []


def test_the_wheel_in_an_empty_environment_migrates_and_starts(wheel: Path, tmp_path: Path, servers, admin) -> None:
    home = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", home], check=True)
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--constraint", ROOT / "constraints.txt", wheel]
    subprocess.run([home / "bin" / "python", *install], check=True)
    admin("CREATE DATABASE wheel")
    environ = {
        "PATH": "/usr/bin:/bin",
        "PAYHUB_MODE": "test",
        "PAYHUB_SECRETS__KEYS": "1:" + "A" * 43 + "=",
        "PAYHUB_WEB__BASE_URL": "http://localhost",
        "DATABASE_URL": make_url(servers.database_url).set(database="wheel").render_as_string(hide_password=False),
        "REDIS_URL": servers.redis_url,
    }
    for command in (
        [home / "bin" / "payhub", "migrate"],
        [home / "bin" / "python", "-c", START],
        [home / "bin" / "payhub", "prove"],
    ):
        done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
