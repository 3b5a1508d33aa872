"""Totals by the day booked on and by the day the money came: what is banked, withheld and due, and every figure traced to its rows."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import text

from gateways.base import Outcome
from payhub import migrate
from payhub.ids import public_id
from payhub.ledger import days, rollups
from payhub.ledger.prove import prove
from reconciliation.reports.accounts import account_totals
from reconciliation.reports.laws import LAWS
from reconciliation.totals import agency_totals, grand

THURSDAY, FRIDAY, MONDAY, TUESDAY = (date(2026, 11, day) for day in (19, 20, 23, 24))
PO = "PO26112000000001"
MIXED = [
    {"fee": "P-CHUNGTHUC", "agency": "000.00.00.H29", "amount": 8_000, "quantity": 4},
    {"fee": "LP-GPXD", "agency": "000.00.00.G04", "amount": 75_000},
]


@pytest.fixture
def busy(hub, desk, bank, clock, treasury, pay, lan, minh, client, rows):
    """Days on which everything happened.

    Of Friday: two lines of two agencies, a payment of which a part is given back, one that is reversed, one paid twice whose second
    money pays another payment on Monday; and a payment of Thursday, heard when that day was shut. All but the reversed one is paid
    over on Monday, less a fee and an adjustment. A second gateway's payment is not reported.
    """
    with hub.db.session() as session:
        days.shut(session, THURSDAY, "thu.ha", clock.now())
    mixed, gone, late = desk.pay(lines=MIXED, portal="mot-cua-hcm"), desk.pay(), desk.pay(on=THURSDAY)
    desk.say(gone, Outcome.REVERSED)
    first = desk.pay(outcome=None)
    second = desk.start(first.payment_id)
    first, second = desk.say(first, Outcome.SUCCEEDED), desk.say(second, Outcome.SUCCEEDED)
    payment = pay()
    [(reference, transaction, amount)] = rows("SELECT reference, gateway_transaction, confirmed FROM attempt ORDER BY id DESC LIMIT 1")
    given = treasury.give(payment, 50_000)
    desk.account = "zalopay-main"
    desk.pay()
    desk.account = "vnpay-main"
    paid = [desk.row(reference, amount).but(transaction=transaction), *(desk.row_of(each) for each in (mixed, first, second, late))]
    paid[1] = paid[1].but(fee=3_000)
    refund = desk.row(given.reference, 50_000, kind="HOAN_TIEN").but(transaction=given.transaction or "")
    adjusted = desk.row("", 500, kind="DIEU_CHINH_GIAM", transaction="A1")
    desk.settle([*paid, refund, adjusted])
    clock.pass_(days=3)
    held = rows("SELECT id FROM unapplied_receipt")[0][0]
    other = desk.pay(outcome=None).payment_id
    asked = lan.post(client, f"/v1/staff/unapplied/{public_id('uap', held, 'test')}/allocate", {"payment": public_id("pay", other, "test")})
    clock.pass_(seconds=30)
    assert minh.post(client, f"/v1/proposals/{asked.json['id']}/approve", {"totp": minh.code()}).status_code == 200
    desk.learn()
    bank.say(bank.entry(83_000 + 200_000 * 4 - 50_000 - 3_000 - 500, f"CHI TRA {PO}"))
    assert rows("SELECT state FROM payout_state") == [("banked",)]


def read(hub, mode, on, until=None):
    """What is said of the days in one mode: of the agencies together, and of each gateway account."""
    with hub.db.session() as session:
        (whole,) = grand(agency_totals(session, on, until=until, mode=mode)) or [None]
        own = account_totals(session, on, until=until, mode=mode)
    return whole and whole.figures(), {each.gateway_account: {name: figure for name, figure in each.figures.items() if figure} for each in own}


@pytest.mark.usefixtures("busy")
def test_the_day_booked_on_and_the_day_the_money_came_tell_each_their_own(hub, traced) -> None:
    friday, accounts = read(hub, "activity", FRIDAY)
    assert friday == {
        "count": 6, "collected": 1_083_000, "reversed": 200_000, "refunded": 50_000, "charged_back": 0, "owed": 833_000, "reported": 683_000,
        "difference": 200_000, "banked": 0, "paid_out": 0, "written_off": 0, "due": 833_000, "retained": 4_000, "budget": 829_000,
    }  # fmt: skip
    assert {name: accounts["vnpay-main"][name] for name in ("fees", "adjusted", "held", "unapplied")} == {
        "fees": 3_000, "adjusted": 500, "held": 200_000, "unapplied": 200_000,
    }  # fmt: skip
    monday, accounts = read(hub, "activity", MONDAY)
    assert (monday["collected"], monday["reported"], monday["banked"]) == (200_000, 200_000, 833_000)
    assert {name: accounts["vnpay-main"][name] for name in ("allocated", "unapplied", "net", "banked_rest")} == {
        "allocated": 200_000, "unapplied": -200_000, "net": 829_500, "banked_rest": -3_500,
    }  # fmt: skip
    of_thursday, _ = read(hub, "cohort", THURSDAY)
    assert (of_thursday["collected"], of_thursday["reported"], of_thursday["banked"]) == (200_000, 200_000, 200_000)
    assert read(hub, "activity", THURSDAY) == (None, {})
    of_friday, accounts = read(hub, "cohort", FRIDAY)
    assert of_friday == {
        "count": 6, "collected": 1_083_000, "reversed": 200_000, "refunded": 50_000, "charged_back": 0, "owed": 833_000, "reported": 683_000,
        "difference": 200_000, "banked": 633_000, "paid_out": 0, "written_off": 0, "due": 833_000, "retained": 4_000, "budget": 829_000,
    }  # fmt: skip
    assert "unapplied" not in accounts["vnpay-main"], "what was held pays a payment by now"
    assert read(hub, "cohort", MONDAY)[0] is None
    whole = [read(hub, mode, THURSDAY, TUESDAY)[0] for mode in ("activity", "cohort")]
    assert whole[0] == whole[1], "all days and all cohorts are the same money"
    for first_on, last_on in ((THURSDAY, TUESDAY), (FRIDAY, FRIDAY), (MONDAY, MONDAY)):
        traced(hub, first_on, last_on)
    before = [read(hub, mode, on) for mode in ("activity", "cohort") for on in (THURSDAY, FRIDAY, MONDAY)]
    assert rollups.fold(hub) == 1
    assert before == [read(hub, mode, on) for mode in ("activity", "cohort") for on in (THURSDAY, FRIDAY, MONDAY)]
    traced(hub, THURSDAY, TUESDAY)


@pytest.mark.usefixtures("busy")
def test_a_row_says_where_it_comes_from(client, keys) -> None:
    def rows(**query):
        headers = {"Authorization": f"Bearer {keys['kbnn']}"}
        answer = client.get("/v1/reports/rows", query_string={"date": FRIDAY, **query}, headers=headers)
        assert answer.status_code == 200, answer.json
        return answer.json

    reported = rows(figure="reported", agency="000.00.00.G17")
    assert (reported["next"], reported["figure"], reported["mode"]) == (None, "reported", "activity")
    (row,) = reported["data"]
    assert row["payment"].startswith("pay_test_")
    assert (row["amount"], row["payment_line"], row["kind"], row["fact"]) == (75_000, 2, "le_phi", "applied")
    assert (row["settlement_file"], row["settlement_row"], row["payout"]) == ("2026-11-20.csv", 3, PO)
    assert (row["statement_file"], row["statement_row"]) == ("statement.xml", 1)
    given = [row for row in rows(figure="banked", mode="cohort")["data"] if row["amount"] < 0]
    assert [(row["amount"], row["fact"], row["settlement_row"], row["payout"]) for row in given] == [(-50_000, "refund_submitted", 7, PO)]
    withheld = rows(figure="fees")["data"]
    assert [(row["amount"], row["fact"], row["payout"], row["agency"], row["payment"]) for row in withheld] == [
        (3_000, "fee_withheld", PO, None, None)
    ]
    (banked,) = rows(figure="banked", date=MONDAY, agency="000.00.00.H29")["data"]
    assert (banked["amount"], banked["fact"], banked["bank_entry"][:4], banked["cohort_on"]) == (8_000, "banked", "bke_", "2026-11-23")
    first = rows(figure="collected", limit=2)
    assert len(first["data"]) == 2
    second = rows(figure="collected", limit=200, cursor=first["next"])
    assert {row["payment_reference"] for row in second["data"]} - {row["payment_reference"] for row in first["data"]}
    assert sum(row["amount"] for row in [*first["data"], *second["data"]]) == 1_083_000


@pytest.mark.usefixtures("busy")
def test_the_accounts_report_adds_up_to_the_ledger(client, keys, books) -> None:
    headers = {"Authorization": f"Bearer {keys['kbnn']}"}
    query = {"date": "2026-11-19", "until": "2026-11-30"}
    told = client.get("/v1/reports/gateway-totals", query_string=query, headers=headers).json["totals"]
    added = {name: sum(each["books"][name] for each in told) for name in told[0]["books"]}
    assert {name: amount for name, amount in added.items() if amount} == books()
    vnpay = next(each for each in told if each["gateway_account"] == "vnpay-main")
    assert (vnpay["net"], vnpay["banked"] + vnpay["banked_rest"], vnpay["fees"] + vnpay["adjusted"]) == (829_500, 829_500, 3_500)
    as_csv = client.get("/v1/reports/gateway-totals", query_string={**query, "format": "csv", "mode": "cohort"}, headers=headers)
    assert as_csv.headers["Content-Disposition"] == 'attachment; filename="gateway-totals-cohort-2026-11-19..2026-11-30.csv"'
    rows = as_csv.get_data(as_text=True).splitlines()
    assert rows[0].startswith("date,gateway_account,collected,")
    assert [row.split(",")[1] for row in rows[1:]] == ["vnpay-main", "zalopay-main"]


BREAKS = {
    "of every cohort, account, agency, kind and budget line is owed what was not taken of the lines that its money paid":
        "UPDATE attempt SET cohort_on = cohort_on {} 1 WHERE applied",
    "what is banked of all cohorts is what is banked on all days, once all runs are over": "UPDATE run_total SET amount = amount {} 1",
    "what the last run of a settlement found given back is what the refunds it found add up to": "UPDATE run_refund SET amount = amount {} 1",
}  # fmt: skip


@pytest.mark.usefixtures("busy")
def test_each_law_of_reports_notices_what_breaks_it(hub) -> None:
    engine = hub.db.engine
    with engine.begin() as connection:
        for table in ("run_total", "run_refund"):
            connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
    for law in LAWS:
        for sign, holds in (("+", False), ("-", True)):
            with engine.begin() as connection:
                connection.execute(text(BREAKS[law.name].format(sign)))
            assert next(prove(engine, [law])).holds is holds, law.name


def test_totals_are_the_same_after_the_books_were_brought_to_this_version(desk, bank, hub, pay, treasury, rows) -> None:
    payment = pay()
    [(reference, transaction)] = rows("SELECT reference, gateway_transaction FROM attempt")
    given = treasury.give(payment, 50_000)
    refund = desk.row(given.reference, 50_000, kind="HOAN_TIEN").but(transaction=given.transaction or "")
    desk.settle([desk.row(reference, 200_000).but(transaction=transaction), refund])
    bank.say(bank.entry(150_000, f"CHI TRA {PO}"))
    before = [read(hub, mode, on) for mode in ("activity", "cohort") for on in (FRIDAY, MONDAY)]
    assert before[2][0]["banked"] == 150_000
    hub.db.engine.dispose()
    migrate.downgrade(hub.db.engine, "0016")
    migrate.upgrade(hub.db.engine)
    assert [read(hub, "activity", on) for on in (FRIDAY, MONDAY)] == before[:2], "read before anything is folded"
    desk.carry_out()
    rollups.fold(hub)
    assert [read(hub, mode, on) for mode in ("activity", "cohort") for on in (FRIDAY, MONDAY)] == before
