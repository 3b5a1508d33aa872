"""What gateways do with a refund: refuse it, lose it, keep silent, change their minds, and take the payment back meanwhile."""

from __future__ import annotations

import pytest

from gateways.base import RefundNotice, RefundOutcome
from payhub.payments.refunds import words

NOWHERE = "http://127.0.0.1:9"
TRIES = "SELECT number, state FROM refund_try ORDER BY number"


@pytest.fixture
def payment(pay):
    return pay()


def test_a_refused_refund_leaves_the_money_owed_and_may_be_sent_again(payment, desk, gateway, rows, owed) -> None:
    gateway.will("refused")
    refund = desk.refund(payment)
    assert (refund["state"], refund["end_reason"]) == ("failed", "refused")
    assert owed() == {"owed": 200_000, "receivable": -200_000, "refunds_due": 0}
    gateway.will("accepted")
    assert desk.portal(f"/refunds/{refund['id']}/retry").status_code == 200
    desk.work()
    assert desk.seen(refund)["state"] == "succeeded"
    assert rows(TRIES) == [(1, "refused"), (2, "accepted")]
    assert rows("SELECT count(DISTINCT reference) FROM refund_try") == [(2,)]


def test_a_failed_refund_whose_money_was_given_back_otherwise_is_not_sent_again(payment, desk, gateway) -> None:
    gateway.will("refused")
    first = desk.refund(payment)
    gateway.will("accepted")
    assert desk.refund(payment)["state"] == "succeeded"
    answer = desk.portal(f"/refunds/{first['id']}/retry")
    assert (answer.status_code, answer.json["code"]) == (409, "not_refundable")
    assert len([sent for sent in gateway.refunds() if sent["taken"]]) == 1


def test_only_a_failed_refund_is_sent_again(payment, desk) -> None:
    refund = desk.refund(payment)
    answer = desk.portal(f"/refunds/{refund['id']}/retry")
    assert (answer.status_code, answer.json["code"]) == (409, "refund_not_retriable")


def test_a_gateway_out_of_reach_is_tried_again_by_a_new_reference(payment, desk, gateway, rows) -> None:
    gateway.reach(NOWHERE)
    refund = desk.refund(payment)
    assert refund["state"] == "submitted"
    assert desk.work(seconds=60) == 0
    gateway.reach()
    assert desk.work(seconds=300) == 1
    assert desk.seen(refund)["state"] == "succeeded"
    assert rows(TRIES) == [(1, "not_reached"), (2, "accepted")]


def test_a_gateway_never_reached_ends_in_a_failure_and_money_owed(payment, desk, gateway, hub, owed, rows) -> None:
    gateway.reach(NOWHERE)
    refund = desk.refund(payment)
    for _ in hub.settings.payments.ladder_s:
        desk.work(days=3)
    assert (desk.seen(refund)["state"], desk.seen(refund)["end_reason"]) == ("failed", "not_reached")
    assert owed() == {"owed": 200_000, "receivable": -200_000, "refunds_due": 0}
    assert len(rows(TRIES)) == len(hub.settings.payments.ladder_s)
    assert desk.work(days=30) == 0


@pytest.mark.parametrize("scenario", ["lost", "unknown_done"])
def test_an_unanswered_refund_is_asked_about_and_never_sent_twice(payment, desk, gateway, rows, owed, scenario) -> None:
    gateway.will(scenario)
    refund = desk.refund(payment)
    assert refund["state"] == "unknown"
    assert owed() == {"owed": 0, "receivable": -200_000, "refunds_due": 200_000}
    assert desk.work(seconds=61) == 1
    assert desk.seen(refund)["state"] == "succeeded"
    assert (len(gateway.refunds()), rows(TRIES)) == (1, [(1, "accepted")])


def test_a_refund_nobody_can_tell_of_waits_for_two_people(payment, desk, gateway, hub, lan, client, rows, owed) -> None:
    gateway.will("unknown_not_done")
    refund = desk.refund(payment)
    for _ in hub.settings.payments.ladder_s:
        assert desk.work(days=3) == 1
    assert (desk.work(days=30), desk.seen(refund)["state"]) == (0, "unknown")
    assert rows("SELECT kind, amount, state FROM discrepancy") == [("refund_unknown", 200_000, "open")]
    assert desk.ask(payment, 1).json["code"] == "not_refundable"
    said = lan.post(client, f"/v1/staff/refunds/{refund['id']}/outcome", {"outcome": "failed", "evidence": "Công văn 12/VNPAY"})
    assert (said.status_code, said.json["state"]) == (200, "unknown")
    [(proposal,)] = rows("SELECT id FROM proposal WHERE kind = 'refund_outcome'")
    from payhub.ids import public_id

    assert desk.approve({"proposal": public_id("prp", proposal, "test")}).json["state"] == "executed"
    assert (desk.seen(refund)["state"], desk.seen(refund)["end_reason"]) == ("failed", "said_by_staff")
    assert owed() == {"owed": 200_000, "receivable": -200_000, "refunds_due": 0}
    assert rows("SELECT state FROM discrepancy") == [("resolved",)]
    gateway.will("accepted")
    desk.portal(f"/refunds/{refund['id']}/retry")
    desk.work()
    assert desk.seen(refund)["state"] == "succeeded"


def test_what_people_say_of_a_refund_is_void_once_the_gateway_has_spoken(payment, desk, gateway, lan, client, rows) -> None:
    gateway.will("lost")
    refund = desk.refund(payment)
    lan.post(client, f"/v1/staff/refunds/{refund['id']}/outcome", {"outcome": "failed", "evidence": "gọi điện"})
    desk.work(seconds=61)
    [(proposal,)] = rows("SELECT id FROM proposal WHERE kind = 'refund_outcome'")
    from payhub.ids import public_id

    answer = desk.approve({"proposal": public_id("prp", proposal, "test")})
    assert (answer.status_code, answer.json["code"]) == (409, "proposal_void")
    assert desk.seen(refund)["state"] == "succeeded"
    known = lan.post(client, f"/v1/staff/refunds/{refund['id']}/outcome", {"outcome": "failed", "evidence": "gọi điện"})
    assert known.json["code"] == "refund_decided"


def test_a_refund_the_gateway_takes_and_refuses_later_is_corrected(payment, desk, gateway, rows, owed) -> None:
    gateway.will("refused_later")
    refund = desk.refund(payment)
    assert refund["state"] == "succeeded"
    assert owed() == {"owed": 0, "receivable": 0, "refunds_due": 0}
    gateway.until("09")
    desk.work(hours=25)
    assert desk.seen(refund)["state"] == "failed"
    assert owed() == {"owed": 200_000, "receivable": -200_000, "refunds_due": 0}
    facts = "SELECT fact FROM journal WHERE refund_id IS NOT NULL ORDER BY id"
    assert [fact for (fact,) in rows(facts)] == ["refund_submitted", "refund_taken", "refund_not_taken", "refund_failed"]
    [(correction,)] = rows("SELECT data ->> 'correction' FROM event WHERE type = 'refund.failed'")
    assert correction == "true"


@pytest.mark.parametrize(("names_try", "amount", "state"), [(True, None, "failed"), (False, None, "succeeded"), (True, 1, "succeeded")])
def test_without_a_number_only_a_refusal_of_this_very_try_corrects(payment, desk, hub, rows, owed, names_try, amount, state) -> None:
    refund = desk.refund(payment)
    [(refund_id, try_id, reference, original)] = rows(
        "SELECT refund.id, refund_try.id, refund_try.reference, attempt.reference FROM refund_try "
        "JOIN refund ON refund.id = refund_try.refund_id JOIN attempt ON attempt.id = refund.attempt_id"
    )
    notice = RefundNotice(reference, original, "PAYHUB01", RefundOutcome.REFUSED, "00/09", amount, "VND", None, names_try)
    words.answered(hub, refund_id, try_id, notice, asked=True)
    assert desk.seen(refund)["state"] == state
    assert owed()["owed"] == (200_000 if state == "failed" else 0)
    assert rows("SELECT data ->> 'correction' FROM event WHERE type = 'refund.failed'") == [("true",)] * (state == "failed")


def test_a_taken_refund_is_asked_about_a_few_times_and_then_left(payment, desk, hub, rows) -> None:
    desk.refund(payment)
    for _ in hub.settings.payments.refund_confirm_s:
        assert desk.work(days=4) == 1
    assert desk.work(days=30) == 0
    assert rows(TRIES) == [(1, "accepted")]


def test_a_second_refund_of_an_attempt_waits_for_the_firsts_answer(payment, desk, gateway, rows) -> None:
    gateway.will("unknown_done")
    first, second = desk.ask(payment, 50_000).json, desk.ask(payment, 60_000).json
    desk.approve(first)
    desk.work()
    desk.approve(second)
    gateway.will("accepted")
    desk.work(seconds=5)
    assert (desk.seen(first)["state"], desk.seen(second)["state"], len(gateway.refunds())) == ("unknown", "approved", 1)
    for _ in range(3):
        desk.work(seconds=61)
    assert (desk.seen(first)["state"], desk.seen(second)["state"]) == ("succeeded", "succeeded")
    assert sorted(sent["amount"] for sent in gateway.refunds()) == [50_000, 60_000]


def test_a_reversal_withdraws_refunds_that_wait(payment, desk, reverse, gateway) -> None:
    requested, approved = desk.ask(payment, 50_000).json, desk.ask(payment, 60_000).json
    desk.approve(approved)
    assert reverse() == "00"
    for refund in (requested, approved):
        assert (desk.seen(refund)["state"], desk.seen(refund)["end_reason"]) == ("withdrawn", "reversed")
    desk.work(days=1)
    assert gateway.refunds() == []
    assert desk.approve(requested).json["code"] == "proposal_void"


def test_money_refunded_and_reversed_left_twice_and_somebody_is_told(payment, desk, reverse, rows, owed) -> None:
    desk.refund(payment, 50_000)
    assert reverse() == "00"
    assert owed() == {"differences": -50_000, "owed": 0, "receivable": 50_000, "refunds_due": 0}
    assert rows("SELECT kind, amount FROM discrepancy ORDER BY kind") == [("refund_and_reversal", 50_000), ("reversed", 200_000)]


def test_a_refund_that_fails_after_the_reversal_did_not_leave_twice(payment, desk, gateway, reverse, rows, owed, hub, lan, client) -> None:
    gateway.will("unknown_not_done")
    refund = desk.refund(payment, 50_000)
    reverse()
    assert owed() == {"differences": -50_000, "owed": 0, "receivable": 0, "refunds_due": 50_000}
    lan.post(client, f"/v1/staff/refunds/{refund['id']}/outcome", {"outcome": "failed", "evidence": "sao kê"})
    from payhub.ids import public_id

    [(proposal,)] = rows("SELECT id FROM proposal WHERE kind = 'refund_outcome'")
    assert desk.approve({"proposal": public_id("prp", proposal, "test")}).status_code == 200
    assert set(owed().values()) == {0}
    assert rows("SELECT state FROM discrepancy WHERE kind = 'refund_and_reversal'") == [("resolved",)]
    assert desk.portal(f"/refunds/{refund['id']}/retry").json["code"] == "not_refundable"


def test_a_refund_not_yet_sent_is_not_sent_after_a_reversal(payment, desk, gateway, reverse, owed) -> None:
    gateway.reach(NOWHERE)
    refund = desk.refund(payment, 50_000)
    reverse()
    gateway.reach()
    desk.work(days=1)
    assert (desk.seen(refund)["state"], desk.seen(refund)["end_reason"], gateway.refunds()) == ("failed", "reversed", [])
    assert set(owed().values()) == {0}
