"""Secrets as an operator keeps them: from a file or standard input, never from a command line."""

from __future__ import annotations

import pytest

from payhub.errors import PayHubError
from payhub.secrets.errors import LastSecret, SecretNotLive
from payhub.staff.errors import RoleMissing

NEW_SECRET = "SECRETOFTHEGATEWAYFORTOMORROW0001"


@pytest.fixture
def secret_file(tmp_path):
    path = tmp_path / "secret"
    path.write_text(NEW_SECRET + "\n")
    return str(path)


def test_a_secret_comes_from_a_file_or_from_standard_input(payhub, hanh, token_file, secret_file, keeping, hub) -> None:
    shown = payhub("add", "gateway", "vnpay-main", "--file", secret_file, "--token-file", token_file(hanh))
    assert shown.exit_code == 0, shown.output
    assert NEW_SECRET not in shown.output
    [waiting] = keeping.of("vnpay-main", "proposed")
    assert shown.output.split() == [waiting["id"], "proposed", waiting["waits_for"]]
    keeping.approve(waiting)
    account = hub.registers.gateway_accounts["vnpay-main"].id
    assert hub.registers.protocol_accounts[account].secrets[0] == NEW_SECRET
    piped = payhub(
        "add", "portal", "kbnn", "--use", "inbound", "--file", "-", "--token-file", token_file(hanh), stdin=NEW_SECRET + "\r\n"
    )
    assert piped.exit_code == 0, piped.output
    [waiting] = keeping.of("kbnn", "proposed")
    keeping.approve(waiting)
    assert ("inbound", (NEW_SECRET,)) in [pair for secrets in hub.registers.portal_secrets.values() for pair in secrets.items()]


def test_a_secret_never_stands_on_a_command_line(payhub, hanh, token_file) -> None:
    refused = payhub("add", "gateway", "vnpay-main", "--secret", NEW_SECRET, "--token-file", token_file(hanh))
    assert refused.exit_code == 2
    missing = payhub("add", "gateway", "vnpay-main", "--token-file", token_file(hanh))
    assert (missing.exit_code, "never stands on a command line" in missing.output) == (2, True)


def test_what_we_make_is_shown_once(payhub, hanh, token_file, keeping) -> None:
    made = payhub("add", "portal", "kbnn", "--use", "outbound", "--generate", "--token-file", token_file(hanh))
    assert made.exit_code == 0, made.output
    secret = made.output.splitlines()[1]
    assert len(secret) == 64
    listed = payhub("list", "--all")
    assert "kbnn" in listed.output
    assert secret not in listed.output


def test_the_list_says_whose_and_what_becomes_of_it(payhub, hanh, token_file, keeping) -> None:
    [old] = keeping.of("vnpay-main")
    keeping.rotated()
    asked = payhub("retire", old["id"], "--token-file", token_file(hanh))
    assert asked.output.split()[:2] == [old["id"], "live"]
    [line] = [line for line in payhub("list").output.splitlines() if old["id"] in line]
    assert asked.output.split()[2] in line
    keeping.approve({"waits_for": asked.output.split()[2]})
    assert old["id"] not in payhub("list").output
    [line] = [line for line in payhub("list", "--all").output.splitlines() if old["id"] in line]
    assert "retired" in line


def test_the_last_one_is_not_retired_by_mistake(payhub, hanh, token_file, keeping) -> None:
    [old] = keeping.of("vnpay-main")
    assert isinstance(payhub("retire", old["id"], "--token-file", token_file(hanh)).exception, LastSecret)
    assert payhub("retire", old["id"], "--last", "--token-file", token_file(hanh)).exit_code == 0


def test_only_who_keeps_the_registers_adds(payhub, minh, token_file, secret_file) -> None:
    refused = payhub("add", "gateway", "vnpay-main", "--file", secret_file, "--token-file", token_file(minh))
    assert isinstance(refused.exception, RoleMissing)


def test_whoever_approves_compares_with_what_they_hold(payhub, minh, token_file, secret_file, keeping, tmp_path, rows) -> None:
    shown = keeping.given(NEW_SECRET)
    same = payhub("compare", shown["id"], "--file", secret_file, "--token-file", token_file(minh))
    assert (same.exit_code, same.output) == (0, "the same\n")
    (tmp_path / "other").write_text("something else entirely")
    other = payhub("compare", shown["id"], "--file", str(tmp_path / "other"), "--token-file", token_file(minh))
    assert (other.exit_code, other.output) == (1, "another\n")
    assert rows("SELECT data ->> 'same' FROM audit_entry WHERE act = 'secret.compared' ORDER BY seq") == [("true",), ("false",)]


@pytest.mark.parametrize("content", [b"\xff\xfe not text", b"", b"short"])
def test_a_file_that_holds_no_secret_is_refused_unquoted(payhub, hanh, token_file, tmp_path, content) -> None:
    (tmp_path / "secret").write_bytes(content)
    refused = payhub("add", "gateway", "vnpay-main", "--file", str(tmp_path / "secret"), "--token-file", token_file(hanh))
    assert refused.exit_code == 1
    assert isinstance(refused.exception, PayHubError | SystemExit)
    assert "short" not in refused.output.replace(str(tmp_path), "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("bank", "vnpay-main", "--generate"), "kind: Must be one of: gateway, portal, file_source, webhook"),
        (("portal", "nobody", "--generate"), "owner: There is no portal of this code"),
        (("portal", "kbnn", "--generate"), "use: Must be one of: inbound, outbound"),
    ],
)
def test_which_word_cannot_be_used_is_said(payhub, hanh, token_file, words, said) -> None:
    refused = payhub("add", *words, "--token-file", token_file(hanh))
    assert (refused.exit_code, refused.output) == (1, f"Error: {said}\n")


def test_a_token_that_nobody_holds_is_named_by_its_file(payhub, tmp_path, secret_file) -> None:
    (tmp_path / "token").write_text("phs_of_nobody")
    refused = payhub("add", "gateway", "vnpay-main", "--file", secret_file, "--token-file", str(tmp_path / "token"))
    assert str(refused.exception) == f"{tmp_path / 'token'} holds no token that is in force"


def test_nothing_is_the_same_as_what_is_destroyed(payhub, minh, token_file, keeping, tmp_path, rows) -> None:
    shown = keeping.given(NEW_SECRET)
    keeping.decline(shown)
    (tmp_path / "empty").write_text("")
    compared = payhub("compare", shown["id"], "--file", str(tmp_path / "empty"), "--token-file", token_file(minh))
    assert isinstance(compared.exception, SecretNotLive)
    assert rows("SELECT count(*) FROM audit_entry WHERE act = 'secret.compared'") == [(0,)]
