"""What whoever keeps the registers types."""

from __future__ import annotations

import json
import re

import click
import pytest

from payhub import ids
from payhub.errors import Unauthenticated
from payhub.imports.tables import REGISTERS
from payhub.staff.errors import RoleMissing


@pytest.mark.parametrize("register", REGISTERS.values(), ids=lambda register: register.command)
def test_every_register_is_exported_and_imported_by_a_command_of_its_own(payhub, exported, saved, register) -> None:
    written = payhub(register.command, "export")
    assert written.output.encode() == exported(register.name)
    again = payhub(register.command, "import", saved("again.csv", written.output.encode()), "--dry-run")
    assert again.exit_code == 0
    assert "0 added, 0 ended, 0 changed, 0 withdrawn" in again.output


def test_a_dry_run_shows_every_change_field_by_field_and_writes_nothing(payhub, edited, saved, new_fee, rows) -> None:
    before = rows("SELECT version FROM register_version")
    body = edited("fees", new_fee, **{"LP-LLTP": {"valid_to": "2027-01-01"}})
    shown = payhub("fees", "import", saved("fees.csv", body), "--dry-run")
    assert shown.exit_code == 0
    lines = [line.split() for line in shown.output.splitlines()]
    ended = next(line for line in lines if "ended" in line and "LP-LLTP" in line)
    assert ended[1:] == ["ended", "LP-LLTP", "2020-01-01", "valid_to", "-", "2027-01-01"]
    assert "added" in shown.output
    assert "amount 120000" in shown.output
    assert "fees: 1 added, 1 ended, 0 changed, 0 withdrawn, " in shown.output
    assert "Nothing was written." in shown.output
    assert rows("SELECT version FROM register_version") == before
    assert rows("SELECT (SELECT count(*) FROM proposal), (SELECT count(*) FROM register_import)") == [(0, 0)]


def test_a_dry_run_is_json_where_it_is_asked_for(payhub, edited, saved, new_fee) -> None:
    body = edited("fees", *({**new_fee, "code": f"LP-{number}"} for number in range(60)))
    shown = json.loads(payhub("fees", "import", saved("fees.csv", body), "--dry-run", "--json", "--limit", "5").output)
    assert shown["counts"]["added"] == 60 == len(shown["changes"])
    assert shown["changes"][0]["is"]["amount"] == "120000"
    assert shown["problems"] == []


def test_what_is_wrong_is_listed_up_to_a_limit_and_whole_as_json(payhub, file, saved, new_fee) -> None:
    path = saved("fees.csv", file("fees", *({**new_fee, "code": f"LP-{number}", "amount": "x"} for number in range(60))))
    listed = payhub("fees", "import", path, "--dry-run", "--limit", "10")
    assert listed.exit_code == 1
    assert listed.output.count("not_a_number") == 10
    assert "… and 50 more" in listed.output
    assert "60 things are wrong in 60 rows" in listed.output
    whole = payhub("fees", "import", path, "--json")
    assert whole.exit_code == 1
    problems = json.loads(whole.output)["problems"]
    assert len(problems) == 60
    assert problems[0] == {
        "row": 2, "column": "amount", "code": "not_a_number", "vi": "Phải là số nguyên không dấu, không phân cách",
        "en": "Must be a whole number: digits alone",
    }  # fmt: skip


def test_an_account_says_when_it_could_take_effect(payhub, edited, saved) -> None:
    row = {"agency": "000.00.00.H01", "purpose": "fine", "bank_bin": "970436", "number": "1234567890", "holder": "An Giang", "valid_from": "2026-11-21"}
    shown = payhub("accounts", "import", saved("accounts.csv", edited("collecting_accounts", row)), "--dry-run")
    assert "Approved today, a new account takes effect on 2026-11-25 at the earliest." in shown.output


def test_a_person_proposes_and_the_import_can_be_looked_at(payhub, edited, saved, token_file, thu, minh, new_fee, rows, hub) -> None:
    body = edited("fees", new_fee)
    said = payhub("fees", "import", saved("fees.csv", body), "--token-file", token_file(thu)).output
    [(proposal,)] = rows("SELECT id FROM proposal")
    public = ids.public_id("prp", proposal, "test")
    assert f"payhub approve {public}" in said
    listed = payhub("imports", "list").output
    assert "fees.csv" in listed
    assert "proposed" in listed
    for name in (public, re.search("imp_test_[0-9a-f]{32}", said)[0]):
        shown = payhub("imports", "show", name).output
        assert "LP-MOI" in shown
        assert "proposed by thu" in shown
        assert json.loads(payhub("imports", "show", name, "--json").output)["changes"][0]["key"]["code"] == "LP-MOI"
        assert payhub("imports", "show", name, "--file").output.encode() == body
    minh.approve(proposal)
    assert "executed" in payhub("imports", "list").output


def test_whoever_proposes_is_a_person_who_keeps_the_registers(payhub, edited, saved, token_file, lan, thu, new_fee) -> None:
    path = saved("fees.csv", edited("fees", new_fee))
    assert payhub("fees", "import", path).exit_code == 2
    with pytest.raises(RoleMissing):
        payhub("fees", "import", path, "--token-file", token_file(lan))
    with pytest.raises(Unauthenticated):
        payhub("fees", "import", path, "--token-file", saved("wrong", b"phs_test_none"))


def test_an_account_is_stopped_by_a_command(payhub, edited, agree, token_file, minh, lan, rows, saved) -> None:
    row = {"agency": "000.00.00.H01", "purpose": "fine", "bank_bin": "970436", "number": "1234567890", "holder": "An Giang", "valid_from": "2026-11-21"}
    agree("collecting_accounts", edited("collecting_accounts", row))
    said = payhub("accounts", "stop", "000.00.00.H01", "fine", "--reason", "số lạ", "--token-file", token_file(minh)).output
    assert said.endswith("stopped ******7890 of 000.00.00.H01, which would have taken effect on 2026-11-25\n")
    assert rows("SELECT valid_to = valid_from FROM collecting_account WHERE number = '1234567890'") == [(True,)]
    assert "does not take effect" in payhub("announcements").output


def test_every_command_says_what_it_does() -> None:
    from payhub.cli import imports

    for command in imports.COMMANDS:
        assert command.help
        for inner in command.commands.values() if isinstance(command, click.Group) else ():
            assert inner.help
