"""Whom a round kills follows from its seed."""

from collections import Counter

import pytest

from payhub.demo.crash.strikes import TARGETS, plan, victim_of


def killed(strikes):
    return [target for strike in strikes for target in strike.targets]


@pytest.mark.parametrize("seed", range(50))
def test_five_kills_hit_every_victim(seed):
    assert {victim_of(target) for target in killed(plan(seed, 5))} == TARGETS.keys()


@pytest.mark.parametrize("kills", [0, 1, 5, 8, 40])
def test_a_round_kills_as_often_as_it_is_told(kills):
    assert len(killed(plan(1, kills))) == kills


def test_the_same_seed_kills_the_same_at_the_same_moments():
    assert plan(7, 12) == plan(7, 12)
    assert plan(7, 12) != plan(8, 12)


def test_no_strike_hits_one_victim_twice():
    for seed in range(200):
        for strike in plan(seed, 12):
            assert max(Counter(map(victim_of, strike.targets)).values()) == 1


def test_everything_that_can_be_killed_is_killed_sooner_or_later():
    assert {target for seed in range(50) for target in killed(plan(seed, 8))} == {each for targets in TARGETS.values() for each in targets}
