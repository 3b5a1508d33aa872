"""CONFIRM: each name of a payment is told by itself, until the portal says `00`; what is told is true when it is told."""

from __future__ import annotations

import hashlib
import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing as closing_
from threading import Barrier

import pytest

from payhub.errors import InvalidInput
from payhub.payments import closing
from webhooks import addresses, resending, speaking
from webhooks.connections import Connection
from webhooks.endpoints import Target
from webhooks.models import Delivery
from webhooks.pinging import ping

CONFIRM = "LoaiBanTin MaLoi MaDoiTac MaThamChieu SoTien MaTienTe MaGiaoDich MaNganHang ThoiGianGD ThongTinGiaoDich"
FIRST, SECOND, THIRD = "dvc0000001H532611200001", "12345_6f1c2a7e-3b4d-", "third"


def hashed(message, secret):
    return hashlib.sha256("|".join([*(str(message[name]) for name in CONFIRM.split()), secret]).encode()).hexdigest()


@pytest.fixture
def pay(portal, payer_of):
    """Have the payment behind an answer paid; return its citizen."""

    def paid(answer):
        citizen = payer_of(answer)
        assert citizen.says(citizen.try_()) == "00"
        return citizen

    return paid


def deliveries_of(rows):
    return rows("SELECT n.reference, d.state, d.tries, d.last_error FROM delivery d JOIN national_reference n ON n.id = d.name_id ORDER BY d.position, n.event_seq")


def test_a_paid_payment_is_told_once_for_each_of_its_names_and_repeats_are_the_same_bytes(portal, told, pay, clock, rows) -> None:
    told.listen()
    first = portal.init()
    portal.init(portal.message(SECOND, ThongTinGiaoDich="Nguyễn Văn A nộp"))
    told.answer = lambda _: {"MaLoi": "99"}
    pay(first)
    told.tell()
    assert told.codes() == [(FIRST, "00"), (SECOND, "00")]
    one, two = told.received
    assert list(one) == [*CONFIRM.split(), "MaXacThuc"]
    assert (one["SoTien"], one["MaDoiTac"], one["MaNganHang"], one["MaTienTe"], one["LoaiBanTin"]) == (150_000, "H53", "VNPAY", "VND", "CONFIRM")
    assert (one["ThoiGianGD"], two["ThongTinGiaoDich"]) == ("20261120100000", "Nguyễn Văn A nộp")
    assert one["MaGiaoDich"] == rows("SELECT gateway_transaction FROM attempt")[0][0]
    assert all(message["MaXacThuc"] == hashed(message, portal.secret) for message in told.received)
    clock.pass_(seconds=5)
    told.answer = lambda message: {"MaLoi": "00"}
    told.tell()
    assert sorted(told.bodies[2:]) == sorted(told.bodies[:2])
    assert {row[1:] for row in deliveries_of(rows)} == {("delivered", 2, None)}
    clock.pass_(seconds=400)
    told.tell()
    assert len(told.bodies) == 4


def test_one_names_refusal_does_not_hold_up_another_and_is_a_discrepancy_of_its_own_when_given_up(portal, told, pay, clock, rows) -> None:
    told.listen()
    first = portal.init()
    portal.init(portal.message(SECOND))
    told.answer = lambda message: {"MaLoi": "00" if message["MaThamChieu"] == SECOND else "99"}
    pay(first)
    for seconds in (0, 5, 60, 300):
        clock.pass_(seconds=seconds)
        told.tell()
    assert told.codes() == [(FIRST, "00"), (SECOND, "00"), *[(FIRST, "00")] * 3]
    assert deliveries_of(rows) == [(FIRST, "dead", 4, "code_99"), (SECOND, "delivered", 1, None)]
    [(kind, key)] = rows("SELECT kind, key FROM discrepancy")
    assert (kind, key.count("/")) == ("portal_untold", 2)


def test_a_second_name_given_after_the_payment_was_paid_is_told_by_itself(portal, told, pay, rows) -> None:
    told.listen()
    pay(portal.init())
    # However late the relay comes, each is told once.
    portal.init(portal.message(SECOND))
    told.tell()
    assert told.codes() == [(FIRST, "00"), (SECOND, "00")]
    portal.init(portal.message(THIRD))
    told.tell()
    assert told.codes() == [(FIRST, "00"), (SECOND, "00"), (THIRD, "00")]
    # It is told when it was paid, not when it was named.
    assert {message["ThoiGianGD"] for message in told.received} == {"20261120100000"}
    assert {message["MaGiaoDich"] for message in told.received} == {told.received[0]["MaGiaoDich"]}


def test_a_failure_is_told_when_the_payment_is_over_and_a_later_success_after_it(portal, told, payer_of, payment_at, clock, hub) -> None:
    told.listen()
    answer = portal.init()
    citizen = payer_of(answer)
    reference = citizen.try_()
    citizen.says(reference, code="24", status="02")
    clock.pass_(days=2)
    closing.finish(hub, payment_at(answer))
    assert portal.query()["TrangThaiGD"] == "4"
    # TD repeats the MaLoi it is told.
    told.answer = lambda message: {"MaLoi": message["MaLoi"]}
    told.tell()
    citizen.says(reference)
    told.tell()
    assert told.codes() == [(FIRST, "11"), (FIRST, "00")]
    assert (portal.query()["TrangThaiGD"], portal.query()["MaLoi"]) == ("1", "00")


def test_no_failure_is_told_while_an_attempt_is_undecided_and_then_what_became_of_it(portal, told, payer_of, payment_at, clock, hub, rows) -> None:
    told.listen()
    answer = portal.init()
    citizen = payer_of(answer)
    reference = citizen.try_()
    clock.pass_(days=2)
    closing.finish(hub, payment_at(answer))
    assert rows("SELECT p.state, a.state FROM payment p JOIN attempt a ON true") == [("expired", "created")]
    told.tell()
    assert (told.received, portal.query()["TrangThaiGD"]) == ([], "3")
    assert deliveries_of(rows) == [(FIRST, "due", 1, "undecided")]
    citizen.says(reference)
    clock.pass_(seconds=5)
    told.tell()
    told.tell()
    # What was to be a failure is not one any more; the success is told in its place, and again as its own.
    assert told.codes() == [(FIRST, "00"), (FIRST, "00")]


def test_what_is_undecided_for_as_long_as_a_delivery_is_tried_comes_before_a_person(portal, told, payer_of, payment_at, clock, hub, rows) -> None:
    told.listen()
    answer = portal.init()
    payer_of(answer).try_()
    clock.pass_(days=2)
    closing.finish(hub, payment_at(answer))
    for seconds in (0, 5, 60, 300):
        clock.pass_(seconds=seconds)
        told.tell()
    assert (told.received, rows("SELECT kind FROM discrepancy")) == ([], [("portal_untold",)])


def test_a_reversal_before_a_portal_heard_of_the_success_is_no_success(portal, told, pay, reverse) -> None:
    told.listen()
    pay(portal.init())
    reverse()
    told.tell()
    assert told.codes() == [(FIRST, "13")]


def test_a_portal_that_takes_failures_for_payments_is_told_of_none(portal, told, payment_at, clock, hub) -> None:
    """OpenCPS marks the dossier paid whatever MaLoi says: its endpoint leaves failures out, and QUERY tells them."""
    told.listen("payment.paid", "payment.named")
    answer = portal.init()
    clock.pass_(days=2)
    closing.finish(hub, payment_at(answer))
    told.tell()
    assert (told.received, portal.query()["TrangThaiGD"]) == ([], "4")


REPLIES = [
    ({"MaLoi": "00", "MaXacThuc": "khong-dung", "MaThamChieu": ""}, None),
    ({"MaLoi": "00"}, None),
    ({"return_code": -1, "return_msg": "error: paymentfile null"}, "return_code"),
    ({"MaLoi": "99", "MoTaLoi": "Các lỗi khác"}, "code_99"),
    ({"MaLoi": 0}, "code_0"),
    ({"MaLoi": "x" * 50}, "code_other"),
    ({}, "answer_without_code"),
    ([], "answer_unreadable"),
    (b"OK", "answer_unreadable"),
    (b"", "answer_unreadable"),
    ((500, {"MaLoi": "00"}), "status_500"),
    ((302, {"MaLoi": "00"}), "status_302"),
    (b'{"MaLoi": "00"' + b" " * 5000 + b"}", "answer_unreadable"),
]


def test_nothing_but_00_is_an_acceptance_and_nothing_else_of_the_reply_is_demanded(told, subtests) -> None:
    target = Target(uuid.uuid4(), told.url, 1, (), (), "payment_platform")
    sent = speaking.Request({}, json.dumps({"MaLoi": "00"}).encode())
    for answer, error in REPLIES:
        told.answer = lambda _, answer=answer: answer
        with subtests.test(error=error), closing_(Connection(told.url, addresses.anywhere)) as connection:
            reply = connection.post(sent.headers, sent.body, 5)
            assert speaking.judge(target, sent, reply.status, reply.first) == error


def test_an_endpoint_of_the_contract_is_not_pinged_for_it_has_no_word_for_that(told, hub) -> None:
    endpoint = told.listen()
    assert (ping(hub, endpoint.id)["error"], told.received) == ("no_word", [])


def test_while_a_secret_changes_tries_take_turns(portal, told, pay, share, clock, rows, hub) -> None:
    told.listen()
    share("bi-mat-thu-hai-02")
    pay(portal.init())
    told.answer = lambda message: {"MaLoi": "00" if message["MaXacThuc"] == hashed(message, portal.secret) else "99"}
    told.tell()
    clock.pass_(seconds=5)
    told.tell()
    assert [row[1] for row in deliveries_of(rows)] == ["delivered"]
    assert len({message["MaXacThuc"] for message in told.received}) == len(told.received)


def test_an_endpoint_of_the_contract_hears_of_payments_and_of_names_or_is_refused(told) -> None:
    for types in (("payment.paid",), ("payment.paid", "payment.named", "payment.reversed")):
        with pytest.raises(InvalidInput):
            told.listen(*types)


def test_a_dead_confirm_is_sent_again_by_a_person(portal, told, pay, clock, hub) -> None:
    told.listen()
    told.answer = lambda _: (503, b"")
    pay(portal.init())
    for seconds in (0, 5, 60, 300):
        clock.pass_(seconds=seconds)
        told.tell()
    told.answer = lambda _: {"MaLoi": "00"}
    with hub.db.session() as session:
        resending.one(session, session.query(Delivery).one().id, hub.settings.webhooks, clock.now())
    clock.pass_(seconds=61)
    told.tell()
    with hub.db.session() as session:
        assert session.query(Delivery).one().state == "delivered"


def test_what_cannot_be_said_yet_is_not_held_against_the_portal(portal, told, payer_of, payment_at, clock, hub, rows) -> None:
    """Six failures in a row would have it rest."""
    told.listen()
    for number in range(6):
        message = portal.message(f"r{number}", receipt={"MaHoSo": f"H53.12-261120-{number:04}"})
        answer = portal.init(message)
        payer_of(answer).try_()
    clock.pass_(days=2)
    for (payment_id,) in rows("SELECT id FROM payment"):
        closing.finish(hub, payment_id)
    paid = portal.init()
    citizen = payer_of(paid)
    citizen.says(citizen.try_(), on="20261122100500")
    told.tell()
    assert told.codes() == [(FIRST, "00")]


def test_a_partner_with_a_secret_for_confirm_alone_is_told_by_it_and_not_before_there_is_one(
    portal, told, payer_of, clock, rows, register, share, hub, client
) -> None:
    register(
        "national_partners", code="HAI", portal="dvc-tay-ninh", contract="payment_platform", confirm_secret="outbound", confirm_type="KETQUA"
    )
    two = type(portal)(hub, client, "HAI")
    told.listen()
    citizen = payer_of(two.init())
    citizen.says(citizen.try_())
    told.tell()
    assert (told.received, deliveries_of(rows)) == ([], [(FIRST, "due", 1, "no_secret")])
    share("bi-mat-chieu-ve", direction="outbound")
    clock.pass_(seconds=5)
    told.tell()
    [message] = told.received
    assert (message["LoaiBanTin"], message["MaXacThuc"]) == ("KETQUA", hashed(message, "bi-mat-chieu-ve"))


def test_either_secret_proves_init_while_two_live(portal, share, hub, client) -> None:
    share("bi-mat-thu-hai-02")
    other = type(portal)(hub, client, "H53", "bi-mat-thu-hai-02")
    assert portal.init() | {"MaXacThuc": ""} == other.init() | {"MaXacThuc": ""}


def test_a_name_given_in_the_moment_of_paying_is_told_too(portal, told, payer_of, rows) -> None:
    told.listen()
    for number in range(6):
        receipt = {"MaHoSo": f"H53.12-261120-{number:04}"}
        citizen = payer_of(portal.init(portal.message(f"a{number}", receipt=receipt)))
        message, start = citizen.message(citizen.try_()), Barrier(2)

        def name(number=number, receipt=receipt, start=start):
            start.wait()
            other = type(portal)(portal.hub, portal.client.application.test_client())
            return other.init(other.message(f"b{number}", receipt=receipt))["MaLoi"]

        def pay(message=message, start=start):
            start.wait()
            return portal.client.get(f"/callbacks/vnpay/vnpay-main?{message}").json["RspCode"]

        with ThreadPoolExecutor(2) as pool:
            done = [pool.submit(name), pool.submit(pay)]
            assert [each.result() for each in done] == ["00", "00"]
    told.tell()
    told.tell()
    assert sorted(told.codes()) == sorted((f"{kind}{number}", "00") for kind in "ab" for number in range(6))
    assert rows("SELECT DISTINCT state FROM payment") == [("paid",)]
