"""Erasing who pays: two people agree, what no record needs is gone at once, and sums, events and proofs stay as they are."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from payhub.people import erasure
from payhub.staff import service as staff

NOTE = {"lines": [{"number": 1, "amount": 200_000}], "reason": "other", "note": "Bà A xin lại"}


@pytest.fixture
def paid(asked, citizen_of):
    """A payment of the person with everything a portal may write, paid."""

    class Answer:
        json = asked(metadata={"ghi_chu": "Nguyễn Văn A"}, return_url="https://dichvucong.moj.example/xong?ten=A")

    citizen = citizen_of(Answer)
    assert citizen.says(citizen.try_()) == "00"
    return citizen


def test_what_no_accounting_record_needs_is_gone_at_once_and_the_rest_is_masked_for_everyone(paid, office, keys_of, auditor) -> None:
    payment = paid.payment["id"]
    assert keys_of() == {"words", "record", "contact", "index", "callback"}
    office.erase(payment)
    assert keys_of() == {"record"}
    shown = office.look(payment).json
    assert (shown["state"], shown["name"], shown["phone"], shown["record_until"]) == ("erased", "N***** V** A", None, "2036-12-31")
    for who in (office.clerk, auditor):
        refused = office.reveal(payment, who)
        assert (refused.status_code, refused.json["code"]) == (410, "payer_erased")
    assert office.found("name", "Nguyễn Văn A") == []


def test_sums_ledger_and_events_stay(paid, office, rows, client, keys) -> None:
    def books() -> list:
        return [rows(f"SELECT * FROM {table} ORDER BY 1") for table in ("journal", "posting", "attempt", "payment_line")]

    before, events = books(), rows("SELECT seq, type FROM event ORDER BY seq")
    office.erase(paid.payment["id"])
    assert books() == before
    assert rows("SELECT seq, type FROM event ORDER BY seq") == [*events, (len(events) + 1, "payer.erased")]
    headers = {"Authorization": f"Bearer {keys['dvc-bo-tu-phap']}"}
    after = client.get(f"/v1/payments/{paid.payment['id']}", headers=headers).json
    told = {**paid.payment, "state": "paid", "paid_at": after["paid_at"], "metadata": {}, "return_url": None}
    assert after == told


@pytest.mark.usefixtures("bound")
@pytest.mark.parametrize("end", ["expired", "cancelled"])
def test_a_payment_over_without_money_keeps_nothing(asked, office, keys_of, clock, client, keys, end, rows) -> None:
    from payhub.payments import jobs as payment_jobs

    payment = asked(metadata={"a": "b"}, lines=[line(description="Cho Nguyễn Văn A")])["id"]
    if end == "cancelled":
        headers = {"Authorization": f"Bearer {keys['dvc-bo-tu-phap']}", "Idempotency-Key": "c"}
        assert client.post(f"/v1/payments/{payment}/cancel", headers=headers).status_code == 200
    else:
        clock.pass_(days=2)
        payment_jobs.close_due()
    office.erase(payment)
    assert keys_of() == set()
    assert rows("SELECT destroy_after FROM payment") == [(None,)]
    assert office.look(payment).json["state"] == "destroyed"


def line(**more):
    return {"fee": "LP-LLTP", "agency": "000.00.00.G15", "amount": 200_000, **more}


@pytest.mark.usefixtures("bound")
def test_an_open_payment_keeps_its_record_until_it_is_over(asked, office, keys_of, clock, destroy, rows) -> None:
    from payhub.payments import jobs as payment_jobs

    payment = asked()["id"]
    office.erase(payment)
    assert keys_of() == {"record"}
    assert office.look(payment).json["record_until"] is None
    clock.pass_(days=3)
    payment_jobs.close_due()
    assert destroy()["records"] == 1
    assert keys_of() == set()


@pytest.mark.usefixtures("bound")
def test_while_an_attempt_may_still_bring_money_the_record_stays(asked, office, keys_of, clock, citizen_of, destroy, rows) -> None:
    from payhub.payments import jobs as payment_jobs

    class Answer:
        json = asked()

    citizen = citizen_of(Answer)
    reference = citizen.try_()
    citizen.says(reference, code="07")
    clock.pass_(days=2)
    payment_jobs.close_due()
    assert rows("SELECT payment.state, attempt.state FROM payment, attempt") == [("expired", "unknown")]
    office.erase(citizen.payment["id"])
    assert rows("SELECT client_ip FROM attempt") == [(None,)]
    for _ in range(3):
        assert keys_of() == {"record"}
        clock.pass_(days=2)
        destroy()
    assert citizen.says(reference, code="24", status="02", number="0") == "00"
    clock.pass_(days=2)
    destroy()
    assert keys_of() == set()


def test_a_refund_note_goes_and_none_is_written_after(paid, office, client, keys, keys_of, rows) -> None:
    headers = {"Authorization": f"Bearer {keys['dvc-bo-tu-phap']}"}
    address = f"/v1/payments/{paid.payment['id']}/refunds"
    first = {**NOTE, "lines": [{"number": 1, "amount": 1_000}]}
    assert client.post(address, json=first, headers={**headers, "Idempotency-Key": "1"}).status_code == 201
    assert "note" in keys_of()
    office.erase(paid.payment["id"])
    assert "note" not in keys_of()
    refused = client.post(address, json=first, headers={**headers, "Idempotency-Key": "2"})
    assert refused.json["errors"][0] == {"pointer": "/note", "code": "payer_erased", "detail": refused.json["errors"][0]["detail"]}
    del first["note"]
    assert client.post(address, json=first, headers={**headers, "Idempotency-Key": "3"}).status_code == 201


def test_nobody_erases_alone(asked, office, lan, hub, keys_of) -> None:
    payment = asked()["id"]
    proposal = office.propose(payment).json["proposal"]
    assert "contact" in keys_of()
    answer = lan.post(office.client, f"/v1/proposals/{proposal}/approve", {"totp": lan.code()})
    assert answer.json["code"] == "not_two_people"
    with pytest.raises(IntegrityError), hub.db.engine.begin() as connection:
        connection.execute(text("UPDATE payment SET erased_at = now()"))
    assert "contact" in keys_of()


def test_the_same_request_is_proposed_once_and_an_erased_payer_not_again(asked, office) -> None:
    payment = asked()["id"]
    first = office.propose(payment, key="k")
    assert office.propose(payment, key="k").json == first.json
    assert office.propose(payment).json["code"] == "already_proposed"
    office.agree(first.json["proposal"])
    assert office.propose(payment).json["code"] == "payer_erased"
    assert office.propose("pay_test_0").status_code == 404


def test_all_payments_of_a_person_go_with_one_proposal(asked, office, rows, keys_of) -> None:
    made = [asked()["id"] for _ in range(3)]
    other = asked(payer={"name": "Trần Thị B", "phone": "0987654321"})["id"]
    found = office.found("id_number", "001099012345")
    assert set(found) == set(made)
    proposed = office.propose(*found).json
    assert set(proposed["payments"]) == set(made)
    office.agree(proposed["proposal"])
    assert rows("SELECT count(*) FROM payment WHERE erased_at IS NOT NULL") == [(3,)]
    assert rows("SELECT count(*) FROM audit_entry WHERE act = 'payer.erased'") == [(3,)]
    assert office.found("phone", "0987654321") == [other]
    assert office.reveal(other).status_code == 200


def test_approving_twice_at_once_erases_once(asked, office, minh, hoa, hub, rows) -> None:
    proposal = office.propose(asked()["id"]).json["proposal"]

    def approve(who) -> int:
        client = office.client.application.test_client()
        return who.post(client, f"/v1/proposals/{proposal}/approve", {"totp": who.code()}).status_code

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(approve, (minh, hoa))) == [200, 409]
    assert rows("SELECT count(*) FROM event WHERE type = 'payer.erased'") == [(1,)]


def test_what_was_destroyed_or_erased_does_not_come_back(paid, office, hub) -> None:
    office.erase(paid.payment["id"])
    for statement in (
        "UPDATE payer SET contact_key = 'a', contact = 'b'",
        "UPDATE payer SET record = 'b'",
        "UPDATE payment SET words_key = 'a', words = 'b'",
        "UPDATE payment SET erased_at = NULL",
        "DELETE FROM payer",
        "TRUNCATE payer",
    ):
        with pytest.raises(IntegrityError), hub.db.engine.begin() as connection:
            connection.execute(text(statement))


def test_a_message_that_comes_after_is_destroyed_by_the_next_run(paid, office, destroy, keys_of, rows) -> None:
    office.erase(paid.payment["id"])
    [(reference,)] = rows("SELECT reference FROM attempt")
    assert paid.says(reference, BankTranNo="VNP2") == "02"
    assert keys_of() == {"record", "callback"}
    assert destroy()["callbacks"] == 1
    assert keys_of() == {"record"}


def test_money_that_comes_for_an_erased_payment_pays_it(asked, office, citizen_of, client, keys) -> None:
    class Answer:
        json = asked()

    citizen = citizen_of(Answer)
    reference = citizen.try_()
    office.erase(citizen.payment["id"])
    assert citizen.says(reference) == "00"
    headers = {"Authorization": f"Bearer {keys['dvc-bo-tu-phap']}"}
    assert client.get(f"/v1/payments/{citizen.payment['id']}", headers=headers).json["state"] == "paid"
    assert office.look(citizen.payment["id"]).json["record_until"] == "2036-12-31"


def test_an_erased_payment_still_has_its_page(paid, office, client) -> None:
    from urllib.parse import urlsplit

    path = urlsplit(paid.payment["checkout_url"]).path
    assert "dichvucong.moj.example/xong?ten=A" in client.get(path).text
    office.erase(paid.payment["id"])
    page = client.get(path)
    assert page.status_code == 200
    assert "dichvucong.moj.example" not in page.text


def test_the_words_of_a_proposal_can_be_destroyed_and_nothing_else_of_it(paid, office, hub, lan, minh, rows) -> None:
    payment_id = paid.id
    with hub.db.session() as session:
        proposal = staff.propose(
            session, kind="payout", target=f"payment/{payment_id}", content={"amount": 1}, by=lan.person.principal,
            now=hub.clock.now(), target_seq=None, said=staff.Said(hub.keyring, {"why": "Ông A gọi"}),
        ).id  # fmt: skip
    shown = minh.get(office.client, f"/v1/proposals/prp_test_{proposal.hex}").json
    assert shown["words"] == {"why": "Ông A gọi"}
    assert shown["content"]["why"].startswith("hmac-sha256:")
    with hub.db.session() as session:
        staff.decline(hub, session, proposal, minh.person, "Bà A đã rút", hub.clock.now())
    assert not any("Bà A" in str(row) or "Ông A" in str(row) for row in rows("SELECT proposal::text FROM proposal"))
    office.erase(paid.payment["id"])
    shown = minh.get(office.client, f"/v1/proposals/prp_test_{proposal.hex}").json
    assert (shown["words"], shown["reason"], shown["state"]) == ({}, None, "declined")
    for statement in ("UPDATE proposal SET reason_key = 'a', reason = 'b'", "UPDATE proposal SET kind = 'other'"):
        with pytest.raises(IntegrityError), hub.db.engine.begin() as connection:
            connection.execute(text(f"{statement} WHERE id = '{proposal}'"))


def test_at_most_so_many_payments_as_two_people_can_look_at(office, asked) -> None:
    wanted = [asked()["id"], *(f"pay_test_{uuid.uuid4().hex}" for _ in range(erasure.MOST))]
    answer = office.propose(*wanted)
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/payments")
