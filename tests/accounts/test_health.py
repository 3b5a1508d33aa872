"""The breaker: when it opens, who finds out that it may close, and what is left of it without Valkey."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Callable

import pytest
from redis import Redis

from payhub.accounts.breaker import Breaker
from payhub.accounts.health import Condition, Health

RULES = Breaker()


@pytest.fixture
def process(hub, clock) -> Callable[[], Health]:
    """Another process' view of the same Valkey."""
    return lambda: Health(hub.redis, clock, RULES)


@pytest.fixture
def account() -> uuid.UUID:
    return uuid.uuid4()


def told(health: Health, account: uuid.UUID, good: int, bad: int) -> None:
    for each in [True] * good + [False] * bad:
        health.heard(account, good=each)


def fresh(clock) -> None:
    clock.pass_(seconds=RULES.fresh_s)


@pytest.mark.parametrize(
    ("good", "bad", "stands"), [(0, 9, Condition.WELL), (6, 5, Condition.WELL), (5, 5, Condition.FAILING), (0, 10, Condition.FAILING)]
)
def test_it_opens_where_half_of_enough_calls_were_bad(process, account, good, bad, stands) -> None:
    health = process()
    told(health, account, good, bad)
    assert health.standing(account).condition is stands


def test_processes_count_together_and_see_it_together(process, clock, account) -> None:
    one, other = process(), process()
    told(one, account, 0, 6)
    told(other, account, 1, 4)
    assert one.standing(account).condition is Condition.WELL, "it has seen six calls"
    assert other.standing(account).condition is Condition.FAILING
    fresh(clock)
    assert one.standing(account).condition is Condition.FAILING
    assert one.standing(uuid.uuid4()).condition is Condition.WELL


def test_a_slow_answer_is_a_bad_one(process, account) -> None:
    health = process()
    for _ in range(10):
        health.heard(account, good=True, seconds=RULES.slow_s)
    assert health.standing(account).condition is Condition.FAILING


def test_what_was_bad_a_minute_ago_opens_nothing(process, clock, account) -> None:
    health = process()
    told(health, account, 0, 9)
    health.standing(account)
    clock.pass_(seconds=RULES.window_s + 20)
    told(health, account, 0, 1)
    assert health.standing(account).condition is Condition.WELL


def test_a_good_probe_closes_it_everywhere_and_forgets_what_had_opened_it(process, clock, account) -> None:
    one, other = process(), process()
    told(one, account, 0, 10)
    assert one.standing(account).condition is Condition.FAILING
    clock.pass_(seconds=RULES.open_s)
    assert other.standing(account).condition is Condition.PROBING
    other.heard(account, good=True)
    assert other.standing(account).condition is Condition.WELL
    fresh(clock)
    assert one.standing(account).condition is Condition.WELL


def test_bad_probes_are_made_ever_less_often(process, clock, account) -> None:
    health, waits = process(), []
    told(health, account, 0, 10)
    for _ in range(7):
        standing = health.standing(account)
        assert standing.condition is Condition.FAILING
        waits.append(standing.probe_at - clock.now().timestamp())
        clock.pass_(seconds=waits[-1])
        assert health.standing(account).condition is Condition.PROBING
        health.heard(account, good=False)
    assert waits == [30, 60, 120, 240, 480, 600, 600]


def test_a_late_answer_of_a_failing_account_does_not_lengthen_its_wait(process, clock, account) -> None:
    health = process()
    told(health, account, 0, 10)
    until = health.standing(account).probe_at
    told(health, account, 0, 3)
    fresh(clock)
    assert health.standing(account).probe_at == until


def test_the_rate_is_of_this_hour_and_the_one_before(process, clock, account) -> None:
    health = process()
    told(health, account, 3, 1)
    assert health.standing(account).rate is None, "four calls say nothing"
    told(health, account, 15, 1)
    fresh(clock)
    assert health.standing(account).rate == 0.9
    clock.pass_(hours=1)
    assert health.standing(account).rate == 0.9
    clock.pass_(hours=1)
    assert health.standing(account).rate is None


def test_without_valkey_each_process_goes_by_its_own_counts(clock, account) -> None:
    health = Health(Redis.from_url("unix:///nowhere/valkey.sock"), clock, RULES)
    told(health, account, 0, 5)
    assert health.standing(account).condition is Condition.WELL
    fresh(clock)
    told(health, account, 0, 5)
    assert health.standing(account).condition is Condition.FAILING
    clock.pass_(seconds=RULES.open_s)
    assert health.standing(account).condition is Condition.PROBING
    health.heard(account, good=True)
    assert health.standing(account).condition is Condition.WELL


def test_a_valkey_that_hangs_is_waited_for_once_in_a_while_and_not_by_every_page(clock, account) -> None:
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as mute:
        health = Health(Redis(port=mute.getsockname()[1], socket_timeout=0.05), clock, RULES)
        health._redis.connection_pool.connection_class = counting(asked, health._redis.connection_pool.connection_class)
        for _ in range(9):
            assert health.standing(account).condition is Condition.WELL
            fresh(clock)
        tried = len(asked)
        clock.pass_(seconds=10)
        health.standing(account)
    assert (tried, len(asked)) == (1, 2)


def counting(asked: list[int], kind: type) -> type:
    class Counted(kind):
        def connect(self, *arguments, **named):
            asked.append(1)
            return super().connect(*arguments, **named)

    return Counted


def test_counts_are_kept_for_valkey_to_come_back(hub, clock, account) -> None:
    health = Health(Redis.from_url("unix:///nowhere/valkey.sock"), clock, RULES)
    told(health, account, 1, 5)
    health.standing(account)
    health._redis = hub.redis
    clock.pass_(seconds=10)
    told(health, account, 0, 5)
    assert health.standing(account).condition is Condition.FAILING
    assert Health(hub.redis, clock, RULES).standing(account).calls == 11
