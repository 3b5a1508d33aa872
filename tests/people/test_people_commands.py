"""`payhub people`: a person's payments found and erased from a terminal, without the person in an argument."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from payhub.cli.people import people


@pytest.fixture
def run(hub, lan, tmp_path):
    token = tmp_path / "token"
    token.write_text(lan.token + "\n")

    def command(*arguments: str, said: str = "", who: str | None = None):
        if who is not None:
            token.write_text(who)
        needs = [] if arguments[0] == "destroy" else ["--token-file", str(token)]
        return CliRunner().invoke(people, [*arguments, *needs], obj=lambda: hub, input=said)

    return command


def test_a_person_is_found_by_what_is_typed_and_shown_masked(run, asked, rows) -> None:
    made = asked()
    done = run("find", "--field", "phone", said="0912345678\n")
    assert done.exit_code == 0, done.output
    assert done.output.startswith(f"{made['id']}  {made['reference']}  open  kept  N***** V** A  *********345")
    assert "912345678" not in done.output
    assert rows("SELECT count(*) FROM audit_entry WHERE act = 'payer.searched'") == [(1,)]
    assert run("find", "--field", "phone", said="0999999999\n").output == ""


def test_all_payments_of_a_person_are_proposed_to_be_erased(run, asked, office, rows, monkeypatch) -> None:
    # So that three payments are more than one proposal takes.
    monkeypatch.setattr("payhub.people.erasure.MOST", 2)
    made = [asked() for _ in range(3)]
    done = run("erase", "--field", "id_number", "--reason", "consent_withdrawn", said="001 099 012 345\n")
    assert done.exit_code == 0, done.output
    proposals = [line.split("  ") for line in done.output.splitlines()]
    assert [count for _, count in proposals] == ["2 payments", "1 payments"]
    for proposal, _ in proposals:
        assert office.agree(proposal).json["content"]["reason"] == "consent_withdrawn"
    assert rows("SELECT count(*) FROM payment WHERE erased_at IS NOT NULL") == [(len(made),)]
    assert run("erase", "--field", "id_number", said="001099012345\n").exit_code == 1


def test_payments_are_named_or_found_but_not_both(run, asked) -> None:
    made = asked()["id"]
    assert run("erase", "--payment", made).output.endswith("1 payments\n")
    assert run("erase", "--payment", made, "--field", "name").exit_code == 2
    assert run("erase").exit_code == 2


def test_only_a_clerk_with_a_good_token_erases(run, asked, minh) -> None:
    from payhub.errors import Unauthenticated
    from payhub.staff.errors import RoleMissing

    made = asked()["id"]
    assert isinstance(run("erase", "--payment", made, who="phs_nothing").exception, Unauthenticated)
    assert isinstance(run("erase", "--payment", made, who=minh.token).exception, RoleMissing)


@pytest.mark.usefixtures("bound")
def test_destroying_now_says_what_was_destroyed(run, asked, clock) -> None:
    from payhub.payments import jobs as payment_jobs

    asked()
    assert run("destroy").output == "nothing is past its term\n"
    clock.pass_(days=2)
    payment_jobs.close_due()
    clock.pass_(days=95)
    assert run("destroy").output == "records 1  words 1\n"
