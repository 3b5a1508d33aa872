"""Verified messages whose order is not here: kept, tried again, applied as if they had come later, or a person's."""

from __future__ import annotations

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from webhooks.callbacks import waiting

STATES = "SELECT p.state, a.state, a.applied FROM payment p JOIN attempt a ON a.payment_id = p.id ORDER BY a.id"
MISSING = "SELECT kind, state FROM discrepancy WHERE kind = 'missing_at_hub'"


def test_a_message_before_its_order_waits_and_then_pays(citizen, rows, kept, rename, retry) -> None:
    reference = citizen.try_()
    rename(reference, "GONE")
    assert citizen.says(reference) == "01"
    assert kept() == [("waiting", "unknown_reference", "unknown_reference", False)]
    assert rows(MISSING) == [("missing_at_hub", "open")]
    assert retry(seconds=10) == 1
    assert kept() == [("waiting", "unknown_reference", "unknown_reference", False)]
    rename("GONE", reference)
    assert retry(seconds=1) == 0
    assert retry(seconds=60) == 1
    assert kept() == [("settled", "unknown_reference", "recorded", True)]
    assert rows(STATES) == [("paid", "succeeded", True)]
    assert rows("SELECT type FROM event ORDER BY seq")[-1] == ("payment.paid",)
    assert rows(MISSING) == [("missing_at_hub", "resolved")]
    assert rows("SELECT act, actor, data ->> 'told_by' FROM discrepancy_act ORDER BY id DESC LIMIT 1") == [("matched", "system", "callback")]
    assert retry(days=9) == 0


def test_what_comes_again_when_its_order_is_here_pays_at_once_and_waits_no_longer(citizen, kept, rows, rename, retry) -> None:
    reference = citizen.try_()
    rename(reference, "GONE")
    message = citizen.message(reference)
    assert citizen.call_back(message) == "01"
    rename("GONE", reference)
    assert citizen.call_back(message) == "00"
    assert kept() == [("settled", "unknown_reference", "recorded", True)]
    assert rows(MISSING) == [("missing_at_hub", "resolved")]
    assert retry(days=1) == 0


def test_another_message_paid_meanwhile_and_the_one_that_waits_is_a_repeat(citizen, kept, rows, rename, retry) -> None:
    reference = citizen.try_()
    rename(reference, "GONE")
    citizen.says(reference)
    rename("GONE", reference)
    assert citizen.says(reference, CardType="ATM") == "00"
    retry(seconds=10)
    assert kept() == [("settled", "unknown_reference", "repeated", True), ("settled", "recorded", "recorded", True)]
    assert rows("SELECT count(*) FROM journal") == [(1,)]
    assert rows(MISSING) == [("missing_at_hub", "resolved")]


def test_another_amount_than_was_ordered_is_held_as_if_it_had_come_later(citizen, kept, rows, rename, retry) -> None:
    reference = citizen.try_()
    rename(reference, "GONE")
    citizen.says(reference, amount=199_000)
    rename("GONE", reference)
    retry(seconds=10)
    assert kept() == [("settled", "unknown_reference", "wrong_amount", True)]
    assert rows("SELECT kind, state FROM discrepancy ORDER BY kind") == [("missing_at_hub", "resolved"), ("underpaid", "open")]
    assert rows("SELECT remaining, reason FROM unapplied_receipt") == [(199_000, "underpaid")]


def test_money_that_is_late_by_now_follows_the_fees_rule(citizen_of, ask, order, kept, rows, rename, retry) -> None:
    order["lines"] = [{"fee": "LP-TBOTO", "agency": "G12.18", "amount": 30_000_000}]
    citizen = citizen_of(ask(order, portal="dvc-tay-ninh"))
    reference = citizen.try_()
    rename(reference, "GONE")
    citizen.says(reference)
    retry(days=2)
    rename("GONE", reference)
    retry(days=2)
    assert rows(STATES) == [("expired", "succeeded", False)]
    assert rows("SELECT kind, state FROM discrepancy ORDER BY kind") == [("late", "open"), ("missing_at_hub", "resolved")]


def test_at_the_end_of_the_ladder_it_stands_before_a_person_and_told_nobody_twice(citizen, hub, kept, rows, retry) -> None:
    assert citizen.says("PHNEVERMADE001") == "01"
    for _ in hub.settings.callbacks.ladder_s:
        assert retry(days=3) == 1
    assert kept() == [("person", "unknown_reference", "unknown_reference", False)]
    assert rows("SELECT tries, next_try_at FROM callback") == [(len(hub.settings.callbacks.ladder_s), None)]
    assert retry(days=3) == 0
    assert rows("SELECT act FROM discrepancy_act") == [("opened",)]
    assert citizen.says("PHNEVERMADE001") == "01"
    assert kept() == [("person", "unknown_reference", "unknown_reference", False)]


def test_the_ladder_widens(citizen, hub, clock, retry, rows) -> None:
    citizen.says("PHNEVERMADE001")
    begun, ladder = clock.now(), hub.settings.callbacks.ladder_s
    for step in ladder:
        [(due,)] = rows("SELECT next_try_at FROM callback")
        assert (due - begun).total_seconds() == step
        retry(seconds=(due - clock.now()).total_seconds())


def test_what_no_longer_verifies_is_a_persons(citizen, kept, rows, rename, retry, hub) -> None:
    reference = citizen.try_()
    rename(reference, "GONE")
    citizen.says(reference)
    with hub.db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE gateway_secret DISABLE TRIGGER USER"))
        connection.execute(text("UPDATE gateway_secret SET state = 'retired', sealed = NULL, sealed_key = NULL, ended_at = now()"))
        connection.execute(text("UPDATE register_version SET version = version + 1"))
    hub.cache.fresh()
    rename("GONE", reference)
    retry(seconds=10)
    assert [row[:3] for row in kept()] == [("person", "unknown_reference", "forged")] or kept()[0][2] == "malformed"
    assert rows("SELECT count(*) FROM journal") == [(0,)]


def test_what_was_destroyed_meanwhile_is_a_persons(citizen, kept, rename, retry, hub) -> None:
    citizen.says("PHNEVERMADE001")
    with hub.db.engine.begin() as connection:
        connection.execute(text("UPDATE callback SET raw = NULL, raw_key = NULL"))
    retry(seconds=10)
    assert kept() == [("person", "unknown_reference", "unknown_reference", False)]


def test_a_fault_of_ours_costs_no_message(citizen, kept, rows, retry, hub) -> None:
    reference = citizen.try_()
    with hub.db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE journal RENAME TO journal_gone"))
    assert citizen.says(reference) == "99"
    assert kept() == [("waiting", "our_fault", "our_fault", False)]
    retry(seconds=10)
    assert kept() == [("waiting", "our_fault", "our_fault", False)]
    with hub.db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE journal_gone RENAME TO journal"))
    retry(seconds=60)
    assert kept() == [("settled", "our_fault", "recorded", True)]
    assert rows(STATES) == [("paid", "succeeded", True)]


def test_terms_that_are_missing_are_answered_in_the_protocols_words_and_mended_later(citizen, kept, rows, retry, hub, rewrite) -> None:
    reference = citizen.try_()
    rewrite("CREATE TABLE terms_gone AS SELECT * FROM gateway_terms")
    rewrite("DELETE FROM gateway_terms")
    assert citizen.says(reference) == "99"
    rewrite("INSERT INTO gateway_terms SELECT * FROM terms_gone")
    retry(seconds=10)
    assert kept() == [("settled", "our_fault", "recorded", True)]
    assert rows(STATES) == [("paid", "succeeded", True)]


def test_one_transaction_number_for_two_orders_ends_before_a_person(citizen, hub, kept, rows, retry) -> None:
    first, second = citizen.try_(), citizen.try_()
    assert citizen.says(first, number="12345678") == "00"
    assert citizen.says(second, number="12345678") == "99"
    for _ in hub.settings.callbacks.ladder_s:
        retry(days=3)
    assert kept() == [("settled", "recorded", "recorded", True), ("person", "our_fault", "our_fault", False)]


def test_a_message_that_arrives_while_its_order_is_written_is_matched_after_it(citizen, hub, kept, rows, rename, retry) -> None:
    reference = citizen.try_()
    rename(reference, "GONE")
    with hub.db.engine.connect() as other, other.begin():
        other.execute(text("UPDATE attempt SET reference = :reference WHERE reference = 'GONE'"), {"reference": reference})
        assert citizen.says(reference) == "01"
    retry(seconds=10)
    assert kept() == [("settled", "unknown_reference", "recorded", True)]
    assert rows(STATES) == [("paid", "succeeded", True)]


def test_the_same_unmatched_message_from_eight_sides_is_one_row(citizen, rows) -> None:
    message = citizen.message("PHNEVERMADE001")

    def send(_: int) -> str:
        return citizen.client.application.test_client().get(f"/callbacks/vnpay/vnpay-main?{message}").json["RspCode"]

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(send, range(8)))
    assert set(answers) == {"01"}
    assert rows("SELECT count(*), sum(times)::int FROM callback") == [(1, 8)]


def test_two_workers_take_one_step_and_apply_once(citizen, hub, kept, rows, rename, clock) -> None:
    reference = citizen.try_()
    rename(reference, "GONE")
    citizen.says(reference)
    [(callback_id,)] = rows("SELECT id FROM callback")
    clock.pass_(seconds=10)
    at_once(hub, callback_id)
    assert rows("SELECT tries FROM callback") == [(1,)]
    rename("GONE", reference)
    clock.pass_(seconds=60)
    at_once(hub, callback_id)
    assert kept()[0][0] == "settled"
    assert rows("SELECT count(*) FROM journal") == [(1,)]
    assert rows("SELECT count(*) FROM event WHERE type = 'payment.paid'") == [(1,)]


def at_once(hub, callback_id: uuid.UUID) -> None:
    gate = threading.Barrier(3)

    def work(_: int) -> None:
        gate.wait()
        waiting.retry(hub, callback_id)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, range(3)))


@pytest.mark.parametrize("said", [{"code": "24", "status": "02"}, {"status": "04"}])
def test_no_money_for_an_unknown_order_waits_too_and_opens_nothing(citizen, kept, rows, said) -> None:
    assert citizen.says("PHNEVERMADE001", **said) == "01"
    assert kept()[0][0] == "waiting"
    assert rows("SELECT count(*) FROM discrepancy") == [(0,)]
