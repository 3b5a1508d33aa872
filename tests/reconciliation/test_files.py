"""Taking settlement files: whole, once, or not at all."""

from __future__ import annotations

import gzip
import io
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from gateways.simulator.settlement import REFUND, Line, written
from payhub.crypto import Sealed
from payhub.errors import NotFound
from reconciliation import errors, received
from reconciliation.files import mappings
from reconciliation.models import FilePart, Settlement, SettlementLine

MAPPINGS = Path(__file__).parents[2] / "config" / "mappings"
ONE = timedelta(days=1)
PERSON = "NGUYEN VAN AN 0912345678"


def good(desk) -> list:
    return [desk.row("A1", 10_000), desk.row("A2", 20_000), desk.row("A3", 5_000, kind="HOAN_TIEN")]


def cut_in_a_row(desk) -> bytes:
    return desk.write(good(desk), trailer=False)[:-20]


REFUSED = {
    "empty": (lambda desk: b"", errors.FileEmpty, None, None),
    "blank": (lambda desk: b"\r\n \n", errors.FileEmpty, None, None),
    "header only": (lambda desk: desk.write([], trailer=False), errors.FileCutOff, 1, "STT"),
    "trailer missing": (lambda desk: desk.write(good(desk), trailer=False), errors.FileCutOff, 4, "STT"),
    "cut in a row": (cut_in_a_row, errors.FileCutOff, 4, "STT"),
    "cut in the trailer": (lambda desk: desk.write(good(desk))[:-5], errors.FileCutOff, 5, "Phi"),
    "rows after the trailer": (lambda desk: desk.write(good(desk)) + b"4,T9,A9,THANH_TOAN,20/11/2026 09:30:00,1,0,NCB,THANH_CONG,\n", errors.FileCutOff, 6, "STT"),
    "quotation mark not closed": (lambda desk: desk.write(good(desk)).replace(b"TA2", b'"TA2'), errors.FileCutOff, 3, "STT"),
    "UTF-16": (lambda desk: desk.write(good(desk)).decode().encode("utf-16"), errors.EncodingWrong, 1, None),
    "another code page": (lambda desk: desk.write([*good(desk), desk.row("A4", 1, bank="đ")]).decode().encode("cp1258"), errors.EncodingWrong, 5, None),
    "compressed": (lambda desk: gzip.compress(desk.write(good(desk))), errors.EncodingWrong, 1, None),
    "another header": (lambda desk: desk.write(good(desk)).replace(b"MaThamChieu", b"MaDonHang"), errors.HeaderWrong, 1, "MaThamChieu"),
    "a column too many": (lambda desk: desk.write(good(desk), header=[*desk.header, "X"]), errors.HeaderWrong, 1, "MaThanhToan"),
    "no header": (lambda desk: desk.write(good(desk)).split(b"\n", 1)[1], errors.HeaderWrong, 1, "STT"),
    "wrong count": (lambda desk: desk.write(good(desk), count=4), errors.CountDiffers, 5, "MaGiaoDich"),
    "wrong sum": (lambda desk: desk.write(good(desk), total=25_001), errors.SumDiffers, 5, "MaThamChieu"),
    "count no number": (lambda desk: desk.write(good(desk), count="ba"), errors.FileCutOff, 5, "MaGiaoDich"),
    "wrong sum beside a bad date": (
        lambda desk: desk.write([*good(desk), desk.row("A4", 7_000, at="hom qua")], total=25_000), errors.SumDiffers, 6, "MaThamChieu",
    ),
    "no row readable": (lambda desk: desk.write([desk.row("A1", 10_000, at="2026-11-20 09:30")]), errors.NoRowReadable, 2, "ThoiGian"),
    "another day's": (lambda desk: desk.write([desk.row("A1", 10_000, desk.day - 2 * ONE)]), errors.DayWrong, 2, "ThoiGian"),
}  # fmt: skip


def test_a_file_that_is_not_whole_changes_nothing_and_says_where(desk) -> None:
    attempt = desk.pay()
    desk.settle([desk.row_of(attempt)])
    before = desk.rows()
    for case, (make, error, row, field) in REFUSED.items():
        with pytest.raises(error) as refused:
            desk.take(make(desk))
        assert desk.rows() == before, case
        assert refused.value.status == 422, case
        assert (refused.value.facts.get("row"), refused.value.facts.get("field")) == (row, field), case
        if row:
            assert f"Dòng {row}" in refused.value.detail.vi, case
            assert f"Row {row}" in refused.value.detail.en, case


def test_a_file_larger_than_one_may_be_is_refused_before_it_is_read(desk, monkeypatch) -> None:
    # The real one is 4 GiB: too much for every run of the tests.
    monkeypatch.setattr(received, "MAX_BYTES", 100)
    with pytest.raises(errors.FileTooLarge):
        desk.take(io.BytesIO(desk.write(good(desk))))


def test_a_refusal_names_both_figures(desk) -> None:
    with pytest.raises(errors.CountDiffers, match="4 rows declared, 3 read"):
        desk.take(desk.write(good(desk), count=4))
    with pytest.raises(errors.SumDiffers, match="25001 declared, 25000 read"):
        desk.take(desk.write(good(desk), total=25_001))


def test_no_refusal_quotes_what_stood_in_the_file(desk) -> None:
    person = PERSON.encode()
    bodies = [
        person, desk.write(good(desk)).replace(b"MaThamChieu", person), desk.write([desk.row(PERSON, 1, at=PERSON)]),
        desk.write(good(desk), count=PERSON), desk.write(good(desk)) + b"\xff" + person,
    ]  # fmt: skip
    for body in bodies:
        with pytest.raises(errors.SettlementRefused) as refused:
            desk.take(body)
        assert PERSON not in repr((refused.value.facts, refused.value.detail, str(refused.value)))


BAD_ROWS = {
    "fraction": ({"amount": "10000.50"}, "SoTien", "not_an_amount"),
    "negative": ({"amount": "-10000"}, "SoTien", "not_an_amount"),
    "zero": ({"amount": "0"}, "SoTien", "not_an_amount"),
    "thousands": ({"amount": "10.000"}, "SoTien", "not_an_amount"),
    "too large": ({"amount": "9" * 17}, "SoTien", "not_an_amount"),
    "other digits": ({"amount": "\N{ARABIC-INDIC DIGIT ONE}0"}, "SoTien", "not_an_amount"),
    "fee": ({"fee": "1,5"}, "Phi", "not_a_fee"),
    "31 November": ({"at": "31/11/2026 09:30:00"}, "ThoiGian", "not_a_time"),
    "American date": ({"at": "11/20/2026 09:30:00"}, "ThoiGian", "not_a_time"),
    "no time": ({"at": "20/11/2026"}, "ThoiGian", "not_a_time"),
    "unknown type": ({"kind": "DIEU_CHINH"}, "LoaiGiaoDich", "not_known"),
    "unknown state": ({"state": "DANG_XU_LY"}, "TrangThai", "not_known"),
    "no identity": ({"reference": "", "transaction": ""}, "MaThamChieu", "no_identity"),
    "a name for a reference": ({"reference": "NGUYỄN VĂN AN"}, "MaThamChieu", "not_plain"),
    "NUL": ({"reference": "A\0B"}, "MaThamChieu", "not_plain"),
    "too long": ({"transaction": "9" * 101}, "MaGiaoDich", "not_plain"),
}


def test_a_bad_row_is_set_aside_by_number_field_and_reason_and_the_rest_is_taken(desk, hub) -> None:
    for number, (case, (changes, field, reason)) in enumerate(BAD_ROWS.items()):
        day = desk.day + number * 40 * ONE
        attempt = desk.pay(on=day)
        rows = [desk.row_of(attempt), desk.row("BAD", 10_000, day).but(**changes), desk.row(f"X{number}", 5_000, day)]
        imported = desk.settle(desk.write(rows, total=attempt.amount + (-1 if "kind" in changes else 1) * 10_000 + 5_000), day)
        assert [(reject.number, reject.field, reject.reason) for reject in imported.rejects] == [(3, field, reason)], case
        assert (imported.settlement.line_count, imported.settlement.reject_count) == (2, 1), case
        assert desk.classes(day) == {"matched": 1, "missing_at_hub": 1}, case
        assert desk.disputes()[f"count_or_sum_differs settlement/{day}"] == 10_000, case
        with hub.db.session() as session:
            of_this = SettlementLine.settlement_id == imported.settlement.id
            assert session.scalars(select(SettlementLine.number).where(of_this).order_by(SettlementLine.number)).all() == [2, 4], (
                case
            )
    assert desk.count("settlement_reject") == len(BAD_ROWS)


def test_a_row_with_too_few_columns_is_set_aside_and_its_part_of_the_sum_is_the_difference(desk) -> None:
    body = desk.write([desk.row("A1", 10_000), desk.row("A2", 20_000)]).replace(b",NCB,THANH_CONG,\n2,", b"\n2,", 1)
    imported = desk.settle(body)
    assert [(reject.number, reject.field, reject.reason) for reject in imported.rejects] == [(2, "NganHang", "columns")]
    assert desk.disputes()[f"count_or_sum_differs settlement/{desk.day}"] == 10_000


def test_a_better_file_ends_the_dispute_about_the_count(desk) -> None:
    desk.settle(desk.write([desk.row("A1", 10_000), desk.row("A2", "?")], total=15_000))
    assert desk.disputes() == {f"count_or_sum_differs settlement/{desk.day}": 5_000, "missing_at_hub payment/A1": 10_000}
    desk.settle([desk.row("A1", 10_000), desk.row("A2", 5_000)])
    assert desk.disputes() == {"missing_at_hub payment/A1": 10_000, "missing_at_hub payment/A2": 5_000}


def test_the_same_file_again_is_recognised_and_changes_nothing(desk, clock) -> None:
    first = desk.settle(good(desk))
    before = desk.rows()
    clock.pass_(days=1)
    second = desk.settle(good(desk))
    assert (first.already, second.already) == (False, True)
    assert (second.settlement.id, second.run_id) == (first.settlement.id, first.run_id)
    assert desk.rows() == before


def test_another_file_for_the_day_takes_its_place_and_the_old_rows_stay(desk, hub) -> None:
    attempt = desk.pay()
    first = desk.settle([desk.row_of(attempt, amount=1), desk.row("GONE", 5_000)])
    assert set(desk.disputes()) == {f"amount_differs payment/{attempt.reference}", "missing_at_hub payment/GONE"}
    second = desk.settle([desk.row_of(attempt)])
    assert desk.disputes() == {}
    assert desk.classes() == {"matched": 1}
    with hub.db.session() as session:
        old = session.get(Settlement, first.settlement.id)
        assert old.superseded_by_id == second.settlement.id
        assert session.get(Settlement, second.settlement.id).superseded_by_id is None
    assert desk.count("settlement_line") == 3
    assert desk.settle([desk.row_of(attempt, amount=1), desk.row("GONE", 5_000)]).already
    assert desk.classes() == {"matched": 1}, "an old file handed in again does not come back"


def test_an_empty_day_is_a_file_too(desk) -> None:
    imported = desk.settle([])
    assert (imported.settlement.line_count, imported.settlement.declared_count) == (0, 0)
    assert desk.classes() == {}


def test_lines_are_normalised(desk, hub) -> None:
    row = desk.row("A1", 10_000, at="20/11/2026 00:10:00", fee=1_100)
    desk.take(b"\xef\xbb\xbf" + desk.write([row, desk.row("A2", 1, bank="", transaction="")]).replace(b"\n", b"\r\n"))
    with hub.db.session() as session:
        line, second = session.scalars(select(SettlementLine).order_by(SettlementLine.number)).all()
    assert (line.number, line.line_type, line.reference, line.transaction) == (2, "payment", "A1", "TA1")
    assert (line.amount, line.fee, line.currency, line.bank) == (10_000, 1_100, "VND", "NCB")
    assert line.happened_at == datetime(2026, 11, 19, 17, 10, tzinfo=UTC)
    assert line.happened_on == date(2026, 11, 20)
    assert (second.transaction, second.bank) == (None, None)


def test_the_simulators_own_file_is_read(desk) -> None:
    attempt, at = desk.pay(), datetime(2026, 11, 20, 16, 30, tzinfo=UTC)
    paid = Line(attempt.gateway_transaction, attempt.reference, at, attempt.amount)
    imported = desk.settle(written([paid, Line("R1", "LA1", at, 50_000, kind=REFUND)], "PO1").encode())
    assert (imported.settlement.line_count, imported.settlement.line_sum) == (2, 150_000)
    assert desk.classes() == {"matched": 1, "missing_at_hub": 1}


def test_the_file_is_kept_sealed(desk, hub) -> None:
    body = desk.write(good(desk))
    imported = desk.take(body)
    with hub.db.session() as session:
        kept = session.get(FilePart, imported.settlement.id)
        sealed = Sealed(kept.body_key, kept.body)
    assert body not in sealed.data
    assert hub.keyring.open(sealed, f"settlement {imported.settlement.id}") == body


def test_an_account_nobody_has_is_not_found(desk) -> None:
    desk.account = "vnpay-other"
    with pytest.raises(NotFound, match="vnpay-other"):
        desk.take([])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('zone = "+07:00"', 'zone = "Hanoi"'), ('encoding = "utf-8"', 'encoding = "vietnamese"'), ('amount = "SoTien"', 'amount = "Tien"'),
        ('amount = "SoTien"\n', ""), ('"payment"', '"tip"'), ("count = 2", "count = 12"), ("[trailer]", "[tail]"), ("dd/MM/yyyy", "dd/MM"),
        ("title = ", "title "), ('"MaThamChieu", "LoaiGiaoDich"', '"MaThamChieu", "MaThamChieu"'),
    ],
)  # fmt: skip
def test_a_mapping_that_cannot_be_used_says_so(tmp_path, old, new) -> None:
    told = (MAPPINGS / "vnpay-example.toml").read_text(encoding="utf-8")
    assert old in told
    (tmp_path / "broken.toml").write_text(told.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(errors.MappingUnusable, match="broken"):
        mappings.load(tmp_path, "broken")


@pytest.mark.parametrize("name", ["missing", "../secrets", ""])
def test_a_mapping_that_is_not_there_says_so(tmp_path, name) -> None:
    with pytest.raises(errors.MappingUnusable):
        mappings.load(tmp_path, name)
