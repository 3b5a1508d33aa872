"""The comparison of the books finds what is lost, doubled and wrong: a check that cannot fail proves nothing."""

import threading
from dataclasses import replace

import pytest

from payhub.demo.crash.books import Attempt, Books, Refund
from payhub.demo.crash.checks import compare
from payhub.demo.crash.kinds import Kind
from payhub.demo.crash.portal import Asked, PersistentPortal

APPLIED = ["j1 applied"]


def order(state, amount, tells="truth", end="accepted"):
    return {"amount": amount, "state": state, "ipns": [{"tells": tells, "tries": [{"end": end}]}]}


def attempt(state, **changed):
    plain = Attempt(state, True, 500, "pay_1", False, APPLIED, 500, None, [])
    return replace(plain, **changed)


@pytest.fixture
def portal():
    with PersistentPortal("portal", "http://127.0.0.1:9", threading.Event()) as portal:
        for number in ("1", "2"):
            portal.asked.append(Asked(f"key-{number}", "/v1/payments", {}, {"id": f"pay_{number}"}))
        portal.ids["pay_1", 3].add("msg_1")
        portal.bodies["msg_1"].add(b"digest")
        portal.heard["msg_1"] = {"data": {"payment": "pay_1", "sequence": 3}}
        yield portal


@pytest.fixture
def books(portal):
    """One payment that is paid, one that is open."""
    return Books(
        payments={"pay_1": "paid", "pay_2": "open"},
        references=["A-1", "A-2"],
        attempts={"PH1": attempt("succeeded")},
        events={("pay_1", 3): "payment.paid"},
        receivable=500,
        orders={"PH1": order("paid", 500)},
        portals=[portal],
        refunds={},
        given=[],
    )


def request(reference, amount, taken=True):
    return {"reference": reference, "original_reference": "PH1", "amount": amount, "taken": taken}


def refund(state="succeeded", tries=(("RF1", "accepted"),), **changed):
    return replace(Refund(state, 200, "PH1", list(tries), waits=False, disputed=False), **changed)


@pytest.fixture
def given(books, portal):
    """200 of the 500 that were paid went back."""
    portal.asked_back.append(Asked("key-3", "/v1/payments/pay_1/refunds", {}, {"id": "ref_1"}))
    paid = replace(books.attempts["PH1"], facts=[*APPLIED, "j2 refund_taken"], receivable=300)
    return replace(books, attempts={"PH1": paid}, receivable=300, refunds={"ref_1": refund()}, given=[request("RF1", 200)])


def found(books):
    return {(check.kind, check.name) for check in compare(books) if not check.holds}


def test_books_that_agree_have_nothing_to_be_found(books):
    assert not found(books)


def changed_attempt(books, **changed):
    return replace(books, attempts={"PH1": replace(books.attempts["PH1"], **changed)})


def test_an_answered_payment_that_is_gone_is_lost(books):
    books = replace(books, payments={"pay_1": "paid"})
    assert found(books) == {(Kind.LOST, "a payment that a portal was answered with is gone")}


def test_a_payment_nobody_was_told_of_is_wrong(books):
    books = replace(books, payments={**books.payments, "pay_3": "open"})
    assert found(books) == {(Kind.WRONG, "a payment of which no portal was told")}


def test_two_payments_for_one_reference_are_doubled(books):
    assert (Kind.DOUBLED, "two payments for one reference of a portal") in found(replace(books, references=["A-1", "A-1"]))


def test_a_key_that_is_answered_differently_is_doubled(books, portal):
    portal.differed.append("key-1")
    assert found(books) == {(Kind.DOUBLED, "a key was answered differently when it was sent again")}


def test_money_the_hub_does_not_know_of_is_lost(books):
    books = changed_attempt(books, state="failed", applied=False, facts=[], receivable=0, confirmed=0)
    assert (Kind.LOST, "money that the gateway has and the hub has not") in found(replace(books, receivable=0))


def test_an_order_the_hub_never_made_is_lost(books):
    books = replace(books, orders={**books.orders, "PH2": order("open", 100)})
    assert found(books) == {(Kind.LOST, "an order at the gateway that the hub never made")}


def test_money_the_gateway_has_not_is_wrong(books):
    assert found(replace(books, orders={"PH1": order("unpaid", 500)})) == {(Kind.WRONG, "money that the hub has and the gateway has not")}


def test_money_that_is_booked_twice_is_doubled(books):
    books = changed_attempt(books, facts=[*APPLIED, "j2 applied"], receivable=1000)
    assert (Kind.DOUBLED, "money that is booked twice") in found(replace(books, receivable=1000))


def test_money_that_is_not_booked_is_lost(books):
    assert (Kind.LOST, "money that is not booked") in found(changed_attempt(books, facts=[], receivable=0))


def test_a_payment_paid_by_two_is_doubled(books):
    attempts = {"PH1": books.attempts["PH1"], "PH2": attempt("succeeded", facts=["j2 applied"])}
    books = replace(books, attempts=attempts, orders={**books.orders, "PH2": order("paid", 500)}, receivable=1000)
    assert found(books) == {(Kind.DOUBLED, "a payment that is paid twice")}


def test_another_amount_is_wrong_unless_it_is_held_as_conflicted(books):
    name = (Kind.WRONG, "another amount than the gateway's")
    assert name in found(replace(books, orders={"PH1": order("paid", 400)}))
    held = changed_attempt(books, state="conflicted", applied=False, facts=["j1 not_applicable"], held="overpaid", kinds=["overpaid"])
    assert name not in found(replace(held, orders={"PH1": order("paid", 400)}))


def test_held_money_without_a_discrepancy_is_wrong(books):
    books = changed_attempt(books, applied=False, facts=["j1 not_applicable"], held="paid_twice", kinds=[])
    assert found(books) == {(Kind.WRONG, "money that is held without a discrepancy")}


def test_money_taken_back_of_which_the_hub_was_told_must_be_reversed(books):
    orders = {"PH1": order("reversed", 500, "reversal")}
    assert (Kind.WRONG, "money taken back of which the hub was told in vain") in found(replace(books, orders=orders))
    orders = {"PH1": order("reversed", 500, "reversal", end="")}
    assert (Kind.WRONG, "money taken back of which the hub was told in vain") not in found(replace(books, orders=orders))


def test_an_undecided_attempt_past_its_expiry_needs_a_discrepancy(books):
    silent = {"PH1": books.attempts["PH1"], "PH2": attempt("unknown", applied=False, confirmed=0, overdue=True, facts=[], receivable=0)}
    assert found(replace(books, attempts=silent)) == {(Kind.WRONG, "an attempt undecided past its expiry without a discrepancy")}
    known = {**silent, "PH2": replace(silent["PH2"], kinds=["unknown_outcome"])}
    assert not found(replace(books, attempts=known))


def test_an_event_nobody_heard_of_is_lost(books, portal):
    portal.ids.clear()
    assert found(books) == {(Kind.LOST, "an event that its portal never heard of")}


def test_an_event_under_two_ids_is_doubled(books, portal):
    portal.ids["pay_1", 3].add("msg_2")
    assert found(books) == {(Kind.DOUBLED, "an event under two webhook-ids")}


def test_a_paid_payment_needs_its_event(books):
    assert (Kind.LOST, "a paid payment without the event that says so") in found(replace(books, events={}))


def test_a_refund_on_both_sides_has_nothing_to_be_found(given):
    assert not found(given)


def not_booked(books, **changed):
    """The same day with a refund that took nothing."""
    return replace(books, attempts={"PH1": attempt("succeeded")}, receivable=500, **changed)


def test_a_refund_that_was_answered_and_is_gone_is_lost(given):
    assert (Kind.LOST, "a refund that a portal was answered with is gone") in found(not_booked(given, refunds={}))


def test_a_refund_nobody_asked_for_is_wrong(given, portal):
    portal.asked_back.clear()
    assert found(given) == {(Kind.WRONG, "a refund of which no portal was told")}


def test_money_that_went_back_and_is_not_known_is_lost(given):
    forgotten = {"ref_1": refund("failed", [("RF1", "refused")])}
    assert found(not_booked(given, refunds=forgotten)) == {(Kind.LOST, "money given back that the hub knows nothing of")}
    unknown = refund("unknown", [("RF1", "unknown")])
    assert found(not_booked(given, refunds={"ref_1": replace(unknown, disputed=True)})) == set()
    assert (Kind.WRONG, "a refund nobody knows of, and nobody is told") in found(not_booked(given, refunds={"ref_1": unknown}))


def test_money_that_did_not_go_back_is_wrong(given):
    refused = replace(given, given=[request("RF1", 200, taken=False)])
    assert found(refused) == {(Kind.WRONG, "money that the hub gave back and the gateway did not")}


def test_another_amount_given_back_is_wrong(given):
    assert found(replace(given, given=[request("RF1", 199)])) == {(Kind.WRONG, "another amount given back than was asked")}


def test_a_refund_that_is_not_booked_is_lost_and_one_booked_twice_is_doubled(given):
    assert (Kind.LOST, "money that is not booked") in found(changed_attempt(given, facts=APPLIED, receivable=500))
    twice = changed_attempt(given, facts=[*APPLIED, "j2 refund_taken", "j3 refund_taken"], receivable=100)
    assert (Kind.DOUBLED, "money that is booked twice") in found(twice)


def test_a_request_sent_twice_is_doubled(given):
    again = replace(given, given=[*given.given, request("RF1", 200, taken=False)])
    assert (Kind.DOUBLED, "a request to give back that was sent twice") in found(again)


def test_a_request_the_hub_never_wrote_is_lost(given):
    strange = replace(given, given=[*given.given, request("RF9", 200, taken=False)])
    assert found(strange) == {(Kind.LOST, "a request to give back that the hub never wrote")}


def test_a_second_request_while_the_first_has_no_answer_is_doubled(given):
    again = {"ref_1": refund(tries=[("RF1", "unknown"), ("RF2", "accepted")])}
    books = replace(given, refunds=again, given=[request("RF2", 200)])
    assert found(books) == {(Kind.DOUBLED, "a second request after one without an answer")}
    both = replace(books, given=[request("RF1", 200), request("RF2", 200)])
    assert (Kind.DOUBLED, "a refund that went back twice") in found(both)


def test_more_back_than_was_paid_is_doubled(given):
    more = replace(given, given=[request("RF1", 600)])
    assert (Kind.DOUBLED, "more given back than was paid") in found(more)


def test_a_refund_that_waits_for_ever_is_wrong(given):
    waiting = not_booked(given, refunds={"ref_1": refund("approved", [], waits=True)}, given=[])
    assert found(waiting) == {(Kind.WRONG, "a refund that never came to rest")}
