"""What the simulated gateways withhold, and what they pay over of a day."""

import csv
import json
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.simulator import Delays, SimulatorConfig, SimulatorRefused, Tariff, Terms, create_app
from gateways.simulator.payouts import due_on, reference_of, working
from gateways.simulator.protocols import PROTOCOLS
from gateways.simulator.settlement import Kind, Line, written

SATURDAY = "2026-11-21"
TERMS = Terms(payments=Tariff(basis_points=110, fixed=500, minimum=2_000, maximum=5_000))
TERMINALS = {"vnpay": "PAYHUB01", "momo": "PAYHUBMOMO", "zalopay": "2553"}


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self):
        self.now = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)

    def __call__(self):
        return self.now


@pytest.fixture
def driver(simulator):
    return started(simulator)


def started(simulator, **changes):
    clock = changes.pop("clock", None) or Clock()
    driver = simulator(clock=clock, **changes)
    driver.clock = clock
    return driver


def pay(driver, reference, amount, **form):
    order = driver.order(reference, amount=amount, created_at=driver.clock.now, expires_at=driver.clock.now + timedelta(minutes=15))
    driver.decide(order, "pay", **({"scenario": "lost"} | form))
    driver.clock.now += timedelta(minutes=1)
    return order


def file(driver, day=SATURDAY, terminal="PAYHUB01"):
    text = driver.http.get(f"{driver.base}/simulator/settlements/{terminal}/{day}.csv").text
    header, *lines, trailer = text.splitlines()
    return list(csv.DictReader([header, *lines])), trailer


def payouts(driver, **asked):
    return driver.http.get(f"{driver.base}/simulator/payouts", params=asked).json()["payouts"]


def figures(payout):
    return {name: payout[name] for name in ("gross", "refunds", "reversals", "fees", "adjustments", "net")}


# What is withheld.


@pytest.mark.parametrize(
    ("amount", "fee"),
    [(100_000, 2_000), (150_000, 2_150), (150_045, 2_150), (150_046, 2_151), (150_136, 2_151), (150_137, 2_152), (900_000, 5_000)],
)
def test_a_fee_is_a_share_rounded_half_up_and_a_fixed_part_within_limits(amount, fee):
    assert TERMS.payments.fee(amount) == fee


def test_half_a_dong_is_rounded_up():
    assert [Tariff(basis_points=5_000).fee(amount) for amount in (1, 2, 3)] == [1, 1, 2]


@given(st.integers(1, 10**15), st.integers(0, 10_000), st.integers(0, 10**6))
def test_a_share_is_never_further_from_the_exact_one_than_half_a_dong(amount, basis_points, fixed):
    fee = Tariff(basis_points=basis_points, fixed=fixed).fee(amount)
    assert abs(2 * ((fee - fixed) * 10_000 - amount * basis_points)) <= 10_000


@given(st.integers(1, 10**9), st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_fee_stays_within_its_limits(amount, minimum, more):
    assert minimum <= Tariff(basis_points=110, minimum=minimum, maximum=minimum + more).fee(amount) <= minimum + more


@pytest.mark.parametrize(
    "terms",
    [
        Terms(payments=Tariff(basis_points=-1)),
        Terms(payments=Tariff(fixed=1.5)),
        Terms(refunds=Tariff(minimum=2, maximum=1)),
        Terms(lag_days=-1),
    ],
)
def test_terms_that_cannot_be_are_refused(terms):
    settings = {"mode": "test", "momo": {"PAYHUBMOMO": ("a", "b")}}
    with pytest.raises(SimulatorRefused, match="terms"):
        create_app(SimulatorConfig(**settings, terms={"PAYHUBMOMO": terms}))
    with pytest.raises(SimulatorRefused, match="terms"):
        create_app(SimulatorConfig(**settings, terms={"PAYHUB09": Terms()}))


def test_terms_survive_being_written_down():
    terms = replace(TERMS, lag_days=2)
    assert Terms.read(json.loads(json.dumps(asdict(terms)))) == terms
    assert Terms.read({}) == Terms()


# The file.


def test_each_line_shows_what_is_withheld_of_it(simulator):
    driver = started(simulator, terms={"PAYHUB01": TERMS})
    pay(driver, "PH1", 150_000)
    order = pay(driver, "PH2", 900_000)
    driver.refund(driver.to_refund(order, "R1", amount=100_000, asked_at=driver.clock.now))
    rows, trailer = file(driver)
    assert [(row["MaThamChieu"], row["Phi"]) for row in rows] == [("PH1", "2150"), ("PH2", "5000"), ("R1", "0")]
    assert trailer == "TONG,3,950000,,,,,,,"


def test_nothing_is_withheld_of_an_account_without_terms(driver):
    pay(driver, "PH1", 150_000)
    assert [row["Phi"] for row in file(driver)[0]] == ["0"]
    assert figures(payouts(driver)[0]) == {
        "gross": 150_000, "refunds": 0, "reversals": 0, "fees": 0, "adjustments": 0, "net": 150_000,
    }  # fmt: skip


def test_a_fee_differs_by_an_amount_and_the_payout_with_it(simulator):
    driver = started(simulator, terms={"PAYHUB01": TERMS})
    pay(driver, "PH1", 150_000)
    pay(driver, "PH2", 150_000)
    told = [{"kind": "fee", "terminal": "PAYHUB01", "reference": "PH1", "amount": -50}]
    told += [{"kind": "fee", "terminal": "PAYHUB01", "reference": "PH2"}]
    assert driver.tell("disagreements", *told).json() == {"planned": 2}
    assert [row["Phi"] for row in file(driver)[0]] == ["2100", "3150"]
    assert payouts(driver)[0]["fees"] == 5_250


def test_the_tariff_is_of_the_amount_that_the_file_states(simulator):
    driver = started(simulator, terms={"PAYHUB01": Terms(payments=Tariff(basis_points=100))})
    pay(driver, "PH1", 100_000)
    driver.tell("disagreements", {"kind": "amount", "terminal": "PAYHUB01", "reference": "PH1", "amount": 300_000})
    assert [(row["SoTien"], row["Phi"]) for row in file(driver)[0]] == [("300000", "3000")]


@pytest.mark.parametrize(("gateway", "heading"), [("vnpay", "MaThanhToan"), ("momo", "MaLenhChi"), ("zalopay", "PayoutId")])
def test_each_line_says_which_payout_it_is_in(simulator, gateway, heading):
    driver = started(simulator)
    terminal = TERMINALS[gateway]
    driver.tell("lines", {"kind": "fee", "terminal": terminal, "date": SATURDAY, "amount": 50_000})
    driver.tell("lines", {"kind": "adjust_in", "terminal": terminal, "date": SATURDAY, "amount": 1})
    rows, trailer = file(driver, terminal=terminal)
    (payout,) = payouts(driver, terminal=terminal)
    assert {row[heading] for row in rows} == {payout["reference"]}
    assert list(rows[0])[-1] == heading
    assert trailer == "TONG,2,0" + "," * 7
    assert file(driver, "2026-11-25", terminal) == ([], "TONG,0,0" + "," * 7)


@pytest.mark.parametrize("gateway", list(PROTOCOLS))
def test_every_kind_of_line_has_a_word_of_its_own(gateway):
    layout = PROTOCOLS[gateway].layout
    assert len({layout.word(kind) for kind in Kind}) == len(Kind)
    at = datetime(2026, 11, 21, tzinfo=UTC)
    text = written([Line("1", "", at, 10**place, kind) for place, kind in enumerate(Kind)], "PO1", layout)
    # Payments less refunds and reversals: fees and adjustments are counted, and are no part of the sum.
    assert text.splitlines()[-1].startswith(f"TONG,6,{1 - 10 - 100},")


# The payout.


def test_a_day_is_paid_over_net(simulator):
    driver = started(simulator, terms={"PAYHUB01": TERMS})
    pay(driver, "PH1", 150_000)
    order = pay(driver, "PH2", 900_000)
    driver.refund(driver.to_refund(order, "R1", amount=100_000, asked_at=driver.clock.now))
    for kind, amount in (("fee", 33_000), ("adjust_in", 7_000), ("adjust_out", 2_000)):
        told = {"kind": kind, "terminal": "PAYHUB01", "date": SATURDAY, "amount": amount}
        assert driver.tell("lines", told).status_code == 201
    rows, trailer = file(driver)
    assert [(row["LoaiGiaoDich"], row["MaThamChieu"], row["SoTien"], row["Phi"]) for row in rows[3:]] == [
        ("PHI_DICH_VU", "", "33000", "0"),
        ("DIEU_CHINH_TANG", "", "7000", "0"),
        ("DIEU_CHINH_GIAM", "", "2000", "0"),
    ]
    assert len({row["MaGiaoDich"] for row in rows}) == 6
    assert trailer == "TONG,6,950000,,,,,,,"
    (payout,) = payouts(driver)
    assert figures(payout) == {
        "gross": 1_050_000, "refunds": 100_000, "reversals": 0, "fees": 40_150, "adjustments": 5_000, "net": 914_850,
    }  # fmt: skip
    assert (payout["day"], payout["due_on"], payout["paid_on"], payout["lines"]) == (SATURDAY, "2026-11-23", "2026-11-23", 6)
    assert payout["credited"] == 914_850


def test_what_the_file_leaves_out_is_not_paid_over_and_what_it_adds_is(driver):
    pay(driver, "PH1", 100_000)
    pay(driver, "PH2", 200_000)
    driver.tell("disagreements", {"kind": "omit", "terminal": "PAYHUB01", "reference": "PH1"})
    driver.tell("disagreements", {"kind": "extra", "terminal": "PAYHUB01", "date": "2026-11-22", "amount": 70_000})
    assert [(each["day"], each["net"]) for each in payouts(driver)] == [(SATURDAY, 200_000), ("2026-11-22", 70_000)]


def test_a_payment_taken_back_after_its_day_is_listed_and_has_a_line_against_it(simulator):
    driver = started(simulator, delays=Delays(ipn_s=0, retry_s=0.02, reversed_s=0.4))
    pay(driver, "PH1", 100_000, scenario="reversed")
    driver.clock.now = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
    driver.delivered("PH1")
    assert [row["LoaiGiaoDich"] for row in file(driver)[0]] == ["THANH_TOAN"]
    (row,) = file(driver, "2026-11-24")[0]
    assert (row["LoaiGiaoDich"], row["MaThamChieu"], row["SoTien"]) == ("DAO_GIAO_DICH", "PH1", "100000")
    first, second = payouts(driver)
    assert (first["net"], second["reversals"], second["net"], second["credited"]) == (100_000, 100_000, -100_000, -100_000)


def test_payouts_are_asked_for_by_account_and_day(driver):
    for terminal in TERMINALS.values():
        for day in (SATURDAY, "2026-11-22"):
            driver.tell("lines", {"kind": "adjust_in", "terminal": terminal, "date": day, "amount": 5})
    assert len(payouts(driver)) == 6
    (one,) = payouts(driver, terminal="2553", day="2026-11-22")
    assert (one["gateway"], one["terminal"], one["day"]) == ("zalopay", "2553", "2026-11-22")
    assert len({each["reference"] for each in payouts(driver)}) == 6
    assert driver.http.get(f"{driver.base}/simulator/payouts", params={"day": "today"}).status_code == 400


def test_a_payouts_name_is_the_seeds(simulator):
    assert reference_of(1, "PAYHUB01", date(2026, 11, 21)) == reference_of(1, "PAYHUB01", date(2026, 11, 21))
    assert reference_of(1, "PAYHUB01", date(2026, 11, 21)) != reference_of(2, "PAYHUB01", date(2026, 11, 21))
    assert reference_of(1, "PAYHUB01", date(2026, 11, 21)).startswith("PO261121")


@pytest.mark.parametrize(
    ("day", "lag_days", "due"),
    [
        ("2026-11-19", 0, "2026-11-20"),
        ("2026-11-20", 0, "2026-11-23"),
        (SATURDAY, 0, "2026-11-23"),
        ("2026-11-20", 2, "2026-11-25"),
    ],
)
def test_a_day_is_paid_on_a_working_day(day, lag_days, due):
    assert due_on(date.fromisoformat(day), lag_days).isoformat() == due


@given(st.dates(date(2020, 1, 1), date(2030, 1, 1)), st.integers(0, 30))
def test_later_days_are_never_paid_before_earlier_ones(day, lag_days):
    due = due_on(day, lag_days)
    assert day < due == working(due) <= due_on(day + timedelta(days=1), lag_days)


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ({"kind": "fee", "terminal": "PAYHUB01", "date": SATURDAY}, 400),
        ({"kind": "payment", "terminal": "PAYHUB01", "date": SATURDAY, "amount": 1}, 400),
        ({"kind": "fee", "terminal": "PAYHUB01", "date": "21/11/2026", "amount": 1}, 400),
        ({"kind": "fee", "terminal": "PAYHUB01", "date": SATURDAY, "amount": 0}, 400),
        ({"kind": "fee", "terminal": "PAYHUB01", "date": SATURDAY, "amount": 1.5}, 400),
        ({"kind": "fee", "terminal": "PAYHUB01", "date": SATURDAY, "amount": 1, "text": "x"}, 400),
        ({"kind": "fee", "terminal": "PAYHUB02", "date": SATURDAY, "amount": 1}, 404),
    ],
)
def test_a_line_that_cannot_be_planned_is_refused(driver, told, status):
    answer = driver.tell("lines", told)
    assert (answer.status_code, list(answer.json())) == (status, ["error"])
    assert payouts(driver) == []


def test_fees_and_names_outlive_the_process(simulator, tmp_path):
    path, clock = tmp_path / "books.jsonl", Clock()
    first = started(simulator, books_path=path, terms={"PAYHUB01": TERMS}, clock=clock)
    pay(first, "PH1", 150_000)
    first.tell("lines", {"kind": "adjust_out", "terminal": "PAYHUB01", "date": SATURDAY, "amount": 1_000})
    first.tell("bank-disagreements", {"kind": "short", "terminal": "PAYHUB01", "date": SATURDAY, "amount": 1})
    before = payouts(first)
    first.stop()
    second = started(simulator, books_path=path, terms={"PAYHUB01": TERMS}, clock=clock)
    assert payouts(second) == before
    assert path.stat().st_mode & 0o077 == 0
