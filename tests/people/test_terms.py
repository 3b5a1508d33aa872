"""Destroying on schedule: what nobody may keep any longer, in batches, whoever asked and whoever did not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from payhub.ledger.prove import prove
from payhub.payments.models import Payment
from payhub.people import jobs, retention
from payhub.people.laws import LAWS
from payhub.people.retention import Standing
from payhub.people.terms import People

TEN = People()


@pytest.fixture
def paid(asked, citizen_of):
    class Answer:
        json = asked(metadata={"a": "b"})

    citizen = citizen_of(Answer)
    assert citizen.says(citizen.try_()) == "00"
    return citizen


@pytest.fixture
def close(bound):
    """Run the job that closes payments past their time."""
    from payhub.payments import jobs as payment_jobs

    return payment_jobs.close_due


@pytest.mark.parametrize(
    ("terms", "year", "until"),
    [
        ("2017:10", 2026, "2036-12-31"),
        ("2017:10,2030:15", 2029, "2039-12-31"),
        ("2017:10,2030:15", 2030, "2045-12-31"),
        ("2030:15,2017:10", 2031, "2046-12-31"),
        ("2017:10", 2015, "2025-12-31"),
    ],
)
def test_a_record_is_kept_for_the_term_in_force_in_its_year(terms, year, until) -> None:
    assert str(People(record_terms=terms).record_until(year)) == until


@pytest.mark.parametrize("terms", ["", "2017", "2017:", "2017:x", "2017:10;2030:15"])
def test_terms_that_cannot_be_read_are_refused_at_the_start(terms) -> None:
    assert not People(record_terms=terms).readable


def test_a_payment_nobody_paid_is_forgotten_ninety_days_after_it_was_over(asked, destroy, keys_of, clock, hub, close) -> None:
    asked(metadata={"a": "b"})
    clock.pass_(days=2)
    close()
    clock.pass_(days=89)
    assert not destroy()["records"]
    assert keys_of() == {"words", "record", "contact", "index"}
    clock.pass_(days=3)
    done = destroy()
    assert (done["records"], done["words"]) == (1, 1)
    assert keys_of() == set()


def test_of_a_paid_one_contact_and_words_go_after_two_years_and_the_record_after_ten(
    paid, destroy, keys_of, clock, rows, office
) -> None:
    for days in (91, 300, 300, 38):
        clock.pass_(days=days)
        destroy()
        assert keys_of() >= {"words", "record", "contact", "index"}
    clock.pass_(days=2)
    done = destroy()
    assert (done["words"], done["callbacks"]) == (1, 1)
    assert keys_of() == {"record", "index"}
    assert rows("SELECT field FROM payer_index ORDER BY field") == [("id_number",), ("name",)]
    assert rows("SELECT destroy_after FROM payment") == [(date(2036, 12, 31),)]
    clock.set(datetime(2036, 12, 31, 10, 0, tzinfo=UTC))
    assert not destroy()
    clock.pass_(days=1)
    assert destroy()["records"] == 1
    assert keys_of() == set()
    assert rows("SELECT destroy_after FROM payment") == [(None,)]


@pytest.mark.breaks_laws
def test_money_booked_later_keeps_the_record_for_the_term_of_that_year(paid, clock, destroy, rows, hub) -> None:
    clock.pass_(days=800)
    destroy()
    assert rows("SELECT destroy_after FROM payment") == [(date(2036, 12, 31),)]
    with hub.db.engine.begin() as connection:
        # A refund of 2028, as far as the books of this payment are concerned.
        connection.execute(
            text(
                "INSERT INTO journal (id, fact, gateway_account_id, payment_id, attempt_id, cohort_on, business_on, recorded_at) "
                "SELECT gen_random_uuid(), 'banked', gateway_account_id, payment_id, attempt_id, '2028-03-01', '2028-03-01', "
                "'2028-03-01' FROM journal"
            )
        )
    clock.set(datetime(2037, 1, 2, 3, 0, tzinfo=UTC))
    assert not destroy()["records"]
    assert rows("SELECT destroy_after FROM payment") == [(date(2038, 12, 31),)]


def test_the_terms_are_the_operators(asked, hub, clock, keys_of) -> None:
    asked(metadata={"a": "b"})
    hub = replace(hub, settings=replace(hub.settings, people=People(words_days=30, messages_days=30)))
    clock.pass_(days=92)
    assert jobs.run(hub)["words"] == 1
    assert "words" not in keys_of()
    assert "record" in keys_of()


def test_it_goes_on_where_it_was_stopped(asked, destroy, clock, hub, close, rows) -> None:
    for _ in range(7):
        asked()
    clock.pass_(days=2)
    close()
    clock.pass_(days=100)
    assert destroy(batch=2, rounds=2)["records"] == 4
    assert rows("SELECT data FROM audit_entry WHERE act = 'people.destroyed'")[0][0]["upto"] is None
    assert destroy(batch=2, rounds=9)["records"] == 3
    latest = rows("SELECT data FROM audit_entry WHERE act = 'people.destroyed' ORDER BY seq DESC LIMIT 1")
    assert latest == [({"records": 3, "words": 3, "upto": "2027-03-02"},)]
    assert not destroy()
    assert rows("SELECT count(*) FROM audit_entry WHERE act = 'people.destroyed'") == [(2,)]


def test_what_somebody_else_holds_is_left_for_the_next_time(asked, destroy, clock, hub, close, rows) -> None:
    asked(), asked()
    clock.pass_(days=2)
    close()
    clock.pass_(days=100)
    with hub.db.engine.begin() as connection:
        connection.execute(text("SELECT FROM payment ORDER BY id LIMIT 1 FOR UPDATE"))
        assert destroy()["records"] == 1
        assert rows("SELECT data ->> 'upto' FROM audit_entry WHERE act = 'people.destroyed'") == [(None,)]
    assert destroy()["records"] == 1


def test_a_day_with_nothing_to_destroy_is_written_down_once(destroy, clock, rows) -> None:
    for _ in range(3):
        destroy()
    clock.pass_(days=1)
    destroy()
    entries = rows("SELECT data ->> 'upto' FROM audit_entry WHERE act = 'people.destroyed' ORDER BY seq")
    assert entries == [("2026-11-20",), ("2026-11-21",)]


def test_a_settlement_file_goes_with_the_records_of_its_year(hub, clock, destroy, rows) -> None:
    from reconciliation.settlements import import_settlement

    heading = "STT,MaGiaoDich,MaThamChieu,LoaiGiaoDich,ThoiGian,SoTien,Phi,NganHang,TrangThai,MaThanhToan"
    file = f"{heading}\n1,T1,PHX,THANH_TOAN,20/11/2026 10:05:00,200000,0,NCB,THANH_CONG,\nTONG,1,200000,,,,,,,\n"
    import_settlement(hub, "vnpay-main", date(2026, 11, 20), "day.csv", file.encode())
    clock.set(datetime(2036, 12, 31, 3, 0, tzinfo=UTC))
    assert "settlement_files" not in destroy()
    clock.pass_(days=1)
    assert destroy()["settlement_files"] == 1
    assert rows("SELECT body_key, body FROM file_part") == [(None, None)]
    assert rows("SELECT count(*) FROM settlement_line") == [(1,)]


@given(
    st.dates(date(2026, 1, 1), date(2040, 1, 1)), st.booleans(), st.booleans(), st.booleans(), st.booleans(),
    st.sampled_from(["open", "paid", "expired", "cancelled", "reversed"]), st.one_of(st.none(), st.dates(date(2026, 1, 1), date(2030, 1, 1))),
)  # fmt: skip
def test_whatever_is_left_is_looked_at_again_and_later(today, words, record, erased, unpaid, state, booked_on) -> None:
    created = datetime(2026, 1, 1, tzinfo=UTC)
    payment = Payment(
        created_at=created, expires_at=created + timedelta(days=3), state=state, erased_at=created if erased else None,
        closing_at=created + timedelta(days=3) if state in {"expired", "cancelled"} else None,
        paid_at=created if state in {"paid", "reversed"} else None,
    )  # fmt: skip
    standing = Standing(payment, booked_on, unpaid and state in {"expired", "cancelled"} and booked_on is None)
    due = retention.due(TEN, standing, today, words=words, record=record)
    assert (due.look_after is None) == (not (words and not due.words) and not (record and not due.record))
    assert due.look_after is None or due.look_after >= today
    assert due.words <= words
    assert due.record <= record
    if booked_on is not None:
        assert not due.record or today > date(booked_on.year + 10, 12, 31)
    if erased:
        assert due.words == words


@pytest.mark.breaks_laws
@pytest.mark.parametrize(
    ("statement", "law"),
    [
        ("UPDATE payment SET destroy_after = NULL", 2),
        ("UPDATE payment SET destroy_after = '2026-01-01'", 3),
        ("INSERT INTO payer (payment_id) VALUES (gen_random_uuid())", 4),
        ("UPDATE payer SET contact_key = NULL, contact = NULL", 5),
        ("ALTER TABLE payment DISABLE TRIGGER stays; UPDATE payment SET erased_at = now(), words_key = NULL, words = NULL", 0),
        ("ALTER TABLE payment DISABLE TRIGGER stays; UPDATE payment SET erased_at = now(), words_key = NULL, words = NULL", 1),
    ],
)
def test_prove_notices_what_was_not_destroyed(paid, hub, destroy, statement, law) -> None:
    destroy()
    assert all(proven.holds for proven in prove(hub.db.engine, LAWS))
    with hub.db.engine.begin() as connection:
        for each in statement.split("; "):
            connection.execute(text(each))
    assert not [*prove(hub.db.engine, LAWS)][law].holds
