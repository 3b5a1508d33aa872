"""What an operator types."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from payhub.cli import staff as commands
from payhub.errors import InvalidInput, NotFound, PayHubError, Unauthenticated
from payhub.staff import people
from payhub.staff.errors import NameTaken, NotTwoPeople, PersonUnknown, ProposalVoid, RoleMissing, TotpWrong

ROOT = {command.name: command for command in commands.COMMANDS}


@pytest.fixture
def payhub(hub):
    def run(name: str, *arguments: str) -> str:
        result = CliRunner().invoke(ROOT[name], arguments, obj=lambda: hub)
        if isinstance(result.exception, PayHubError):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.output

    return run


@pytest.fixture
def token_file(tmp_path):
    def write(who) -> str:
        (tmp_path / "token").write_text(who.token + "\n")
        return str(tmp_path / "token")

    return write


def test_adding_shows_token_and_authenticator_once(payhub, hub) -> None:
    token, uri = payhub("staff", "add", "thu", "--role", "clerk", "--role", "approver").split()
    assert uri.startswith("otpauth://totp/")
    with hub.db.session() as session:
        assert people.authenticate_person(hub, session, token).roles == {"clerk", "approver"}
    assert token not in payhub("staff", "list")
    with pytest.raises(NameTaken):
        payhub("staff", "add", "thu", "--role", "clerk")
    with pytest.raises(InvalidInput):
        payhub("staff", "add", "a b", "--role", "clerk")


def test_the_list_says_who_is_trusted_with_what(payhub, lan, minh) -> None:
    payhub("staff", "disable", "minh")
    lines = {line.split("│")[1].strip(): line for line in payhub("staff", "list").splitlines() if line.startswith("│")}
    assert "approver, clerk" in lines["lan"]
    assert "approver" not in lines["minh"]


def test_roles_are_given_and_taken_away_at_once_and_the_audit_says_so(payhub, propose, lan, minh, public, token_file, rows) -> None:
    wanted = public(propose())
    assert payhub("staff", "roles", "minh", "--role", "clerk", "--role", "auditor") == "minh: auditor, clerk\n"
    with pytest.raises(RoleMissing):
        payhub("approve", wanted, "--totp", minh.code(), "--token-file", token_file(minh))
    payhub("staff", "roles", "minh", "--role", "approver")
    assert "approved" in payhub("approve", wanted, "--totp", minh.code(), "--token-file", token_file(minh))
    said = rows("SELECT data, target FROM audit_entry WHERE act = 'person.roles_changed' ORDER BY seq")
    assert said == [
        ({"before": ["approver"], "roles": ["auditor", "clerk"]}, f"principal/{minh.id}"),
        ({"before": ["auditor", "clerk"], "roles": ["approver"]}, f"principal/{minh.id}"),
    ]


def test_a_role_that_stays_keeps_its_day_and_the_same_roles_again_are_no_act(payhub, lan, clock, rows) -> None:
    granted = "SELECT role, granted_at FROM staff_role ORDER BY role"
    (approver, _), began = rows(granted), clock.now()
    clock.pass_(days=1)
    payhub("staff", "roles", "lan", "--role", "approver", "--role", "admin")
    assert rows(granted) == [("admin", clock.now()), approver]
    assert approver == ("approver", began)
    payhub("staff", "roles", "lan", "--role", "admin", "--role", "approver", "--role", "admin")
    assert rows("SELECT count(*) FROM audit_entry WHERE act = 'person.roles_changed'") == [(1,)]


def test_nobody_unknown_closed_or_without_any_role_is_given_roles(payhub, lan, hub) -> None:
    with pytest.raises(InvalidInput), hub.db.session() as session:
        people.set_roles(hub, session, "lan", [])
    payhub("staff", "disable", "lan")
    for name in ("lan", "nobody", "system"):
        with pytest.raises(PersonUnknown):
            payhub("staff", "roles", name, "--role", "clerk")


def test_a_token_is_renewed_and_the_authenticator_only_when_asked(payhub, lan, hub) -> None:
    (token,) = payhub("staff", "token", "lan").split()
    another, uri = payhub("staff", "token", "lan", "--authenticator").split()
    assert uri != lan.uri
    with hub.db.session() as session:
        assert [bool(people.authenticate_person(hub, session, held)) for held in (lan.token, token, another)] == [
            False,
            False,
            True,
        ]


def test_approving_at_the_terminal(payhub, propose, minh, executed, public, token_file) -> None:
    wanted = public(propose("test_act", "payout/1"))
    listed = payhub("proposals")
    assert wanted in listed
    assert "Hồ sơ rút" in listed
    said = payhub("approve", wanted, "--totp", minh.code(), "--token-file", token_file(minh))
    assert said.split()[:5] == [wanted, "executed", "test_act", "payout/1", "lan"]
    assert payhub("proposals") == ""
    assert wanted in payhub("proposals", "--state", "executed")
    assert len(executed) == 1


def test_the_terminal_refuses_what_the_api_refuses(payhub, propose, lan, minh, hub, executed, public, token_file) -> None:
    proposal_id = propose("test_act")
    wanted = public(proposal_id)
    for who, code, error in ((lan, lan.code(), NotTwoPeople), (minh, minh.wrong(), TotpWrong)):
        with pytest.raises(error):
            payhub("approve", wanted, "--totp", code, "--token-file", token_file(who))
    with pytest.raises(NotFound):
        payhub("approve", "prp_live", "--totp", minh.code(), "--token-file", token_file(minh))
    executed.seq = 8
    with pytest.raises(ProposalVoid):
        payhub("approve", wanted, "--totp", minh.code(), "--token-file", token_file(minh))
    payhub("staff", "disable", "minh")
    with pytest.raises(Unauthenticated):
        payhub("approve", wanted, "--totp", minh.code(), "--token-file", token_file(minh))
