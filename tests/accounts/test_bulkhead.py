"""The places for calls to one account: as many as were said, given back whatever happens."""

from __future__ import annotations

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from payhub.accounts.breaker import Breaker
from payhub.accounts.bulkhead import Bulkhead

ONE, OTHER = uuid.uuid4(), uuid.uuid4()


def test_there_is_no_place_above_the_number_and_another_account_has_its_own() -> None:
    bulkhead = Bulkhead(1)
    with bulkhead.place(ONE) as first, bulkhead.place(ONE) as second, bulkhead.place(OTHER) as elsewhere:
        assert (first, second, elsewhere) == (True, False, True)
        assert bulkhead.full(ONE)
    assert not bulkhead.full(ONE)


def test_who_found_no_place_gives_none_back() -> None:
    bulkhead = Bulkhead(1)
    with bulkhead.place(ONE):
        with bulkhead.place(ONE) as second:
            assert not second
        assert bulkhead.full(ONE)


def test_a_place_is_given_back_after_a_failure() -> None:
    bulkhead = Bulkhead(1)
    with pytest.raises(RuntimeError), bulkhead.place(ONE):
        raise RuntimeError
    with bulkhead.place(ONE) as found:
        assert found


def test_threads_never_hold_more_than_the_number_together() -> None:
    bulkhead, held, most, lock = Bulkhead(3), [0], [0], threading.Lock()

    def work(_: int) -> bool:
        with bulkhead.place(ONE) as found:
            if found:
                with lock:
                    held[0] += 1
                    most[0] = max(most[0], held[0])
                with lock:
                    held[0] -= 1
            return found

    with ThreadPoolExecutor(8) as threads:
        found = sum(threads.map(work, range(2_000)))
    assert (most[0] <= 3, found > 0, bulkhead.full(ONE)) == (True, True, False)


@pytest.mark.parametrize(
    ("told", "threads", "places"), [(0, 4, 2), (0, 8, 4), (0, 3, 1), (0, 1, 1), (0, 2, 1), (3, 4, 3), (9, 4, 3), (5, 1, 1), (-3, 4, 1)]
)
def test_half_of_the_threads_are_the_usual_number_and_one_thread_is_always_left(told, threads, places) -> None:
    assert Breaker(orders_at_once=told).orders_of(threads) == places
