"""People who keep secrets, and what they do with them over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result

from payhub.cli import secrets as commands
from payhub.ids import read_public_id

NEW_SECRET = "SECRETOFTHEGATEWAYFORTOMORROW0001"


@pytest.fixture
def hanh(hire) -> Any:
    """Keeps the registers."""
    return hire("hanh", "admin")


class Keeping:
    """Secrets over HTTP: Hanh asks, Minh approves."""

    def __init__(self, client: Any, hanh: Any, minh: Any) -> None:
        self.client, self.hanh, self.minh = client, hanh, minh

    def add(self, kind: str = "gateway", owner: str = "vnpay-main", key: str | None = None, **more: str) -> Any:
        return self.hanh.post(self.client, "/v1/staff/secrets", {"kind": kind, "owner": owner, **more}, key)

    def given(self, secret: str = NEW_SECRET, **more: str) -> dict[str, Any]:
        answer = self.add(secret=secret, **more)
        assert answer.status_code == 201, answer.text
        return answer.json

    def approve(self, shown: dict[str, Any]) -> Any:
        self.minh.hub.clock.pass_(seconds=30)
        return self.minh.post(self.client, f"/v1/proposals/{shown['waits_for']}/approve", {"totp": self.minh.code()})

    def decline(self, shown: dict[str, Any]) -> Any:
        return self.minh.post(self.client, f"/v1/proposals/{shown['waits_for']}/decline", {"reason": "khác với công văn"})

    def withdraw(self, shown: dict[str, Any]) -> Any:
        return self.hanh.post(self.client, f"/v1/proposals/{shown['waits_for']}/withdraw")

    def retire(self, secret_id: str, **more: bool) -> Any:
        return self.hanh.post(self.client, f"/v1/staff/secrets/{secret_id}/retire", more)

    def listed(self, query: str = "") -> list[dict[str, Any]]:
        answer = self.hanh.get(self.client, f"/v1/staff/secrets{query}")
        assert answer.status_code == 200, answer.text
        return answer.json["data"]

    def of(self, owner: str, state: str = "live") -> list[dict[str, Any]]:
        return [shown for shown in self.listed() if (shown["owner"], shown["state"]) == (owner, state)]

    def rotated(self, secret: str = NEW_SECRET) -> dict[str, Any]:
        """A second secret of the gateway account, agreed on by two people."""
        shown = self.given(secret)
        assert self.approve(shown).json["state"] == "executed"
        return shown


@pytest.fixture
def keeping(client, hanh, minh) -> Keeping:
    return Keeping(client, hanh, minh)


@pytest.fixture
def uuid_of() -> Callable[[dict[str, Any]], Any]:
    return lambda shown: read_public_id("sec", shown["id"], "test")


@pytest.fixture
def payhub(hub) -> Callable[..., Result]:
    """Run `payhub secrets …`."""

    def run(*arguments: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(commands.secrets, arguments, obj=lambda: hub, input=stdin)

    return run


@pytest.fixture
def token_file(tmp_path) -> Callable[[Any], str]:
    def write(who: Any) -> str:
        path = tmp_path / f"token-{who.person.principal.name}"
        path.write_text(who.token + "\n")
        return str(path)

    return write
