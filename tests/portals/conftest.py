"""Keys made by the commands that operators use."""

from __future__ import annotations

from dataclasses import replace

import pytest
from click.testing import CliRunner

from payhub.app import create_app
from payhub.cli.registers import key as command

PORTAL = "dvc-bo-tu-phap"


@pytest.fixture
def run(hub):
    """Run `payhub key …`; return what it prints."""

    def run_(*words: str, fails: bool = False) -> str:
        done = CliRunner().invoke(command, [str(word) for word in words], obj=lambda: hub)
        assert (done.exit_code != 0) is fails, done.output or done.exception
        return done.output.strip() or str(done.exception)

    return run_


@pytest.fixture
def new(run):
    """Make a key that may read payments; return it."""
    return lambda *words: run("new", PORTAL, "--scope", "payments:read", *words)


@pytest.fixture
def look(client):
    """Use a key; return the answer."""

    def get(key: str, source: str = "203.0.113.5", path: str = "/v1/payments", asking=client, **headers: str):
        return asking.get(path, headers={"Authorization": f"Bearer {key}", **headers}, environ_base={"REMOTE_ADDR": source})

    return get


@pytest.fixture
def served(hub):
    """An application with other settings of its web and API, and parts of its hub replaced."""

    def make(web=None, api=None, **parts):
        settings = replace(hub.settings, web=replace(hub.settings.web, **web or {}), api=replace(hub.settings.api, **api or {}))
        return create_app(hub=replace(hub, settings=settings, **parts)).test_client()

    return make
