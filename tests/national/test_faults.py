"""Errors that real portals have, and what strangers send: the hub stands all of them, and answers in the contract's words."""

from __future__ import annotations

import hashlib
import json
import logging

import pytest
from sqlalchemy import text

from payhub.portals.national.views import LARGEST

FIRST = "dvc0000001H532611200001"
WORDS = {"MaLoi", "MoTaLoi", "ThoiGianGD", "MaXacThuc"}


def test_a_bill_asked_for_under_a_reference_made_up_at_random_is_cleanly_not_found(portal) -> None:
    """One of OpenCPS's calls makes a new reference in place of the stored one."""
    portal.init()
    for answer in (portal.bill("999_0d1e2f3a-4b5c-6d7"), portal.ask("QUERY", "999_0d1e2f3a-4b5c-6d7", "/national/query")):
        assert (answer.status_code, answer.json["MaLoi"]) == (200, "01")
        assert set(answer.json) >= WORDS
        assert "TrangThaiGD" not in answer.json
    assert portal.bill("").json["MaLoi"] == "03"


def test_a_name_of_another_portal_is_not_found(portal, register, share, hub, client) -> None:
    portal.init()
    share("mot-bi-mat-khac", portal="mot-cua-hcm")
    register("national_partners", code="HCM", portal="mot-cua-hcm", contract="payment_platform")
    other = type(portal)(hub, client, "HCM", "mot-bi-mat-khac")
    assert other.query()["MaLoi"] == "01"


def test_a_time_written_by_another_clock_is_a_text_that_differs_and_no_reason_to_refuse(portal) -> None:
    """TD writes 14:15 as 02:15, OpenCPS asks for a bill with the time of CONFIRM."""
    portal.init()
    assert {portal.query(at=at)["TrangThaiGD"] for at in ("20261120021500", "20261120141500", "20261120100000", "")} == {"3"}


UNPROVEN = [
    ({"SoTien": "100"}, "97"),
    ({"MaThamChieu": "khac"}, "97"),
    ({"Ip": "1.2.3.4"}, "97"),
    ({"MaXacThuc": None}, "97"),
    ({"MaXacThuc": "0" * 64}, "97"),
    ({"MaDoiTac": "G99"}, "08"),
    ({"MaDoiTac": ""}, "08"),
]


def test_what_is_not_proven_is_refused_and_its_answer_is_not_signed(portal, rows, subtests) -> None:
    for change, code in UNPROVEN:
        with subtests.test(**change):
            answer = portal.post("/national/init", {**signed(portal, portal.message()), **change})
            assert (answer.status_code, answer.json["MaLoi"], answer.json["MaXacThuc"]) == (200, code, "")
    assert rows("SELECT count(*) FROM payment") == [(0,)]


def signed(portal, message):
    names = "LoaiBanTin PhienBan MaDoiTac MaThamChieu SoTien LoaiHinhThanhToan MaKenhThanhToan MaThietBi NgonNgu MaTienTe MaNganHang ThongTinGiaoDich ThoiGianGD Ip"
    values = [str(message[name]) for name in names.split()]
    return {**message, "MaXacThuc": hashlib.sha256("|".join([*values, portal.secret]).encode()).hexdigest()}


UNASKABLE = [
    ({"MaThamChieu": ""}, "03"),
    ({"MaThamChieu": "x" * 256}, "03"),
    ({"MaThamChieu": "a\u0000b"}, "03"),
    ({"MaThamChieu": "072190001234-01"}, "03"),
    ({"MaTienTe": "USD"}, "03"),
    ({"LoaiHinhThanhToan": "REFUND"}, "03"),
    ({"ThongTinBienLai": None}, "03"),
    ({"ThongTinGiaoDich": "a|b"}, "97"),
    ({"amount": "0"}, "04"),
    ({"amount": "150.000"}, "04"),
    ({"amount": "4000"}, "04"),
    ({"SoTien": "150001"}, "04"),
    ({"receipt": {"MaDonVi": "000.00.00.Z99"}}, "05"),
    ({"receipt": {"MaDonVi": ""}}, "05"),
    ({"receipt": {"MaTTHC": "", "MaDVC": "9.999999.01"}}, "05"),
    ({"receipt": {"MaDonVi": "000.00.00.G15"}}, "06"),
    ({"receipt": {"PhiLePhi": []}}, "03"),
    ({"receipt": {"PhiLePhi": [{"MaPhiLePhi": "LP-DIACHINH", "SoTien": 150000}]}}, "04"),
    ({"receipt": {"PhiLePhi": [{"MaPhiLePhi": "LP-TBTAU", "SoTien": 150000}]}}, "04"),
    ({"receipt": {"MaDichVu": "1"}}, "03"),
    ({"receipt": {"MaHoSo": "x" * 101}}, "03"),
]


def test_what_cannot_be_asked_for_is_refused_with_its_reason(portal, rows, subtests) -> None:
    for changes, code in UNASKABLE:
        with subtests.test(**changes):
            of_receipt = {name: value for name, value in changes.items() if name in {"amount", "receipt"}}
            answer = portal.init(portal.message(**of_receipt) | {name: value for name, value in changes.items() if name not in of_receipt})
            assert answer["MaLoi"] == code, answer
            assert set(answer) >= WORDS
    assert rows("SELECT count(*) FROM payment") == [(0,)]


def test_one_address_takes_every_message_and_says_so_of_what_is_none(portal) -> None:
    assert portal.init(path="/national")["MaLoi"] == "00"
    assert portal.ask("QUERY", FIRST, "/national").json["TrangThaiGD"] == "3"
    assert portal.ask("GET_BILL", FIRST, "/national").json["MaLoi"] == "12"
    assert portal.ask("CONFIRM", FIRST, "/national").json["MaLoi"] == "96"


UNREADABLE = [
    (b"", "application/json"), (b"{", "text/plain"), (b"[]", ""), (b"a=1&b=2", "application/x-www-form-urlencoded"),
    (b"{" + b" " * LARGEST + b"}", "application/json"), (b"{" + b" " * 2_000_000 + b"}", "application/json"),
]  # fmt: skip


def test_whatever_is_sent_is_answered_in_the_contracts_words(client, subtests) -> None:
    for path in ("", "/init", "/query", "/bill"):
        for body, content_type in UNREADABLE:
            with subtests.test(path=path, body=body[:9], size=len(body)):
                answer = client.post(f"/national{path}", data=body, content_type=content_type)
                assert (answer.status_code, answer.json["MaLoi"]) == (200, "03")
                assert set(answer.json) >= WORDS


def test_a_media_type_that_is_wrong_or_missing_is_no_reason_to_refuse(portal) -> None:
    for number, type_ in enumerate(("text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16", "")):
        message = portal.message(f"r{number}", receipt={"MaHoSo": f"H-{number}"})
        assert portal.init(message, content_type=type_)["MaLoi"] == "00"


def test_amounts_taken_as_sent_are_shown_to_a_person(portal, register, rows, hub, client) -> None:
    register("national_partners", code="LAX", portal="dvc-tay-ninh", contract="payment_platform", amounts="as_sent")
    lax = type(portal)(hub, client, "LAX")
    line = {"LoaiPhiLePhi": "2", "MaPhiLePhi": "LP-DIACHINH", "SoTien": "30000"}
    assert lax.init(lax.message("r1", "30000", receipt={"PhiLePhi": [line], "MaHoSo": "A"}))["MaLoi"] == "00"
    # SoTien is proven, the line is not.
    assert lax.init(lax.message("r2", "28000", receipt={"PhiLePhi": [line], "MaHoSo": "B"}))["MaLoi"] == "00"
    assert lax.init(lax.message("r3", "28000", receipt={"PhiLePhi": [{**line, "SoTien": "28000"}], "MaHoSo": "C"}))["MaLoi"] == "00"
    # Of which of two fees a difference is, nobody can say.
    both = [line, {"LoaiPhiLePhi": "1", "MaPhiLePhi": "P-CHUNGTHUC", "SoTien": "2000"}]
    assert lax.init(lax.message("r4", "31000", receipt={"PhiLePhi": both, "MaHoSo": "D"}))["MaLoi"] == "04"
    assert rows("SELECT key, amount, evidence ->> 'listed', evidence -> 'schedule' -> 0 ->> 'code' FROM discrepancy ORDER BY key") == [
        ("national/dvc-tay-ninh/r1", 30_000, "30000", "amount_not_in_schedule"),
        ("national/dvc-tay-ninh/r2", 28_000, "30000", None),
    ]
    assert rows("SELECT total FROM payment ORDER BY portal_reference") == [(30_000,), (28_000,), (28_000,)]


def test_no_secret_person_or_hash_input_reaches_the_log(portal, caplog, capsys) -> None:
    """OpenCPS prints what it hashes, secret included."""
    with caplog.at_level(logging.DEBUG):
        portal.init()
        portal.query(at="x")
        portal.post("/national/init", {**portal.message(), "MaXacThuc": "0" * 64})
    written = caplog.text + "".join(capsys.readouterr())
    for never in (portal.secret, "Hạnh", "072190001234", "dvc0000001H53"):
        assert never not in written


def test_a_store_that_does_not_answer_has_the_portal_send_it_again(portal, hub, monkeypatch) -> None:
    from sqlalchemy.exc import OperationalError

    from payhub.registers import RegisterCache

    # The database is every test's of this process: what it does when it is away is said in its place.
    def gone(_: object) -> None:
        raise OperationalError("", {}, Exception())

    monkeypatch.setattr(RegisterCache, "current", gone)
    assert portal.init()["MaLoi"] == "98"


def test_a_closed_portal_or_an_ended_partner_is_none(portal, rewrite) -> None:
    portal.init()
    rewrite("UPDATE national_partner SET valid_to = '2026-11-20' WHERE code = 'H53'")
    assert (portal.init()["MaLoi"], portal.query()["MaLoi"]) == ("08", "08")


def test_the_database_keeps_a_name_as_it_is(portal, hub) -> None:
    portal.init()
    for statement in ("UPDATE national_reference SET amount = 1", "UPDATE national_reference SET message = 'x'", "DELETE FROM national_reference"):
        with pytest.raises(Exception, match=r"does not change|append-only"), hub.db.session() as session:
            session.execute(text(statement))


def test_answers_of_both_shapes_refuse_in_their_own_shape(td) -> None:
    answer = td.init(td.message(amount="4000"))
    assert answer["error_code"] == "04"
    assert json.loads(answer["message"])["MaLoi"] == "04"
    assert td.query("nobody")["MaLoi"] == "01"
