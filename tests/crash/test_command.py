"""What the command says last, and what it answers with."""

from collections import Counter

import pytest

from payhub.demo.crash import __main__ as command
from payhub.demo.crash.kinds import Check, Kind
from payhub.demo.crash.round import Round
from payhub.demo.errors import DemoFailed


@pytest.fixture
def rounds(monkeypatch):
    """Rounds that are over before they begin, each with these checks."""
    run = []

    def begin(checks):
        def run_round(home, seed, size, say):
            run.append(seed)
            return Round(seed, Counter(web=size.kills), 204, {"paid": 150}, {"succeeded": 20, "failed": 4}, 1, {}, {}, checks, 1.0)

        # A real round takes a minute; what is said of it is all that counts here.
        monkeypatch.setattr(command, "run_round", run_round)
        return run

    return begin


def last_line(capsys):
    return capsys.readouterr().out.splitlines()[-1]


def test_the_last_line_counts(rounds, capsys):
    run = rounds([Check("a payment", Kind.LOST, [], 9)])
    assert command.main(["--rounds", "3", "--kills", "7", "--seed", "5"]) == 0
    assert last_line(capsys) == "crash: 3 rounds, 21 kills, 612 payments, 72 refunds, 0 lost, 0 doubled"
    assert run == [5, 6, 7]


def test_the_first_round_that_fails_is_the_last(rounds, capsys):
    run = rounds([Check("a payment", Kind.LOST, ["pay_1", "pay_2"], 9), Check("a law", Kind.WRONG, ["x"], 1)])
    assert command.main(["--rounds", "3", "--seed", "5"]) == 1
    assert last_line(capsys) == "crash: 1 rounds, 8 kills, 204 payments, 24 refunds, 2 lost, 0 doubled, 1 wrong"
    assert run == [5]


def test_a_round_that_cannot_be_ended_fails(monkeypatch, capsys):
    def run_round(*_):
        raise DemoFailed("after 180 s still waiting for 3 deliveries")

    # As above, and one that never comes to rest takes three.
    monkeypatch.setattr(command, "run_round", run_round)
    assert command.main(["--rounds", "1"]) == 1
    assert "still waiting for 3 deliveries" in capsys.readouterr().out
