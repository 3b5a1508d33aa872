"""The settlement file: a day's money, and every planned disagreement."""

import csv
from datetime import UTC, datetime, timedelta

import pytest

DAY = "2026-11-21"
HEADER = "STT,MaGiaoDich,MaThamChieu,LoaiGiaoDich,ThoiGian,SoTien,Phi,NganHang,TrangThai,MaThanhToan"


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self):
        self.now = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)

    def __call__(self):
        return self.now


@pytest.fixture
def driver(simulator):
    clock = Clock()
    driver = simulator(clock=clock)
    driver.clock = clock
    return driver


@pytest.fixture
def paid(driver):
    """Three paid orders of one day, of 100,000, 200,000 and 300,000 VND."""
    for number in (1, 2, 3):
        pay(driver, f"PH{number}", number * 100_000)
    return driver


def pay(driver, reference, amount=150_000, decision="pay", **form):
    order = driver.order(reference, amount=amount, created_at=driver.clock.now, expires_at=driver.clock.now + timedelta(minutes=15))
    driver.decide(order, decision, **form)
    driver.clock.now += timedelta(minutes=1)
    return order


def file(driver, day=DAY):
    answer = driver.http.get(f"{driver.base}/simulator/settlements/PAYHUB01/{day}.csv")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    header, *lines, trailer = answer.text.splitlines()
    assert header == HEADER
    rows = list(csv.DictReader([header, *lines]))
    assert [row["STT"] for row in rows] == [str(number + 1) for number in range(len(rows))]
    total = sum(int(row["SoTien"]) * (1 if row["LoaiGiaoDich"] == "THANH_TOAN" else -1) for row in rows)
    assert trailer == f"TONG,{len(rows)},{total},,,,,,,"
    return rows


def disagree(driver, **told):
    answer = driver.http.post(f"{driver.base}/simulator/disagreements", json=[{"terminal": "PAYHUB01", **told}])
    assert (answer.status_code, answer.json()) == (201, {"planned": 1})


def references(rows):
    return [row["MaThamChieu"] for row in rows]


def test_a_day_lists_what_was_paid_on_it(paid):
    rows = file(paid)
    assert references(rows) == ["PH1", "PH2", "PH3"]
    assert rows[0] == {
        "STT": "1",
        "MaGiaoDich": paid.books("PH1")["transaction"],
        "MaThamChieu": "PH1",
        "LoaiGiaoDich": "THANH_TOAN",
        "ThoiGian": "21/11/2026 10:00:00",
        "SoTien": "100000",
        "Phi": "0",
        "NganHang": "NCB",
        "TrangThai": "THANH_CONG",
        "MaThanhToan": rows[0]["MaThanhToan"],
    }
    assert file(paid, "2026-11-20") == file(paid, "2026-11-22") == []


def test_the_file_is_the_same_however_often_it_is_fetched(paid):
    disagree(paid, kind="extra", date=DAY)
    assert file(paid) == file(paid)


def test_lost_wrongly_told_and_late_money_is_listed_and_no_other(driver):
    for scenario in ("lost", "wrong_amount", "forged", "refused", "cancelled", "abandoned", "reversed"):
        pay(driver, f"PH{scenario}".replace("_", ""), scenario=scenario)
    driver.delivered("PHreversed")
    assert references(file(driver)) == ["PHlost", "PHwrongamount", "PHforged"]
    assert {row["SoTien"] for row in file(driver)} == {"150000"}


def test_the_day_ends_at_midnight_in_vietnam(driver):
    driver.clock.now = datetime(2026, 11, 21, 16, 59, 59, tzinfo=UTC)
    pay(driver, "PH1")
    driver.clock.now = datetime(2026, 11, 21, 17, 0, 0, tzinfo=UTC)
    pay(driver, "PH2")
    assert references(file(driver)) == ["PH1"]
    assert references(file(driver, "2026-11-22")) == ["PH2"]


def test_omit_leaves_a_line_out(paid):
    disagree(paid, kind="omit", reference="PH2")
    assert references(file(paid)) == ["PH1", "PH3"]


def test_extra_is_a_line_the_hub_never_saw(paid):
    disagree(paid, kind="extra", date=DAY, reference="LA1", amount=77_000)
    disagree(paid, kind="extra", date=DAY)
    disagree(paid, kind="extra", date="2026-11-22")
    first, second = [row for row in file(paid) if row["MaThamChieu"].startswith("LA")]
    assert (first["MaThamChieu"], first["SoTien"], second["SoTien"]) == ("LA1", "77000", "100000")
    assert len(file(paid, "2026-11-22")) == 1


def test_amount_is_another_amount(paid):
    disagree(paid, kind="amount", reference="PH1", amount=99_999)
    disagree(paid, kind="amount", reference="PH2")
    assert [row["SoTien"] for row in file(paid)] == ["99999", "201000", "300000"]


def test_duplicate_is_the_same_money_under_another_number(paid):
    disagree(paid, kind="duplicate", reference="PH2")
    first, second = [row for row in file(paid) if row["MaThamChieu"] == "PH2"]
    assert first["MaGiaoDich"] != second["MaGiaoDich"]
    assert {first["SoTien"], second["SoTien"]} == {"200000"}


def test_refund_is_a_row_that_gives_back(paid):
    disagree(paid, kind="refund", reference="PH3", amount=50_000)
    (row,) = [row for row in file(paid) if row["LoaiGiaoDich"] == "HOAN_TIEN"]
    assert (row["MaThamChieu"], row["SoTien"]) == ("PH3", "50000")


def test_midnight_is_a_line_of_the_evening_before(paid):
    disagree(paid, kind="midnight", reference="PH3")
    assert file(paid)[0] | {"STT": ""} == file(paid)[0] | {"MaThamChieu": "PH3", "ThoiGian": "20/11/2026 23:59:59", "STT": ""}
    assert file(paid, "2026-11-20") == []


def test_disagreements_about_what_was_never_paid_change_nothing(paid):
    for kind in ("omit", "amount", "duplicate", "refund", "midnight"):
        disagree(paid, kind=kind, reference="PH9")
    assert references(file(paid)) == ["PH1", "PH2", "PH3"]


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ({"kind": "omit"}, 400),
        ({"kind": "lose", "reference": "PH1"}, 400),
        ({"kind": ["omit"], "reference": "PH1"}, 400),
        ({"kind": "extra", "date": "21/11/2026"}, 400),
        ({"kind": "amount", "reference": "PH1", "amount": 1.5}, 400),
        ({"kind": "amount", "reference": "PH1", "sum": 1}, 400),
        ({"kind": "omit", "reference": "PH1", "terminal": "PAYHUB02"}, 404),
    ],
)
def test_a_disagreement_that_cannot_be_planned_is_refused(driver, told, status):
    answer = driver.http.post(f"{driver.base}/simulator/disagreements", json=[{"terminal": "PAYHUB01"} | told])
    assert (answer.status_code, list(answer.json())) == (status, ["error"])


@pytest.mark.parametrize(("address", "status"), [("PAYHUB02/2026-11-21", 404), ("PAYHUB01/yesterday", 400)])
def test_a_file_that_cannot_exist_is_refused(driver, address, status):
    assert driver.http.get(f"{driver.base}/simulator/settlements/{address}.csv").status_code == status
