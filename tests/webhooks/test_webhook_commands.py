"""What operators do when a portal is not told, as docs/how-to/when-a-portal-is-not-told.md says."""

from __future__ import annotations

import json
import re

import pytest
from click.testing import CliRunner

from webhooks.commands import group


@pytest.fixture
def run(hub):
    def invoke(*words: str):
        return CliRunner(env={"COLUMNS": "300"}).invoke(group, words, obj=lambda: hub)

    return invoke


def test_who_was_not_told_is_seen_pinged_and_told_again(run, told, receiver, clock, rows) -> None:
    portal = receiver()
    portal.answer = lambda message: (500, {}, b"maintenance")
    added = run("add", "dvc-bo-tu-phap", portal.url, "--type", "payment.created", "--scheme", "ed25519")
    endpoint, public = added.output.split()
    assert public.startswith("whpk_")
    for name in "AB":
        told.payment(name)
    told.relay()
    for _ in range(4):
        told.deliver()
        clock.pass_(seconds=300)
    listed = run("deliveries", endpoint, "--state", "dead")
    found = re.findall(r"msg_test_[0-9a-f]{32}", listed.output)
    assert len(found) == 2
    assert "status_500" in listed.output
    said = json.loads(run("log", found[0]).output)
    assert [(each["status"], each["reply"]) for each in said["log"]] == [(500, "maintenance")] * 4
    refused = run("ping", endpoint)
    assert (refused.exit_code, "it was not taken: status_500" in refused.output) == (1, True)
    portal.answer, portal.received = lambda _: (204, {}), []
    assert json.loads(run("ping", endpoint).output)["error"] is None
    assert run("resend", found[1]).exit_code == 0
    told.deliver()
    assert "1 deliveries are told again" in run("resend", "--endpoint", endpoint, "--dead").output
    told.deliver()
    assert [row.state for row in told.rows()] == ["delivered"] * 2
    assert "2 deliveries are told again" in run("resend", "--endpoint", f"whe_test_{endpoint.replace('-', '')}", "--since", "2026-11-20").output
    assert "0 deliveries are told again" in run("resend", "--endpoint", endpoint, "--from", "3").output
    assert rows("SELECT count(*) FROM audit_entry WHERE act = 'webhook.resent'") == [(4,)]


@pytest.mark.parametrize("words", [(), ("msg_test_" + "0" * 32, "--endpoint", "0" * 32)])
def test_a_resend_names_deliveries_or_an_endpoint(run, words) -> None:
    assert run("resend", *words).exit_code == 2


def test_what_cannot_be_used_is_named(run) -> None:
    refused = run("add", "dvc-bo-tu-phap", "https://example.org/hooks", "--version", "7")
    assert (refused.exit_code, "version: Must be one of: 1" in refused.output) == (1, True)
    assert "is no id of this kind" in run("log", "pay_test_1").output
