"""What becomes of allocated money when a gateway, a refund or a bank takes it back, and of the discrepancy that asked about it."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from payhub.ids import public_id, read_public_id

CB = {"lines": [{"number": 1, "amount": 200_000}]}


@pytest.fixture
def second(rows):
    """The gateway's reference of the money that could not be applied."""
    return lambda: rows("SELECT reference FROM attempt WHERE NOT applied AND confirmed IS NOT NULL")[0][0]


@pytest.fixture
def allocated(paid_twice, treasury, new):
    """A payment that was paid by another's second money: (target, own payment, receipt)."""
    payment, receipt = paid_twice
    target = new()
    treasury.allocate(receipt, target)
    return target, payment, receipt


def test_the_gateways_reversal_of_allocated_money_reverses_the_payment_it_paid(allocated, reverse, second, seen, owed, discrepancies, new) -> None:
    target, payment, _ = allocated
    assert reverse(second()) == "00"
    assert (seen(target)["state"], seen(payment)["state"]) == ("reversed", "paid")
    assert owed() == {"owed": 200_000, "receivable": -200_000, "unapplied": 0}
    assert discrepancies() == [("paid_twice", 200_000, "resolved"), ("reversed", 200_000, "open")]
    assert new(dossier=target["dossier"])["state"] == "open"


def test_a_reversal_of_money_that_was_allocated_in_part_takes_the_rest_too(overpaid, treasury, reverse, seen, owed) -> None:
    payment, receipt = overpaid
    treasury.allocate(receipt, payment)
    assert reverse() == "00"
    assert (seen(payment)["state"], seen(payment)["unapplied"][0]["remaining"]) == ("reversed", 0)
    assert set(owed().values()) == {0}


def test_the_reversal_of_the_money_that_paid_first_leaves_the_allocated_alone(allocated, reverse, rows, seen, owed) -> None:
    target, payment, _ = allocated
    [(first,)] = rows("SELECT reference FROM attempt WHERE applied")
    assert reverse(first) == "00"
    assert (seen(target)["state"], seen(payment)["state"]) == ("paid", "reversed")
    assert owed() == {"owed": 200_000, "receivable": -200_000, "unapplied": 0}


def test_a_refund_goes_to_the_attempt_that_brought_the_money(allocated, desk, gateway, second, owed, seen) -> None:
    target, _, _ = allocated
    refund = desk.refund(target, 150_000)
    assert refund["state"] == "succeeded"
    assert [(sent["original_reference"], sent["amount"]) for sent in gateway.refunds()] == [(second(), 150_000)]
    assert owed() == {"owed": 250_000, "receivable": -250_000, "refunds_due": 0, "unapplied": 0}
    assert (seen(target)["state"], seen(target)["refunded"]) == ("paid", 150_000)


def test_a_refund_of_allocated_money_that_fails_is_owed_again_and_never_unapplied(allocated, desk, gateway, owed, discrepancies) -> None:
    target, _, _ = allocated
    gateway.will("refused")
    assert desk.refund(target)["state"] == "failed"
    assert owed() == {"owed": 400_000, "receivable": -400_000, "refunds_due": 0, "unapplied": 0}
    assert discrepancies() == [("paid_twice", 200_000, "resolved")]


def test_allocated_money_refunded_and_reversed_left_twice(allocated, desk, reverse, second, owed, rows) -> None:
    target, _, _ = allocated
    refund = desk.refund(target, 150_000)
    waits = desk.ask(target, 50_000).json
    assert reverse(second()) == "00"
    assert owed() == {"differences": -150_000, "owed": 200_000, "receivable": -50_000, "refunds_due": 0, "unapplied": 0}
    assert (desk.seen(refund)["state"], desk.seen(waits)["state"]) == ("succeeded", "withdrawn")
    assert rows("SELECT amount FROM discrepancy WHERE kind = 'refund_and_reversal'") == [(150_000,)]


def test_a_lost_dispute_of_allocated_money_names_the_attempt_that_brought_it(allocated, lan, minh, client, clock, rows, seen, owed) -> None:
    target, _, _ = allocated
    dispute = lan.post(client, f"/v1/staff/payments/{target['id']}/disputes", {"gateway_case": "NCB-1", **CB}).json
    dispute = lan.post(client, f"/v1/staff/disputes/{dispute['id']}/lost").json
    clock.pass_(seconds=30)
    assert minh.post(client, f"/v1/proposals/{dispute['proposal']}/approve", {"totp": minh.code()}).status_code == 200
    named = "SELECT d.attempt_id = al.attempt_id, j.attempt_id = al.attempt_id, j.payment_id = al.payment_id FROM dispute d, allocation al, journal j WHERE j.fact = 'charged_back'"
    assert rows(named) == [(True, True, True)]
    assert (seen(target)["state"], seen(target)["charged_back"]) == ("reversed", 200_000)
    assert owed() == {"owed": 200_000, "receivable": -200_000, "unapplied": 0}


@pytest.mark.parametrize("first", ["lost", "reversed"])
def test_allocated_money_lost_and_reversed_leaves_the_same_books_in_either_order(
    allocated, lan, minh, client, clock, reverse, second, owed, rows, first
) -> None:
    target, _, _ = allocated
    dispute = lan.post(client, f"/v1/staff/payments/{target['id']}/disputes", {"gateway_case": "NCB-1", **CB}).json
    if first == "reversed":
        reverse(second())
    dispute = lan.post(client, f"/v1/staff/disputes/{dispute['id']}/lost").json
    clock.pass_(seconds=30)
    assert minh.post(client, f"/v1/proposals/{dispute['proposal']}/approve", {"totp": minh.code()}).status_code == 200
    if first == "lost":
        reverse(second())
    assert owed() == {"differences": -200_000, "owed": 200_000, "receivable": 0, "unapplied": 0}
    assert rows("SELECT amount FROM discrepancy WHERE kind = 'refund_and_reversal'") == [(200_000,)]


def test_a_receipt_given_back_whole_has_nobody_asked_about_it_any_more(paid_twice, desk, discrepancies, rows) -> None:
    payment, receipt = paid_twice
    desk.refund(payment, lines=None, unapplied=receipt, amount=50_000)
    assert discrepancies() == [("paid_twice", 200_000, "open")]
    desk.refund(payment, lines=None, unapplied=receipt)
    assert discrepancies() == [("paid_twice", 200_000, "resolved")]
    assert rows("SELECT act, actor FROM discrepancy_act ORDER BY id")[-1] == ("refunded", "system")


def test_a_receipt_is_asked_about_until_every_refund_of_it_has_an_answer(paid_twice, treasury, new, gateway, desk, discrepancies) -> None:
    payment, receipt = paid_twice
    gateway.will("unknown_done")
    desk.refund(payment, lines=None, unapplied=receipt, amount=100_000)
    treasury.allocate(receipt, new(lines=[{"fee": "P-CONGCHUNG", "agency": "000.00.00.G15", "amount": 100_000}]))
    assert discrepancies() == [("paid_twice", 200_000, "open")]
    desk.work(seconds=61)
    assert discrepancies() == [("paid_twice", 200_000, "resolved")]


def test_a_refund_corrected_to_failed_has_somebody_asked_again(paid_twice, desk, gateway, discrepancies, treasury) -> None:
    payment, receipt = paid_twice
    gateway.will("refused_later")
    refund = desk.refund(payment, lines=None, unapplied=receipt)
    assert discrepancies() == [("paid_twice", 200_000, "resolved")]
    gateway.until("09")
    desk.work(hours=25)
    assert desk.seen(refund)["state"] == "failed"
    assert discrepancies() == [("paid_twice", 200_000, "open")]
    assert [each["id"] for each in treasury.held()["data"]] == [receipt]


def test_a_refused_refund_leaves_the_receipt_as_it_was(paid_twice, desk, gateway, discrepancies, treasury) -> None:
    payment, receipt = paid_twice
    gateway.will("refused")
    desk.refund(payment, lines=None, unapplied=receipt)
    assert discrepancies() == [("paid_twice", 200_000, "open")]
    assert treasury.look(receipt)["available"] == 200_000


@pytest.fixture
def run(hub):
    def execute(*statements: str) -> None:
        with hub.db.engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement))

    return execute


@pytest.mark.parametrize("statement", ["UPDATE allocation SET amount = 1", "DELETE FROM allocation", "TRUNCATE allocation CASCADE"])
def test_an_allocation_is_not_changed_behind_its_back(allocated, run, statement) -> None:
    with pytest.raises(DBAPIError):
        run(statement)


@pytest.mark.parametrize("changed", ["payment_id", "receipt_id", "amount", "state"])
def test_raw_rows_allocate_nothing_that_two_people_did_not_agree_on(paid_twice, treasury, new, run, changed) -> None:
    _, receipt = paid_twice
    target, other = new(), new()
    proposal = read_public_id("prp", treasury.proposed(receipt, target)["id"], "test")
    values = {"payment_id": read_public_id("pay", target["id"], "test"), "receipt_id": read_public_id("uap", receipt, "test"), "amount": 200_000}
    values |= {"payment_id": {"payment_id": read_public_id("pay", other["id"], "test")}, "receipt_id": {"receipt_id": uuid.uuid4()}, "amount": {"amount": 100}}.get(changed, {})
    row = f"INSERT INTO allocation SELECT '{values['payment_id']}', '{values['receipt_id']}', NULL, '{proposal}', {values['amount']}, now()"
    decided = f"UPDATE proposal SET state = 'approved', decided_by = (SELECT id FROM principal WHERE name = 'minh'), decided_at = now() WHERE id = '{proposal}'"
    with pytest.raises(DBAPIError, match="not allocated by two people"):
        run(*([] if changed == "state" else [decided]), row)


STEPS = st.one_of(
    st.tuples(st.just("refund"), st.integers(1, 200_000), st.sampled_from(["accepted", "refused", "unknown_not_done", "requested"])),
    st.tuples(st.just("allocate"), st.integers(20_000, 120_000), st.just("")),
    st.tuples(st.just("refund allocated"), st.integers(1, 120_000), st.sampled_from(["accepted", "refused"])),
    st.tuples(st.just("fail"), st.just(0), st.just("")),
    st.tuples(st.just("reverse"), st.just(0), st.just("")),
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=st.lists(STEPS, min_size=2, max_size=6))
def test_whatever_becomes_of_held_money_the_laws_hold(
    pay, receipt_of, treasury, new, desk, gateway, reverse, lan, client, rows, books_hold, steps
) -> None:
    payment = pay(pay_twice=True)
    receipt, unknown, paid = receipt_of(payment), [], []
    for what, amount, how in steps:
        if what.startswith("refund") and (what == "refund" or paid):
            asked = desk.ask(payment, lines=None, unapplied=receipt, amount=amount) if what == "refund" else desk.ask(paid[-1], amount)
            if asked.status_code == 201 and how != "requested" and desk.approve(asked.json).status_code == 200:
                gateway.will(how)
                desk.work()
                unknown += [asked.json] if desk.seen(asked.json)["state"] == "unknown" else []
        elif what == "allocate":
            target = new(lines=[{"fee": "P-CONGCHUNG", "agency": "000.00.00.G15", "amount": amount}])
            answer = treasury.propose(receipt, target)
            if answer.status_code == 201 and treasury.approve(answer.json).status_code == 200:
                paid.append(target)
        elif what == "fail" and unknown:
            told = {"outcome": "failed", "evidence": "Công văn 12/VNPAY"}
            lan.post(client, f"/v1/staff/refunds/{unknown.pop()['id']}/outcome", told)
            for (proposal,) in rows("SELECT id FROM proposal WHERE kind = 'refund_outcome' AND state = 'proposed'"):
                desk.approve({"proposal": public_id("prp", proposal, "test")})
        elif what == "reverse":
            number = read_public_id("uap", receipt, "test")
            reverse(rows(f"SELECT reference FROM attempt WHERE id = (SELECT attempt_id FROM unapplied_receipt WHERE id = '{number}')")[0][0])
        books_hold()
