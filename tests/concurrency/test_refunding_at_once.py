"""Giving back in the same instant: portals, approvers, workers, the gateway's own word, and the end of a day."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import pytest
import requests
from sqlalchemy import text

from payhub.clock import LOCAL, local_date
from payhub.ids import public_id, read_public_id
from payhub.ledger import days

ROUNDS = 10
PAYMENT = text("SELECT 1 FROM payment WHERE id = :id FOR NO KEY UPDATE")
PROPOSAL = text("SELECT 1 FROM proposal WHERE id = :id FOR UPDATE")
DAY = text("SELECT pg_advisory_xact_lock(7289405, :slot)")
SHARED = (
    # Phí of which agencies keep 75 %, 80 % and 65 %: the amounts leave something over in every share.
    {"fee": "P-CONGCHUNG", "agency": "000.00.00.G15", "amount": 20_003},
    {"fee": "P-GDBD", "agency": "000.00.00.G15", "amount": 80_000},
    {"fee": "P-DLDC", "agency": "000.00.00.G01", "quantity": 7, "amount": 7_000},
)
STATES = "SELECT state, count(*)::int FROM refund GROUP BY 1 ORDER BY 1"


@pytest.fixture(params=["face to face", "behind a lock"])
def at_once(crowd, queue, request) -> Callable[..., list[Any]]:
    """Two ways to meet at a payment: in the same instant, or one after the other out of a queue."""
    if request.param == "face to face":
        return lambda _, acts: crowd.face_to_face(acts)
    return lambda paid, acts: queue(PAYMENT, {"id": paid.id}, acts)


def codes(answers: list[Any]) -> list[tuple[int, str]]:
    return sorted((answer.status_code, answer.json.get("code") or answer.json["state"]) for answer in answers)


def test_everything_refunded_twice_at_once_goes_back_once(crowd, till, rows) -> None:
    wide, turns = 8, 3
    for _ in range(turns):
        payments = [till.paid() for _ in range(wide)]
        answers = crowd.together([partial(till.ask, paid) for paid in payments * 2])
        assert Counter(codes(answers)) == {(201, "requested"): wide, (409, "not_refundable"): wide}
        assert all({one.status_code, other.status_code} == {201, 409} for one, other in zip(answers[:wide], answers[wide:], strict=True))
        approved = [till.approved(answer.json) for answer in answers if answer.status_code == 201]
        crowd.together([partial(till.step, refund) for refund in approved * 2])
        assert Counter(paid.reference for paid in payments) <= Counter(order for order, _ in till.given())
    assert rows(STATES) == [("succeeded", wide * turns)]
    assert Counter(till.given()) == {(paid, 200_000): 1 for (paid,) in rows("SELECT reference FROM attempt")}
    assert rows("SELECT DISTINCT sum(amount) FROM posting GROUP BY account, agency_id") == [(0,)]


def test_one_key_twice_at_once_is_one_refund(till, at_once, rows) -> None:
    for _ in range(ROUNDS):
        paid, key = till.paid(), uuid.uuid4().hex
        answers = at_once(paid, [partial(till.ask, paid, key=key)] * 2)
        assert set(codes(answers)) <= {(201, "requested"), (409, "request_in_flight")}
        [made] = {answer.data for answer in answers if answer.status_code == 201}
        assert till.ask(paid, key=key).data == made
    assert rows("SELECT count(*)::int, count(DISTINCT payment_id)::int FROM refund") == [(ROUNDS, ROUNDS)]


def test_parts_of_several_lines_never_exceed_them_and_every_share_is_exact(crowd, till, rows) -> None:
    chance, given = random.Random(20261121), Counter()
    for _ in range(3):
        paid = till.paid(*SHARED)
        parts = [tuple(chance.randint(0, line["amount"] * 2 // 5) for line in SHARED) for _ in range(16)]
        answers = crowd.together([partial(till.ask, paid, *part) for part in parts])
        assert set(codes(answers)) == {(201, "requested"), (409, "not_refundable")}
        for answer in answers:
            if answer.status_code == 201:
                refund = till.approved(answer.json)
                till.will(chance.choice(["accepted", "accepted", "refused"]))
                till.step(refund)
    kept = "SELECT l.id, l.amount::int, l.retention_bp, coalesce(sum(r.amount) FILTER (WHERE refund.state = 'succeeded'), 0)::int FROM payment_line l LEFT JOIN refund_line r ON r.payment_line_id = l.id LEFT JOIN refund ON refund.id = r.refund_id GROUP BY l.id"
    shares = {(line, share): amount for line, share, amount in rows("SELECT payment_line_id, share, -sum(amount)::int FROM posting WHERE account = 'owed' GROUP BY 1, 2")}
    for line, amount, basis_points, refunded in rows(kept):
        assert refunded <= amount
        given["refunded"] += refunded
        retained = (amount - refunded) * basis_points // 10_000
        assert (shares[line, "retained"], shares[line, "budget"]) == (retained, amount - refunded - retained)
    assert sum(amount for _, amount in till.given()) == given["refunded"] > 0


def test_of_two_approvers_at_once_one_approves(queue, till, rows) -> None:
    for _ in range(ROUNDS):
        till.clock.pass_(seconds=30)
        refund = till.requested(till.paid())
        hold = {"id": read_public_id("prp", refund["proposal"], "test")}
        answers = queue(PROPOSAL, hold, [partial(till.approve, refund["proposal"], who) for who in (0, 1)])
        assert codes(answers) == [(200, "executed"), (409, "proposal_decided")]
        till.step(read_public_id("ref", refund["id"], "test"))
    assert rows(STATES) == [("succeeded", ROUNDS)]
    assert len(till.given()) == ROUNDS


@pytest.mark.parametrize("other", ["withdraw", "decline"])
def test_an_approval_and_its_opposite_at_once_do_one_of_the_two(queue, till, rows, other) -> None:
    outcomes = Counter()
    for _ in range(ROUNDS):
        till.clock.pass_(seconds=30)
        refund = till.requested(till.paid())
        against = partial(till.withdraw, refund) if other == "withdraw" else partial(till.decline, refund["proposal"])
        hold = {"id": read_public_id("prp", refund["proposal"], "test")}
        yes, no = queue(PROPOSAL, hold, [partial(till.approve, refund["proposal"]), against])
        assert {yes.status_code, no.status_code} == {200, 409}
        assert {answer.json.get("code") for answer in (yes, no)} == {None, "proposal_decided"}
        till.step(read_public_id("ref", refund["id"], "test"))
        outcomes[yes.status_code] += 1
    ended = {"withdraw": "withdrawn", "decline": "declined"}[other]
    assert dict(rows(STATES)) == {state: count for state, count in (("succeeded", outcomes[200]), (ended, outcomes[409])) if count}
    assert len(till.given()) == outcomes[200]


def reversal_against(till: Any, at_once: Callable[..., list[Any]], moment: str) -> None:
    """Bring a refund to a moment, and have the gateway take the whole payment back at that very moment."""
    till.clock.pass_(seconds=30)
    paid = till.paid()
    if moment == "request":
        act = partial(till.ask, paid)
    else:
        refund = till.requested(paid)
        act = partial(till.approve, refund["proposal"])
    if moment in {"sending", "answer"}:
        act = partial(till.step, till.approved(refund))
    if moment == "answer":
        till.will("lost")
        act()
        till.clock.pass_(seconds=61)
    said, answer = at_once(paid, [partial(till.reverse, paid), act])
    assert said == "00"
    assert answer is None or answer.status_code < 300 or answer.json["code"] in {"not_refundable", "proposal_void"}


@pytest.mark.parametrize("moment", ["request", "approval", "sending", "answer"])
def test_a_refund_and_the_gateways_reversal_at_once_lose_nothing(till, at_once, rows, moment) -> None:
    for _ in range(ROUNDS // 2):
        reversal_against(till, at_once, moment)
    given = sum(amount for _, amount in till.given())
    sums = dict(rows("SELECT account, sum(amount)::int FROM posting GROUP BY 1"))
    # What went back twice is a difference with a claim, and nothing else is left anywhere.
    assert {account: amount for account, amount in sums.items() if amount} == ({"differences": given, "receivable": -given} if given else {})
    assert rows("SELECT state, count(*)::int FROM payment GROUP BY 1") == [("reversed", ROUNDS // 2)]
    claims = "SELECT count(*)::int FROM discrepancy WHERE kind = 'refund_and_reversal' AND state = 'open'"
    assert rows(claims) == [(given // 200_000,)]
    assert {state for state, _ in rows(STATES)} <= {"withdrawn", "succeeded"}
    if moment == "answer":
        assert given == 200_000 * (ROUNDS // 2)


def test_workers_at_one_refund_at_once_send_one_request(till, at_once, rows) -> None:
    for scenario in ("accepted", "refused", "lost", "unknown_not_done") * 3:
        till.will(scenario)
        paid = till.paid()
        refund = till.approved(till.requested(paid))
        at_once(paid, [partial(till.step, refund)] * 4)
    asked = requests.get(f"{till.url}/simulator/books", timeout=10).json()["refunds"]
    assert len({sent["reference"] for sent in asked}) == len(asked) == 12
    assert {sent["reference"] for sent in asked} == {reference for (reference,) in rows("SELECT reference FROM refund_try")}


def test_workers_who_ask_about_one_refund_at_once_book_it_once(till, at_once, rows) -> None:
    till.will("lost")
    for _ in range(ROUNDS // 2):
        paid = till.paid()
        refund = till.approved(till.requested(paid))
        till.step(refund)
        till.clock.pass_(seconds=61)
        at_once(paid, [partial(till.step, refund)] * 3)
    assert rows(STATES) == [("succeeded", ROUNDS // 2)]
    assert rows("SELECT fact, count(*)::int FROM journal WHERE refund_id IS NOT NULL GROUP BY 1 ORDER BY 1") == [
        ("refund_submitted", ROUNDS // 2),
        ("refund_taken", ROUNDS // 2),
    ]


def test_refunds_of_one_payment_are_sent_one_after_the_other(till, at_once, rows) -> None:
    for _ in range(ROUNDS // 2):
        paid = till.paid()
        first, second = (till.approved(till.ask(paid, amount).json) for amount in (150_000, 50_000))
        till.will("lost")
        before = len(till.given())
        at_once(paid, [partial(till.step, first), partial(till.step, second)])
        assert len(till.given()) == before + 1
        till.clock.pass_(seconds=61)
        at_once(paid, [partial(till.step, first), partial(till.step, second)])
        till.clock.pass_(seconds=61)
        for refund in (first, second) * 2:
            till.step(refund)
            till.clock.pass_(seconds=61)
        assert len(till.given()) == before + 2
    assert rows(STATES) == [("succeeded", ROUNDS)]
    assert rows("SELECT count(*)::int FROM refund_try") == [(ROUNDS,)]


def test_refunds_of_one_attempts_money_in_two_payments_are_sent_one_after_the_other(till, crowd, lan, rows) -> None:
    def held_and_allocated() -> list[uuid.UUID]:
        """Ask back money that came twice, of which a part pays another payment, and that part too."""
        paid, held = till.paid_twice()
        other = crowd.ask(crowd.body(lines=[SHARED[2]])).json
        to = {"payment": other["id"]}
        proposal = lan.post(crowd.app.test_client(), f"/v1/staff/unapplied/{held}/allocate", to).json["id"]
        till.clock.pass_(seconds=30)
        assert till.approve(proposal).status_code == 200
        rest = till.post(f"payments/{paid.public}/refunds", {"unapplied": held, "reason": "paid_twice"})
        elsewhere = {"lines": [{"number": 1, "amount": 7_000}], "reason": "requested_by_citizen"}
        return [till.approved(answer.json) for answer in (rest, till.post(f"payments/{other['id']}/refunds", elsewhere))]

    till.will("lost")
    for number in range(1, ROUNDS // 2 + 1):
        refunds = held_and_allocated()
        crowd.face_to_face([partial(till.step, refund) for refund in refunds])
        assert len(till.given()) == 2 * number - 1
        for refund in refunds * 3:
            till.clock.pass_(seconds=61)
            till.step(refund)
        assert len(till.given()) == 2 * number
    assert rows(STATES) == [("succeeded", 2 * (ROUNDS // 2))]


def test_a_persons_word_and_the_gateways_at_once_book_a_refund_once(till, queue, rows, crowd, lan) -> None:
    till.will("lost")
    for _ in range(ROUNDS // 2):
        paid = till.paid()
        refund = till.requested(paid)
        refund_id = till.approved(refund)
        till.step(refund_id)
        said = {"outcome": "succeeded", "evidence": "Công văn 12/VNPAY"}
        lan.post(crowd.app.test_client(), f"/v1/staff/refunds/{refund['id']}/outcome", said)
        [(proposal,)] = rows("SELECT id FROM proposal WHERE kind = 'refund_outcome' ORDER BY id DESC LIMIT 1")
        till.clock.pass_(seconds=61)
        acts = [partial(till.step, refund_id), partial(till.approve, public_id("prp", proposal, "test"))]
        _, answer = queue(PAYMENT, {"id": paid.id}, acts)
        assert codes([answer]) in ([(200, "executed")], [(409, "proposal_void")])
    assert rows(STATES) == [("succeeded", ROUNDS // 2)]
    assert len(till.given()) == ROUNDS // 2


def test_a_word_said_again_and_its_confirmation_at_once_never_meet_an_error(till, queue, rows, crowd, lan) -> None:
    till.will("unknown_not_done")
    for _ in range(ROUNDS // 2):
        paid = till.paid()
        refund = till.requested(paid)
        till.step(till.approved(refund))
        told = {"outcome": "failed", "evidence": "Công văn 12/VNPAY"}
        say = partial(lan.post, crowd.app.test_client(), f"/v1/staff/refunds/{refund['id']}/outcome", told)
        assert say().status_code == 200
        [(proposal,)] = rows("SELECT id FROM proposal WHERE kind = 'refund_outcome' ORDER BY id DESC LIMIT 1")
        till.clock.pass_(seconds=30)
        again, answer = queue(PAYMENT, {"id": paid.id}, [say, partial(till.approve, public_id("prp", proposal, "test"))])
        assert codes([answer]) == [(200, "executed")]
        assert codes([again]) in ([(409, "already_proposed")], [(409, "refund_decided")])
    assert rows(STATES) == [("failed", ROUNDS // 2)]


def midnight_after(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=LOCAL) + timedelta(days=1)


@pytest.mark.parametrize("moment", ["sending", "answer"])
def test_a_refund_and_the_end_of_its_day_at_once_never_meet_an_error(till, queue, rows, hub, clock, moment) -> None:
    def shut(day: date) -> None:
        with hub.db.session() as session:
            days.shut(session, day, "thu.ha", midnight_after(day))

    for _ in range(ROUNDS):
        day = local_date(clock.now())
        paid = till.paid()
        refund = till.approved(till.requested(paid))
        if moment == "answer":
            till.will("lost")
            till.step(refund)
            clock.pass_(seconds=61)
        slot = (day - date(2000, 1, 1)).days & 63
        queue(DAY, {"slot": slot}, [partial(till.step, refund), partial(shut, day)])
        clock.set(datetime.combine(day + timedelta(days=3 if day.weekday() == 4 else 1), clock.now().timetz()).astimezone(UTC))
    booked = dict(rows("SELECT business_on > cohort_on, count(*)::int FROM journal WHERE refund_id IS NOT NULL GROUP BY 1"))
    assert sum(booked.values()) == 2 * ROUNDS
    # One time in two the refund comes first.
    assert set(booked) == {True, False}
    assert rows(STATES) == [("succeeded", ROUNDS)]


def test_whoever_holds_a_connection_never_waits_for_a_second(hub) -> None:
    with ExitStack() as stack:
        for _ in range(hub.settings.database.pool_size):
            stack.enter_context(hub.db.session()).connection()
        assert hub.cache.fresh().portals
