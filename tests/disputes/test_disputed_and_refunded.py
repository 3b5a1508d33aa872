"""Money that a bank and a refund, or a bank and a gateway, both want: every dong leaves once, and what left twice has a person."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from payhub.ids import public_id

NOTARY = {"fee": "P-CONGCHUNG", "agency": "000.00.00.G15", "amount": 130_003}
"""A phí of which the agency keeps 75 %."""


@pytest.fixture
def lose_sight(desk, gateway):
    """Have a refund sent of which the gateway never says what became of it."""

    def send(payment, *amounts):
        gateway.will("unknown_not_done")
        refund = desk.refund(payment, *amounts)
        assert refund["state"] == "unknown"
        return refund

    return send


@pytest.fixture
def say_failed(desk, lan, client, rows):
    """Have two people say that nothing went back."""

    def say(refund) -> None:
        told = lan.post(client, f"/v1/staff/refunds/{refund['id']}/outcome", {"outcome": "failed", "evidence": "Công văn 12/VNPAY"})
        assert told.status_code == 200, told.json
        [(proposal,)] = rows("SELECT id FROM proposal WHERE kind = 'refund_outcome' AND state = 'proposed'")
        assert desk.approve({"proposal": public_id("prp", proposal, "test")}).status_code == 200
        assert desk.seen(refund)["state"] == "failed"

    return say


def test_a_dispute_may_be_about_money_that_went_back_already_and_then_it_left_twice(pay, desk, bank, owed, twice, rows) -> None:
    payment = pay()
    desk.refund(payment, 200_000)
    lost = bank.lost(bank.opened(payment))
    assert lost["lines"] == [{"number": 1, "amount": 200_000, "charged_back": 0}]
    assert owed() == {"differences": -200_000, "owed": 0, "receivable": 200_000, "refunds_due": 0}
    assert twice() == [(200_000, "open")]
    assert rows("SELECT state FROM payment") == [("reversed",)]


def test_of_a_line_half_refunded_the_held_half_is_charged_back(pay, desk, bank, owed, twice, rows) -> None:
    payment = pay()
    desk.refund(payment, 150_000)
    lost = bank.lost(bank.opened(payment, 100_000))
    assert lost["lines"] == [{"number": 1, "amount": 100_000, "charged_back": 50_000}]
    assert owed() == {"differences": -50_000, "owed": 0, "receivable": 50_000, "refunds_due": 0}
    assert twice() == [(50_000, "open")]
    assert rows("SELECT state FROM payment") == [("paid",)]


def test_a_refund_that_waits_stays_until_it_no_longer_fits(pay, desk, bank) -> None:
    payment = pay()
    requested = desk.ask(payment, 150_000).json
    dispute = bank.opened(payment, 100_000)
    refused = desk.approve(requested)
    assert (refused.status_code, refused.json["code"], desk.seen(requested)["state"]) == (409, "not_refundable", "requested")
    bank.won(dispute)
    assert desk.approve(requested).status_code == 200
    bank.opened(payment, 100_000)
    desk.work()
    assert (desk.seen(requested)["state"], desk.seen(requested)["end_reason"]) == ("withdrawn", "not_refundable")


def test_at_a_loss_the_refunds_that_no_longer_fit_are_withdrawn_the_last_one_first(pay, desk, bank, owed) -> None:
    payment = pay()
    first, second, third = (desk.ask(payment, amount).json for amount in (60_000, 90_000, 40_000))
    desk.approve(second)
    assert bank.lost(bank.opened(payment, 100_000))["lines"][0]["charged_back"] == 100_000
    assert [desk.seen(refund)["state"] for refund in (first, second, third)] == ["requested", "withdrawn", "requested"]
    assert desk.seen(second)["end_reason"] == "disputed"
    for refund in (first, third):
        desk.approve(refund)
    desk.work()
    assert [desk.seen(refund)["state"] for refund in (first, third)] == ["succeeded", "succeeded"]
    assert owed() == {"owed": 0, "receivable": 0, "refunds_due": 0}


def test_a_withdrawn_refunds_approval_is_void(pay, desk, bank) -> None:
    payment = pay()
    refund = desk.ask(payment).json
    bank.lost(bank.opened(payment, 1))
    answer = desk.approve(refund)
    assert (answer.status_code, answer.json["code"]) == (409, "proposal_void")


def test_a_failed_refund_is_not_sent_again_for_money_that_was_lost(pay, desk, bank, gateway) -> None:
    payment = pay()
    gateway.will("refused")
    refund = desk.refund(payment)
    bank.lost(bank.opened(payment))
    answer = desk.portal(f"/refunds/{refund['id']}/retry")
    assert (answer.status_code, answer.json["code"]) == (409, "not_refundable")


@pytest.mark.parametrize(("asked", "disputed", "owed_after"), [(130_003, 130_003, 0), (100_000, 70_000, 60_003), (77_777, 55_555, 74_448), (9, 130_003, 0)])
def test_a_refund_that_fails_after_the_loss_did_not_leave_twice(
    pay, bank, lose_sight, say_failed, owed, twice, rows, asked, disputed, owed_after
) -> None:
    payment = pay(NOTARY)
    refund = lose_sight(payment, asked)
    dispute = bank.opened(payment, disputed)
    found = bank.lost(dispute)["lines"][0]["charged_back"]
    assert found == min(disputed, 130_003 - asked)
    assert twice() == ([(disputed - found, "open")] if disputed > found else [])
    say_failed(refund)
    assert bank.seen(dispute)["lines"][0]["charged_back"] == disputed
    assert {account: amount for account, amount in owed().items() if amount} == (
        {"owed": owed_after, "receivable": -owed_after} if owed_after else {}
    )
    assert [state for _, state in twice()] in ([], ["resolved"])
    [(retained,)] = rows("SELECT -coalesce(sum(amount), 0)::int FROM posting WHERE account = 'owed' AND share = 'retained'")
    assert retained == owed_after * 75 // 100


def test_two_disputes_take_what_a_failed_refund_leaves_in_their_order(pay, bank, lose_sight, say_failed, owed, twice) -> None:
    payment = pay()
    refund = lose_sight(payment, 150_000)
    first, second = bank.opened(payment, 120_000), bank.opened(payment, 80_000)
    assert bank.lost(second)["lines"][0]["charged_back"] == 50_000
    assert bank.lost(first)["lines"][0]["charged_back"] == 0
    assert twice() == [(30_000, "open"), (120_000, "open")]
    assert owed()["differences"] == -150_000
    say_failed(refund)
    assert [bank.seen(each)["lines"][0]["charged_back"] for each in (first, second)] == [120_000, 80_000]
    assert twice() == [(30_000, "resolved"), (120_000, "resolved")]
    assert set(owed().values()) == {0}


def test_a_refund_corrected_after_the_loss_did_not_leave_twice(pay, desk, bank, gateway, owed, twice) -> None:
    payment = pay()
    gateway.will("refused_later")
    refund = desk.refund(payment)
    assert refund["state"] == "succeeded"
    bank.lost(bank.opened(payment))
    assert twice() == [(200_000, "open")]
    gateway.until("09")
    desk.work(hours=25)
    assert desk.seen(refund)["state"] == "failed"
    assert set(owed().values()) == {0}
    assert twice() == [(200_000, "resolved")]


@pytest.mark.parametrize("refunded", [0, 50_000])
@pytest.mark.parametrize("disputed", [120_000, 200_000])
def test_the_gateways_reversal_and_the_banks_decision_leave_the_same_books_in_either_order(
    pay, desk, bank, reverse, rows, owed, twice, refunded, disputed
) -> None:
    books = []
    for reversed_first in (True, False):
        before = owed()
        payment = pay()
        if refunded:
            desk.refund(payment, refunded)
        dispute = bank.opened(payment, disputed)
        if reversed_first:
            assert reverse() == "00"
            assert bank.lost(dispute)["lines"][0]["charged_back"] == 0
        else:
            bank.lost(dispute)
            assert reverse() == "00"
        assert desk.look(f"/payments/{payment['id']}").json["state"] == "reversed"
        assert bank.seen(dispute)["state"] == "lost"
        books.append({account: amount - before.get(account, 0) for account, amount in owed().items()})
    assert books[0] == books[1]
    assert books[0]["differences"] == -(refunded + disputed)
    assert twice() == [(disputed, "open")] * 2


def test_a_dispute_won_after_the_reversal_changes_nothing(pay, bank, reverse, owed, twice) -> None:
    dispute = bank.opened(pay())
    assert reverse() == "00"
    assert bank.won(dispute).json["state"] == "won"
    assert set(owed().values()) == {0}
    assert twice() == []


def test_a_reversed_payment_is_not_disputed(pay, bank, reverse) -> None:
    payment = pay()
    reverse()
    assert bank.asks(payment).json["lines"] == [{"line": 1, "disputable": 0}]


STEPS = st.one_of(
    st.tuples(st.just("refund"), st.integers(1, 130_003), st.sampled_from(["accepted", "refused", "unknown_not_done", "requested", "approved"])),
    st.tuples(st.just("dispute"), st.integers(1, 130_003), st.sampled_from(["opened", "won", "lost"])),
    st.tuples(st.just("fail"), st.just(0), st.just("")),
    st.tuples(st.just("lose"), st.just(0), st.just("")),
    st.tuples(st.just("reverse"), st.just(0), st.just("")),
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=st.lists(STEPS, min_size=2, max_size=7))
def test_whatever_is_refunded_disputed_and_reversed_the_laws_hold(
    pay, desk, bank, gateway, reverse, say_failed, books_hold, steps
) -> None:
    payment, unknown, open_ = pay(NOTARY), [], []
    for what, amount, how in steps:
        if what == "refund":
            asked = desk.ask(payment, amount)
            if asked.status_code == 201 and how != "requested" and desk.approve(asked.json).status_code == 200 and how != "approved":
                gateway.will(how)
                desk.work()
                unknown += [asked.json] if desk.seen(asked.json)["state"] == "unknown" else []
        elif what == "dispute":
            asked = bank.asks(payment, amount)
            if asked.status_code == 201 and how == "opened":
                open_.append(asked.json)
            elif asked.status_code == 201:
                {"won": bank.won, "lost": bank.lost}[how](asked.json)
        elif what == "fail" and unknown:
            say_failed(unknown.pop())
        elif what == "lose" and open_:
            bank.lost(open_.pop())
        elif what == "reverse":
            reverse()
        books_hold()
