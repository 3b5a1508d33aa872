"""What gateways say, in every order, and what becomes of the money. The `hub` fixture proves the books after each test."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

import orjson
import pytest

from payhub.payments import attempts, closing

STATES = "SELECT p.state, a.state, a.applied FROM payment p JOIN attempt a ON a.payment_id = p.id ORDER BY a.id"
OWED = "SELECT account, share, sum(amount)::bigint FROM posting GROUP BY 1, 2 ORDER BY 1, 2"


def test_success_pays_and_posts(citizen, rows) -> None:
    assert citizen.says(citizen.try_()) == "00"
    assert rows(STATES) == [("paid", "succeeded", True)]
    assert rows(OWED) == [("owed", "budget", -200_000), ("receivable", "all", 200_000)]
    assert rows("SELECT type FROM event ORDER BY seq") == [("payment.created",), ("attempt.created",), ("payment.paid",)]
    assert rows("SELECT cohort_on::text, business_on::text FROM journal") == [("2026-11-20", "2026-11-20")]


def test_paid_after_the_cut_off_on_friday_belongs_to_monday(citizen, rows) -> None:
    citizen.says(citizen.try_(), on="20261120160000")
    assert rows("SELECT gateway_on::text, cohort_on::text FROM attempt") == [("2026-11-20", "2026-11-23")]


def test_second_callback_changes_nothing_and_hears_02(citizen, rows) -> None:
    message = citizen.message(citizen.try_())
    assert [citizen.call_back(message) for _ in range(3)] == ["00", "02", "02"]
    assert rows("SELECT times, verdict, last_verdict FROM callback") == [(3, "recorded", "repeated")]
    assert rows("SELECT count(*) FROM journal") == [(1,)]


def test_the_same_callback_from_eight_sides_pays_once(citizen, rows) -> None:
    message = citizen.message(citizen.try_())
    with ThreadPoolExecutor(4) as pool:
        answers = list(
            pool.map(
                lambda _: citizen.client.application.test_client().get(f"/callbacks/vnpay/vnpay-main?{message}").json["RspCode"],
                range(8),
            )
        )
    assert answers.count("00") == 1
    assert rows("SELECT count(*) FROM journal") == [(1,)]
    assert rows("SELECT sum(times)::int FROM callback")[0][0] == 8 - answers.count("99")


@pytest.mark.parametrize("change", ["hash", "amount", "other secret", "no hash", "pay url"])
def test_a_forgery_is_kept_apart_and_never_blocks_the_genuine_one(citizen, rows, sign, change) -> None:
    reference = citizen.try_()
    genuine = citizen.message(reference)
    forged = {
        "hash": genuine[:-1] + ("0" if genuine[-1] != "0" else "1"),
        "amount": genuine.replace("vnp_Amount=20000000", "vnp_Amount=20000001"),
        "other secret": sign(
            "other",
            TxnRef=reference,
            Amount="20000000",
            TmnCode="PAYHUB01",
            ResponseCode="00",
            TransactionStatus="00",
            PayDate="20261120100500",
        ),
        "no hash": genuine.split("&vnp_SecureHash")[0],
        "pay url": "",
    }[change]
    if change == "pay url":
        again = attempts.start(citizen.hub, citizen.id, "vnpay-main", uuid.uuid4(), "203.0.113.5")
        forged = again.url.split("?", 1)[1]
    assert citizen.call_back(forged) in {"97", "99"}
    assert rows("SELECT count(*) FROM journal") == [(0,)]
    assert citizen.call_back(genuine) == "00"
    assert rows("SELECT digest IS NULL, verdict FROM callback ORDER BY received_at, id")[0][0] is True


@pytest.mark.parametrize(
    "query", ["", "vnp_TxnRef=1", "vnp_Amount=a&vnp_Amount=b&vnp_SecureHash=00", "%ff%fe&vnp_SecureHash=zz", "x" * 5000]
)
def test_rubbish_is_answered_in_the_protocols_words(citizen, rows, query) -> None:
    assert citizen.call_back(query) in {"97", "99"}
    assert rows("SELECT count(*) FROM event WHERE type <> 'payment.created'") == [(0,)]


def test_an_order_we_never_made_is_01_and_a_person_is_told(citizen, rows) -> None:
    assert [citizen.says("PHNEVERMADE001"), citizen.says("PHNEVERMADE001")] == ["01", "01"]
    assert rows("SELECT kind, key, amount FROM discrepancy") == [("missing_at_hub", "vnpay-main/payment/PHNEVERMADE001", 200_000)]
    assert rows("SELECT count(*) FROM journal") == [(0,)]


@pytest.mark.parametrize(("amount", "kind"), [(199_999, "underpaid"), (200_001, "overpaid")])
def test_another_amount_is_04_and_the_money_is_held(citizen, rows, amount, kind) -> None:
    reference = citizen.try_()
    assert [citizen.says(reference, amount=amount) for _ in range(2)] == ["04", "04"]
    assert rows(STATES) == [("open", "conflicted", False)]
    assert rows("SELECT amount, remaining, reason FROM unapplied_receipt") == [(amount, amount, kind)]
    assert rows("SELECT kind, amount, state FROM discrepancy") == [(kind, amount, "open")]
    assert citizen.says(citizen.try_()) == "00"
    assert rows("SELECT state FROM payment") == [("paid",)]


@pytest.mark.parametrize(("code", "state"), [("24", "cancelled"), ("51", "failed"), ("11", "failed"), ("13", "failed")])
def test_no_money_is_recorded_and_another_try_pays(citizen, rows, code, state) -> None:
    assert citizen.says(citizen.try_(), code=code, status="02", number="0") == "00"
    assert rows(STATES) == [("open", state, False)]
    assert citizen.says(citizen.try_()) == "00"
    assert rows(STATES)[1] == ("paid", "succeeded", True)


def test_success_after_failure_of_the_same_order_pays(citizen, rows) -> None:
    reference = citizen.try_()
    assert citizen.says(reference, code="51", status="02") == "00"
    assert citizen.says(reference) == "00"
    assert rows(STATES) == [("paid", "succeeded", True)]


def test_failure_after_success_changes_nothing(citizen, rows) -> None:
    reference = citizen.try_()
    assert citizen.says(reference) == "00"
    assert citizen.says(reference, code="51", status="02") == "02"
    assert rows(STATES) == [("paid", "succeeded", True)]


@pytest.mark.parametrize(("code", "status"), [("07", "00"), ("00", "07"), ("00", "77"), ("00", "02")])
def test_what_is_not_surely_failed_stays_unknown(citizen, rows, code, status) -> None:
    reference = citizen.try_()
    assert citizen.says(reference, code=code, status=status) == "00"
    assert rows(STATES) == [("open", "unknown", False)]
    assert citizen.says(reference) == "00"
    assert rows(STATES) == [("paid", "succeeded", True)]


def test_two_successes_are_one_payment_and_one_held_receipt(citizen, rows) -> None:
    first, second = citizen.try_(), citizen.try_()
    assert [citizen.says(first), citizen.says(second)] == ["00", "00"]
    assert rows(STATES) == [("paid", "succeeded", True), ("paid", "succeeded", False)]
    assert rows("SELECT kind, amount FROM discrepancy") == [("paid_twice", 200_000)]
    assert rows(OWED) == [("owed", "budget", -200_000), ("receivable", "all", 400_000), ("unapplied", "all", -200_000)]


def test_reversal_mirrors_the_books_and_frees_the_dossier(citizen, rows, ask, order) -> None:
    reference = citizen.try_()
    citizen.says(reference)
    assert citizen.says(reference, code="00", status="04") == "00"
    assert rows(STATES) == [("reversed", "reversed", True)]
    assert rows(OWED) == [("owed", "budget", 0), ("receivable", "all", 0)]
    assert rows("SELECT kind FROM discrepancy") == [("reversed",)]
    assert citizen.says(reference, code="00", status="04") == "02"
    assert ask({**order, "portal_reference": "again"}).status_code == 201


def test_reversal_of_held_money_takes_it_from_the_receipt(citizen, rows) -> None:
    first, second = citizen.try_(), citizen.try_()
    citizen.says(first)
    citizen.says(second)
    citizen.says(second, status="04")
    assert rows("SELECT remaining FROM unapplied_receipt") == [(0,)]
    assert rows(STATES) == [("paid", "succeeded", True), ("paid", "reversed", False)]


def test_money_after_expiry_pays_where_the_fee_says_apply(citizen, rows, clock, hub) -> None:
    reference = citizen.try_()
    clock.pass_(days=2)
    closing.finish(hub, citizen.id)
    assert rows("SELECT state FROM payment") == [("expired",)]
    assert citizen.says(reference) == "00"
    assert rows(STATES) == [("paid", "succeeded", True)]


def test_money_after_expiry_is_held_where_the_fee_says_hold(citizen_of, ask, order, rows, clock, hub) -> None:
    order["lines"] = [{"fee": "LP-TBOTO", "agency": "G12.18", "amount": 30_000_000}]
    citizen = citizen_of(ask(order, portal="dvc-tay-ninh"))
    reference = citizen.try_()
    clock.pass_(days=2)
    closing.finish(hub, citizen.id)
    assert citizen.says(reference) == "00"
    assert rows(STATES) == [("expired", "succeeded", False)]
    assert rows("SELECT kind, amount FROM discrepancy") == [("late", 30_000_000)]


def test_an_undecided_attempt_holds_expiry_back_until_its_order_is_over(citizen, rows, clock, hub) -> None:
    clock.pass_(hours=23, minutes=50)
    citizen.try_()
    clock.pass_(minutes=11)
    closing.finish(hub, citizen.id)
    assert rows("SELECT state, closing_at IS NOT NULL FROM payment") == [("open", True)]
    assert attempts.start(hub, citizen.id, "vnpay-main", uuid.uuid4(), "203.0.113.5") is None
    clock.pass_(minutes=5)
    closing.finish(hub, citizen.id)
    assert rows("SELECT state FROM payment") == [("expired",)]


def test_a_double_click_is_one_attempt_and_the_same_order(citizen, rows, hub) -> None:
    form = uuid.uuid4()
    first = attempts.start(hub, citizen.id, "vnpay-main", form, "203.0.113.5")
    second = attempts.start(hub, citizen.id, "vnpay-main", form, "203.0.113.5")
    assert first == second
    assert rows("SELECT count(*) FROM attempt") == [(1,)]


def test_forty_starts_at_once_are_never_an_error(citizen, rows, hub) -> None:
    forms = [uuid.uuid4() for _ in range(10)] * 2
    with ThreadPoolExecutor(4) as pool:
        sent = list(pool.map(lambda form: attempts.start(hub, citizen.id, "vnpay-main", form, "203.0.113.5"), forms))
    assert all(redirect is not None for redirect in sent)
    assert rows("SELECT count(*) FROM attempt") == [(10,)]


def test_a_callback_to_another_account_or_gateway_is_not_found(client) -> None:
    assert client.get("/callbacks/vnpay/nope?a=1").status_code == 404
    assert client.get("/callbacks/momo/vnpay-main?a=1").status_code == 404


def test_the_message_is_kept_sealed(citizen, rows, hub) -> None:
    from payhub.crypto import Sealed

    message = citizen.message(citizen.try_())
    citizen.call_back(message)
    [(callback_id, key, data)] = rows("SELECT id, raw_key, raw FROM callback")
    raw, _, headers = hub.keyring.open(Sealed(key, data), f"callback {callback_id}").rpartition(b"\0")
    assert raw == message.encode() + b"\0"
    assert orjson.loads(headers).keys() <= {"content-type", "user-agent", "content-length", "x-request-id"}


def test_the_same_form_from_another_address_is_still_the_same_order_and_the_address_is_forgotten(citizen, rows, hub) -> None:
    form = uuid.uuid4()
    first = attempts.start(hub, citizen.id, "vnpay-main", form, "203.0.113.5")
    assert attempts.start(hub, citizen.id, "vnpay-main", form, "198.51.100.7") == first
    [(reference, kept)] = rows("SELECT reference, client_ip FROM attempt")
    assert kept == "203.0.113.5"
    citizen.says(reference)
    assert rows("SELECT client_ip FROM attempt") == [(None,)]


def test_whether_money_is_late_does_not_depend_on_when_the_job_ran(citizen_of, ask, order, rows, clock) -> None:
    order["lines"] = [{"fee": "LP-TBOTO", "agency": "G12.18", "amount": 30_000_000}]
    citizen = citizen_of(ask(order, portal="dvc-tay-ninh"))
    reference = citizen.try_()
    clock.pass_(days=2)
    assert citizen.says(reference) == "00"
    assert rows(STATES) == [("expired", "succeeded", False)]
    assert rows("SELECT kind FROM discrepancy") == [("late",)]


def test_money_for_an_order_still_alive_is_not_late_though_the_payment_has_expired(citizen_of, ask, order, rows, clock) -> None:
    order["lines"] = [{"fee": "LP-TBOTO", "agency": "G12.18", "amount": 30_000_000}]
    citizen = citizen_of(ask(order, portal="dvc-tay-ninh"))
    clock.pass_(hours=23, minutes=55)
    reference = citizen.try_()
    clock.pass_(minutes=10)
    assert citizen.says(reference) == "00"
    assert rows(STATES) == [("paid", "succeeded", True)]


def test_hot_statements_are_short_enough_for_the_driver_to_remember() -> None:
    from psycopg._queries import MAX_CACHED_STATEMENT_LENGTH
    from sqlalchemy.dialects.postgresql import psycopg

    from payhub.payments.statements import CREATE, START
    from webhooks.inbox import _SUCCEED

    for statement in (CREATE, START, _SUCCEED):
        assert len(str(statement.compile(dialect=psycopg.dialect()))) < MAX_CACHED_STATEMENT_LENGTH


def test_a_reversal_heard_before_its_success_is_not_forgotten(citizen, rows, clock) -> None:
    reference = citizen.try_()
    assert citizen.says(reference, status="04") == "00"
    assert citizen.says(reference) == "00"
    assert rows("SELECT state, reason, applied, next_check_at FROM attempt") == [("unknown", "reversal_heard", False, clock.now())]
    assert rows("SELECT count(*) FROM journal") == [(0,)]


def test_a_reversal_of_held_money_of_another_amount_takes_it_back(citizen, rows) -> None:
    reference = citizen.try_()
    citizen.says(reference, amount=199_999)
    assert citizen.says(reference, amount=199_999, status="04") == "00"
    assert rows("SELECT state, remaining FROM attempt JOIN unapplied_receipt u ON u.attempt_id = attempt.id") == [("reversed", 0)]
    assert rows("SELECT kind FROM discrepancy ORDER BY kind") == [("reversed",), ("underpaid",)]


def test_a_reversal_of_another_amount_than_is_held_is_told_to_a_person(citizen, rows) -> None:
    reference = citizen.try_()
    citizen.says(reference, amount=199_999)
    assert citizen.says(reference, amount=150_000, status="04") == "02"
    assert rows("SELECT state, remaining FROM attempt JOIN unapplied_receipt u ON u.attempt_id = attempt.id") == [("conflicted", 199_999)]
    assert rows("SELECT kind FROM discrepancy ORDER BY kind") == [("reversed",), ("underpaid",)]
