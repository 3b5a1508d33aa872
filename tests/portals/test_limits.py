"""How fast a key may call: the exact law of a token bucket, for all processes, and without Valkey too."""

from __future__ import annotations

import socket
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from payhub.hub import brief_redis
from payhub.portals.limits import Limit, Limits

NOWHERE = brief_redis("redis://127.0.0.1:9/0")
USUAL = Limit(50, 200)
SECOND = 1_000_000


def model(limit: Limit, instants: list[int]) -> list[bool]:
    """The law itself: a call gets through unless some stretch that ends with it would then hold more than burst + rate·t."""
    taken: list[int] = []
    said = []
    for at in instants:
        stretches = ((len(taken) - place + 1, Fraction(at - since, SECOND)) for place, since in enumerate([*taken, at]))
        said.append(all(held <= limit.burst + limit.rate * length for held, length in stretches))
        taken += [at] if said[-1] else []
    return said


def until_refused(call: Callable[[], Any]) -> list[Any]:
    """Call until the limit is met: the clock is Valkey's own, and a machine may stand still for a while."""
    answers = [call()]
    while answers[-1].status_code != 429:
        assert len(answers) < 50
        answers.append(call())
    assert answers[-1].json["code"] == "rate_limited"
    return answers


gaps = st.one_of(
    st.just(0), st.integers(0, 2 * SECOND), st.sampled_from([SECOND, SECOND - 1, SECOND // 3, SECOND // 3 + 1, 333_333, 10 * SECOND]),
    # A process whose clock is behind.
    st.integers(-SECOND, -1),
)  # fmt: skip


@pytest.fixture(scope="module")
def shared(servers) -> Limits:
    return Limits(brief_redis(servers.redis_url), USUAL)


@given(rate=st.integers(1, 7), burst=st.integers(1, 6), moves=st.lists(gaps, max_size=30), first=st.integers(0, 2**51))
@hypothesis_settings(max_examples=60, deadline=None)
def test_exactly_what_the_law_allows_gets_through_with_valkey_and_without(shared, rate, burst, moves, first) -> None:
    limit, key_id, alone = Limit(rate, burst), uuid.uuid4(), Limits(NOWHERE, USUAL)
    now, latest = first, []
    told, told_alone = [], []
    for move in moves:
        now = max(0, now + move)
        latest.append(max([now, *latest[-1:]]))
        told.append(shared.take(key_id, limit, now))
        told_alone.append(alone.take(key_id, limit, now))
    assert shared._away_until == 0.0, "it counted alone"
    expected = model(limit, latest)
    assert [each.taken for each in told] == expected
    assert told_alone == told
    for each in told:
        # Whoever waits as long as they are told gets through, and it is not a second too long.
        missing = SECOND - each.level % SECOND
        assert each.wait_s * rate * SECOND >= missing > (each.wait_s - 1) * rate * SECOND


def test_of_many_at_once_no_more_than_the_burst_get_through(shared) -> None:
    key_id, limit = uuid.uuid4(), Limit(3, 17)
    with ThreadPoolExecutor(8) as threads:
        told = list(threads.map(lambda _: shared.take(key_id, limit, SECOND), range(60)))
    assert sum(each.taken for each in told) == 17
    assert sorted(each.left for each in told if each.taken) == list(range(17))


def test_a_limit_that_is_lowered_holds_at_once(shared) -> None:
    key_id = uuid.uuid4()
    assert shared.take(key_id, Limit(1, 100), SECOND).left == 99
    assert [shared.take(key_id, Limit(1, 2), SECOND).taken for _ in range(3)] == [True, True, False]


def test_a_call_too_many_is_told_when_to_come_again(new, look, run) -> None:
    key, free = new("--limit", "1/s,2"), new("--limit", "none")
    *before, refused = until_refused(lambda: look(key))
    assert {answer.status_code for answer in before} == {200}
    assert len(before) >= 2
    assert before[0].headers["RateLimit-Policy"] == '"key";q=2;w=2'
    assert (before[0].headers["RateLimit"], refused.headers["RateLimit"]) == ('"key";r=1;t=1', '"key";r=0;t=1')
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
    older = [[answer.headers[f"RateLimit-{name}"] for name in ("Limit", "Remaining", "Reset")] for answer in (before[0], refused)]
    assert older == [["2", "1", "1"], ["2", "0", "2"]]
    # Nobody else's calls are counted with these; a key without a limit says nothing of one.
    assert "RateLimit" not in look(free).headers
    run("change", key, "--limit", "none")
    assert look(key).status_code == 200


def test_calls_that_are_refused_for_their_scope_are_counted_too(new, look) -> None:
    key = new("--limit", "1/s,2")
    *before, _ = until_refused(lambda: look(key, path="/v1/reports/agency-totals?date=2026-11-20"))
    assert {answer.json["code"] for answer in before} == {"forbidden"}


def test_whoever_is_turned_away_is_counted_by_why_and_never_by_which_key(new, look, client) -> None:
    key = new("--limit", "1/s,1")
    until_refused(lambda: look(key))
    look(key + "x")
    told = [line for line in client.get("/metrics").text.splitlines() if line.startswith("payhub_api_refused_total")]
    assert {line.split('"')[1] for line in told} >= {"rate_limited", "unauthenticated"}
    assert key.split("_")[2] not in client.get("/metrics").text


def test_a_valkey_that_hangs_is_waited_for_once_and_the_limit_still_holds(served, new, look) -> None:
    key, asked = new("--limit", "1/s,3"), []
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen()

        def hang() -> None:
            while True:
                try:
                    asked.append(door.accept())
                except OSError:
                    return

        waiting = threading.Thread(target=hang, daemon=True)
        waiting.start()
        redis = brief_redis(f"redis://127.0.0.1:{door.getsockname()[1]}/0")
        client = served(limits=Limits(redis, USUAL))
        codes = [look(key, asking=client).status_code for _ in range(20)]
        door.shutdown(socket.SHUT_RDWR)
        waiting.join()
    assert codes[:3] == [200] * 3
    assert 429 in codes
    assert len(asked) == 1
    for connection, _ in asked:
        connection.close()
    redis.close()
