"""Citizens, gateways and clocks at one payment in the same instant."""

from __future__ import annotations

import uuid
from functools import partial

import pytest

from payhub.payments import closing

ROUNDS = 30
STATES = "SELECT p.state, count(*) FILTER (WHERE a.applied), count(*) FROM payment p JOIN attempt a ON a.payment_id = p.id GROUP BY p.id, 1"
HOLDING = {"portal": "dvc-tay-ninh", "lines": [{"fee": "LP-TBOTO", "agency": "G12.18", "amount": 30_000_000}]}


@pytest.fixture(params=["face to face", "behind a lock"])
def at_once(crowd, request):
    """Two ways to meet: everybody's statement is sent in the same instant, or everybody waits for the same row."""
    if request.param == "face to face":
        return lambda _, acts: crowd.face_to_face(acts)
    return crowd.behind_a_lock


def test_one_form_pressed_eight_times_is_one_order(crowd, at_once, rows) -> None:
    for _ in range(ROUNDS):
        payment, form = crowd.payment(), uuid.uuid4()
        references = at_once(payment, [partial(crowd.start, payment, form)] * 8)
        assert len(set(references)) == 1
        assert references[0] is not None
    assert rows("SELECT count(*) FROM attempt") == [(ROUNDS,)]


def test_sixteen_tabs_are_sixteen_orders_and_none_is_turned_away(crowd, at_once, rows) -> None:
    for _ in range(ROUNDS // 2):
        payment = crowd.payment()
        references = at_once(payment, [partial(crowd.start, payment) for _ in range(16)])
        assert None not in references
        assert len(set(references)) == 16
    assert rows("SELECT count(*) FROM attempt") == [(16 * ROUNDS // 2,)]


def test_one_callback_from_eight_sides_pays_once_and_is_told_so_each_time(crowd, at_once, rows) -> None:
    said = []
    for _ in range(ROUNDS):
        payment = crowd.payment()
        message = crowd.message(crowd.start(payment))
        answers = at_once(payment, [partial(crowd.call_back, message)] * 8)
        assert answers.count("00") == 1
        said += answers
    assert set(said) <= {"00", "02"}
    assert rows("SELECT count(*) FROM journal") == [(ROUNDS,)]
    assert rows("SELECT count(*), sum(times)::int FROM callback") == [(ROUNDS, 8 * ROUNDS)]


def test_two_attempts_that_both_succeed_are_one_payment_and_one_held_receipt(crowd, at_once, rows) -> None:
    for _ in range(ROUNDS):
        payment = crowd.payment()
        messages = [crowd.message(crowd.start(payment)) for _ in range(2)]
        assert at_once(payment, [partial(crowd.call_back, message) for message in messages]) == ["00", "00"]
    assert set(rows(STATES)) == {("paid", 1, 2)}
    assert rows("SELECT count(*), sum(remaining)::bigint FROM unapplied_receipt") == [(ROUNDS, ROUNDS * 200_000)]
    assert rows("SELECT kind, count(*) FROM discrepancy GROUP BY 1") == [("paid_twice", ROUNDS)]


def test_success_and_failure_of_one_order_at_once_are_a_success(crowd, at_once, rows) -> None:
    for _ in range(ROUNDS):
        payment = crowd.payment()
        reference = crowd.start(payment)
        failed = crowd.message(reference, ResponseCode="24", TransactionStatus="02", TransactionNo="0")
        answers = at_once(payment, [partial(crowd.call_back, crowd.message(reference)), partial(crowd.call_back, failed)])
        assert answers[0] == "00"
        assert answers[1] in {"00", "02"}
    assert set(rows(STATES)) == {("paid", 1, 1)}


def test_a_callback_and_a_new_start_at_once_never_meet_an_error(crowd, at_once, rows) -> None:
    for _ in range(ROUNDS):
        payment = crowd.payment()
        message = crowd.message(crowd.start(payment))
        said, second = at_once(payment, [partial(crowd.call_back, message), partial(crowd.start, payment)])
        assert said == "00"
        if second:
            assert crowd.call_back(crowd.message(second)) == "00"
    assert {state for state, _, _ in rows(STATES)} == {"paid"}
    assert {applied for _, applied, _ in rows(STATES)} == {1}


@pytest.mark.parametrize("rule", ["apply", "hold"])
def test_money_and_the_end_of_time_at_once_lose_nothing(crowd, at_once, rows, clock, rule) -> None:
    amount = 30_000_000 if rule == "hold" else 200_000
    for _ in range(ROUNDS):
        payment = crowd.payment(**(HOLDING if rule == "hold" else {}))
        message = crowd.message(crowd.start(payment), amount)
        clock.pass_(days=2)
        ends = [partial(closing.finish, crowd.hub, payment)] * 3
        assert at_once(payment, [partial(crowd.call_back, message), *ends])[0] == "00"
    paid, held = rows(
        "SELECT count(*) FILTER (WHERE state = 'paid')::int, (SELECT count(*)::int FROM unapplied_receipt) FROM payment"
    )[0]
    assert paid + held == ROUNDS
    assert rows("SELECT coalesce(sum(amount), 0)::bigint FROM posting WHERE account = 'receivable'") == [(ROUNDS * amount,)]
    if rule == "apply":
        assert (paid, held) == (ROUNDS, 0)
    else:
        assert (paid, held) == (0, ROUNDS)


def test_a_start_and_the_end_of_time_at_once_leave_no_open_order_behind(crowd, at_once, rows, clock) -> None:
    for _ in range(ROUNDS):
        payment = crowd.payment()
        clock.pass_(days=1)
        started, *_ = at_once(payment, [partial(crowd.start, payment), partial(closing.finish, crowd.hub, payment)])
        assert started is None
    assert rows("SELECT state, count(*) FROM payment GROUP BY 1") == [("expired", ROUNDS)]


def test_money_and_a_cancelling_portal_at_once_lose_nothing(crowd, at_once, rows, clock) -> None:
    for _ in range(ROUNDS):
        payment = crowd.payment()
        message = crowd.message(crowd.start(payment))
        said, answer, again = at_once(payment, [partial(crowd.call_back, message), *[partial(crowd.cancel, payment)] * 2])
        assert said == "00"
        for each in (answer, again):
            assert (each.status_code, each.json.get("code", "closing")) in {(202, "closing"), (409, "payment_not_cancellable")}
    assert rows("SELECT state, count(*) FROM payment GROUP BY 1") == [("paid", ROUNDS)]


def test_no_order_is_made_after_a_payment_was_closed(crowd, at_once, rows) -> None:
    for _ in range(ROUNDS):
        payment = crowd.payment()
        crowd.start(payment)
        *started, answer = at_once(payment, [*[partial(crowd.start, payment)] * 4, partial(crowd.cancel, payment)])
        assert answer.status_code == 202
        assert crowd.start(payment) is None
        # Whoever was sent to the gateway has an order that is known here.
        references = [reference for reference in started if reference]
        assert set(references) <= {reference for (reference,) in rows("SELECT reference FROM attempt")}
    late = "SELECT count(*) FROM event c JOIN event a USING (payment_id) WHERE c.type = 'payment.closing' AND a.type = 'attempt.created' AND a.seq > c.seq"
    assert rows(late) == [(0,)]


def test_money_and_a_replacement_at_once_pay_one_of_the_two(crowd, at_once, rows) -> None:
    for number in range(ROUNDS):
        dossier = f"replaced {number}"
        payment = crowd.payment(dossier=dossier)
        message = crowd.message(crowd.start(payment))
        replace = partial(crowd.replace, payment, dossier=dossier)
        said, answer = at_once(payment, [partial(crowd.call_back, message), replace])
        assert said == "00"
        assert (answer.status_code, answer.json.get("code", "made")) in {(201, "made"), (409, "payment_not_replaceable")}
    old_paid = "EXISTS (SELECT FROM attempt a WHERE a.payment_id = o.id AND a.applied)"
    replaced = "EXISTS (SELECT FROM payment n WHERE n.replaces_id = o.id)"
    both = f"SELECT count(*) FROM payment o WHERE o.replaces_id IS NULL AND {old_paid} = {replaced}"
    assert rows(both) == [(0,)]
    [(made, held)] = rows("SELECT count(replaces_id), (SELECT count(*) FROM unapplied_receipt) FROM payment")
    assert made == held


def test_of_two_replacements_at_once_one_is_made(crowd, at_once, rows) -> None:
    for _ in range(ROUNDS):
        payment = crowd.payment()
        crowd.start(payment)
        answers = at_once(payment, [partial(crowd.replace, payment) for _ in range(3)])
        assert sorted(answer.status_code for answer in answers) == [201, 409, 409]
