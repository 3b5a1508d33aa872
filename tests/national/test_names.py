"""A reference names a payment, once and for ever, whoever comes first; a second one for the same fees is another name of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

FIRST, SECOND = "dvc0000001H532611200001", "12345_6f1c2a7e-3b4d-"


def test_the_same_reference_again_is_answered_the_same_and_asks_nothing_new(portal, rows) -> None:
    first = portal.init()
    assert first["MaLoi"] == "00", first
    assert portal.init() == first
    # Who pays may be written otherwise: it is no part of what is asked for.
    assert portal.init(portal.message(receipt={"HoTenNguoiNop": "Người khác"})) == first
    assert rows("SELECT total, dossier, portal_reference FROM payment") == [(150_000, "H53.12-261120-0001", FIRST)]
    assert rows("SELECT reference, partner, amount, event_seq, asked_at_text FROM national_reference") == [
        (FIRST, "H53", 150_000, 1, "20261120021500")
    ]


OTHERWISE = [
    {"amount": "160000"},
    {"receipt": {"MaHoSo": "H53.12-261120-0002"}},
    {"receipt": {"MaDonVi": "000.00.00.G01", "PhiLePhi": [{"LoaiPhiLePhi": "2", "MaPhiLePhi": "LP-CANCUOC", "SoTien": 50000}]}, "amount": "50000"},
]


def test_another_amount_dossier_or_fee_under_a_used_reference_is_refused(portal, rows) -> None:
    portal.init()
    assert [portal.init(portal.message(**changes))["MaLoi"] for changes in OTHERWISE] == ["02"] * 3
    assert rows("SELECT count(*) FROM payment") == [(1,)]


def test_two_orders_at_once_make_one_payment_with_one_name_or_two(portal, rows, payment_at) -> None:
    for number, names in enumerate(((FIRST, FIRST), (FIRST, SECOND)) * 3):
        messages = [portal.message(f"{name}{number}"[-20:], receipt={"MaHoSo": f"H53.12-261120-1{number:03}"}) for name in names]
        start = Barrier(2)

        def ask(message, start=start):
            start.wait()
            return portal.__class__(portal.hub, portal.client.application.test_client(), portal.partner, portal.secret).init(message)

        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(ask, messages))
        assert {answer["MaLoi"] for answer in answers} == {"00"}, answers
        assert len({payment_at(answer) for answer in answers}) == 1
    assert rows("SELECT count(*) FROM payment") == [(6,)]
    assert rows("SELECT count(*) FROM national_reference") == [(9,)]
    assert rows("SELECT count(*) FROM event WHERE type = 'payment.named'") == [(3,)]


def test_a_second_reference_is_another_name_while_the_payment_is_open_and_when_it_is_paid(portal, payer_of, rows) -> None:
    first, second = portal.init(), portal.init(portal.message(SECOND))
    assert second["UrlThanhToan"] == first["UrlThanhToan"]
    assert (second["MaThamChieu"], second["MaLoi"]) == (SECOND, "00")
    citizen = payer_of(first)
    assert citizen.says(citizen.try_()) == "00"
    third = portal.init(portal.message("third"))
    assert third["UrlThanhToan"] == first["UrlThanhToan"]
    assert [portal.query(name)["TrangThaiGD"] for name in (FIRST, SECOND, "third")] == ["1", "1", "1"]
    assert rows("SELECT seq, data ->> 'state' FROM event WHERE type = 'payment.named' ORDER BY seq") == [(2, "open"), (5, "paid")]


def test_a_second_reference_with_another_amount_is_refused(portal, rows) -> None:
    portal.init()
    assert portal.init(portal.message(SECOND, "160000"))["MaLoi"] == "07"
    assert rows("SELECT count(*) FROM national_reference") == [(1,)]


def test_a_second_reference_for_other_fees_of_the_dossier_is_a_payment_of_its_own_and_for_some_of_them_refused(portal, rows) -> None:
    copy = {"LoaiPhiLePhi": "1", "MaPhiLePhi": "P-CHUNGTHUC", "SoTien": "10000"}
    registry = {"LoaiPhiLePhi": "2", "MaPhiLePhi": "LP-HOTICH", "SoTien": "150000"}
    assert portal.init(portal.message("one", "10000", receipt={"PhiLePhi": [copy]}))["MaLoi"] == "00"
    assert portal.init(portal.message("both", "160000", receipt={"PhiLePhi": [copy, registry]}))["MaLoi"] == "07"
    assert portal.init(portal.message("two", "150000", receipt={"PhiLePhi": [registry]}))["MaLoi"] == "00"
    assert rows("SELECT count(*) FROM payment") == [(2,)]


def test_after_expiry_a_second_reference_is_a_new_payment_though_no_job_has_run(portal, clock, payment_at, rows) -> None:
    first = portal.init()
    clock.pass_(days=2)
    second = portal.init(portal.message(SECOND))
    assert payment_at(second) != payment_at(first)
    assert rows("SELECT state FROM payment ORDER BY id") == [("expired",), ("open",)]
    assert (portal.query(FIRST)["TrangThaiGD"], portal.query(SECOND)["TrangThaiGD"]) == ("4", "3")


def test_after_a_reversal_a_second_reference_is_a_new_payment(portal, payer_of, reverse, payment_at) -> None:
    first = portal.init()
    citizen = payer_of(first)
    citizen.says(citizen.try_())
    reverse()
    assert portal.query()["TrangThaiGD"] == "4"
    assert payment_at(portal.init(portal.message(SECOND))) != payment_at(first)


def test_a_payment_the_portal_asked_for_otherwise_is_named_too_but_its_reference_stays_its_own(portal, ask, rows) -> None:
    line = {"fee": "LP-HOTICH", "agency": "000.00.00.H53", "amount": 150_000}
    body = {"portal_reference": "REST-1", "dossier": "H53.12-261120-0001", "lines": [line]}
    made = ask(body, portal="dvc-tay-ninh")
    assert made.status_code == 201, made.text
    assert portal.init()["UrlThanhToan"] == made.json["checkout_url"]
    assert portal.init(portal.message("REST-1", receipt={"MaHoSo": "khac"}))["MaLoi"] == "02"
    assert rows("SELECT count(*) FROM payment") == [(1,)]


def test_an_account_the_portal_wrote_changes_nothing_and_is_written_down(portal, rows) -> None:
    wrong = {"TKThuHuong": "0011004567890", "MaNHThuHuong": "970436", "TenTKThuHuong": "CONG TY X"}
    assert portal.init(portal.message(receipt=wrong))["MaLoi"] == "00"
    [(differs, number)] = rows(
        "SELECT n.differs, a.number FROM national_reference n JOIN payment_line l ON l.payment_id = n.payment_id "
        "JOIN collecting_account a ON a.id = l.collecting_account_id"
    )
    assert (differs, number) == (["account", "holder"], "7111.0.0000019")


def test_registers_that_moved_between_reading_and_writing_are_read_again(portal, hub, rewrite) -> None:
    from dataclasses import replace

    registers = hub.cache.fresh()
    hub.cache._held = replace(registers, version=registers.version - 1)
    hub.cache._checked = float("inf")
    assert portal.init()["MaLoi"] == "00"


def test_a_further_name_is_not_made_of_the_payers_own_data_either(portal, rows) -> None:
    portal.init()
    assert portal.init(portal.message("x-072190001234"))["MaLoi"] == "03"
    assert rows("SELECT count(*) FROM national_reference") == [(1,)]


def test_what_was_asked_once_is_answered_the_same_though_the_registers_would_refuse_it_by_now(portal, rewrite) -> None:
    first = portal.init()
    rewrite("UPDATE fee SET valid_to = '2026-11-20' WHERE code = 'LP-HOTICH'")
    assert portal.init(portal.message(SECOND))["MaLoi"] == "05"
    assert portal.init() == first
