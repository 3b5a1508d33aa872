"""In order per payment, whoever carries and whatever fails."""

from __future__ import annotations

import random
import threading
from collections import Counter, defaultdict

import pytest

from webhooks.couriers import Couriers

TYPES = ("payment.created", "attempt.created", "attempt.started", "attempt.failed")


@pytest.mark.parametrize("seed", [1, 2])
def test_no_message_of_a_payment_is_sent_before_the_one_before_it_was_taken(told, receiver, clock, seed) -> None:
    portal, chance, lock = receiver(), random.Random(seed), threading.Lock()
    taken: defaultdict[str, list[int]] = defaultdict(list)
    failed: Counter[tuple[str, int]] = Counter()
    early: list[tuple[str, int]] = []

    def answer(message) -> tuple[int, dict[str, str]]:
        name, number = message.data["portal_reference"], message.data["sequence"]
        with lock:
            if number > 1 and number - 1 not in taken[name]:
                early.append((name, number))
            # Never so often that it is given up: then the next one would be sent, as it should.
            if failed[name, number] < 3 and chance.random() < 0.3:
                failed[name, number] += 1
                return chance.choice([500, 503, 302]), {}
            taken[name].append(number)
            return 200, {}

    portal.answer = answer
    told.endpoint(portal.url, TYPES)
    for name in range(30):
        payment_id = told.payment(str(name))
        for type_ in TYPES[1:]:
            told.happens(payment_id, type_)
    told.relay()
    # Four processes, none of which knows of the others.
    processes = [Couriers() for _ in range(4)]
    for _ in range(60):
        at_work = [threading.Thread(target=each.deliver_due, args=(told.hub,)) for each in processes]
        for each in at_work:
            each.start()
        for each in at_work:
            each.join()
        clock.pass_(seconds=120)
        if all(row.state != "due" for row in told.rows()):
            break
    assert early == []
    assert taken == {str(name): [1, 2, 3, 4] for name in range(30)}
    assert failed.total() > 20
