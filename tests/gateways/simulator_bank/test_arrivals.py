"""The hub's bank: its accounts, and what arrives of payouts."""

import re

import pytest

FRIDAY, SATURDAY, MONDAY, TUESDAY = "2026-11-20", "2026-11-21", "2026-11-23", "2026-11-24"
ACCOUNT = "19001234567890"
TERMINALS = ("PAYHUB01", "PAYHUBMOMO", "2553")


def test_a_payout_is_credited_on_its_due_date_with_its_name_in_the_text(world):
    world.day(FRIDAY, 500_000)
    assert world.get(FRIDAY)["entries"] == []
    told = world.get(MONDAY)
    (entry,) = told["entries"]
    assert (told["opening"], entry["amount"], told["closing"]) == (1_000_000, 500_000, 1_500_000)
    assert entry["text"] == f"VNPAY CHI TRA {world.reference(FRIDAY)} NGAY 20/11/2026 TK PAYHUB01"
    assert entry["booked_on"] == entry["value_on"] == MONDAY
    assert re.fullmatch(r"FT26327\d{8}", entry["reference"])


def test_what_a_gateway_is_owed_is_collected(world):
    world.day(FRIDAY, -40_000, "PAYHUBMOMO")
    (entry,) = world.get(MONDAY)["entries"]
    assert (entry["amount"], entry["text"].split()[:3]) == (-40_000, ["MOMO", "THU", "HOI"])


def test_an_account_nobody_told_of_has_every_payout(opened):
    with opened(opening=None) as world:
        world.day(FRIDAY, 7, "2553")
        (account,) = world.http.get("/simulator/bank-accounts").json["accounts"]
        assert (account["account"], sorted(account["terminals"])) == ("1000000001", sorted(TERMINALS))
        assert world.get(MONDAY, account="1000000001")["closing"] == 7


def test_each_bank_account_has_the_payouts_of_its_own(world):
    world.tell("bank-accounts", {"account": "2", "opening": 5, "from": FRIDAY, "terminals": ["2553"]}, status=409)
    world.tell("bank-accounts", {"account": ACCOUNT, "opening": 0, "from": FRIDAY, "terminals": ["PAYHUB01"]})
    world.tell("bank-accounts", {"account": "2", "opening": 5, "from": FRIDAY, "terminals": ["2553"]})
    for terminal in TERMINALS:
        world.day(FRIDAY, 100, terminal)
    closings = [world.get(MONDAY, account=account)["closing"] for account in (ACCOUNT, "2", "1000000001")]
    assert closings == [100, 105, 100]


def test_what_was_before_the_opening_is_in_it(world):
    world.day("2026-11-18", 9)
    assert world.get(FRIDAY)["opening"] == 1_000_000
    assert world.payouts()[0]["paid_on"] is None
    assert world.http.get(f"/simulator/bank-accounts/{ACCOUNT}/2026-11-19.json").status_code == 404


def test_unpaid_never_arrives(world):
    world.day(FRIDAY, 100)
    world.differ(kind="unpaid", date=FRIDAY)
    (payout,) = world.payouts()
    assert (payout["net"], payout["credited"], payout["paid_on"]) == (100, 0, None)


def test_late_arrives_so_many_days_later_and_on_a_working_day(world):
    world.day(FRIDAY, 100)
    world.differ(kind="late", date=FRIDAY, days=5)
    assert world.entries(MONDAY, "2026-11-28", "2026-11-30") == [("2026-11-30", 100)]


def test_short_lacks_an_amount(world):
    world.day(FRIDAY, 100)
    world.differ(kind="short", date=FRIDAY, amount=30)
    assert (world.payouts()[0]["net"], world.payouts()[0]["credited"]) == (100, 70)


def test_split_arrives_in_two_credits(world):
    world.day(FRIDAY, 101)
    world.day(SATURDAY, 1_000)
    world.differ(kind="split", date=FRIDAY)
    world.differ(kind="split", date=SATURDAY, amount=999)
    entries = world.get(MONDAY)["entries"]
    assert sorted(entry["amount"] for entry in entries) == [1, 50, 51, 999]
    assert sum(entry["text"].endswith("LAN 1/2") for entry in entries) == 2
    assert len({entry["reference"] for entry in entries}) == 4


def test_merged_is_one_credit_for_two_days_on_the_later_date(world):
    world.day(FRIDAY, 100)
    world.day(MONDAY, 10)
    world.differ(kind="merged", date=FRIDAY, **{"with": MONDAY})
    assert world.entries(MONDAY, TUESDAY) == [(TUESDAY, 110)]
    (entry,) = world.get(TUESDAY)["entries"]
    assert entry["payouts"] == [world.reference(FRIDAY), world.reference(MONDAY)]
    assert " ".join(entry["payouts"]) in entry["text"]
    assert [payout["credited"] for payout in world.payouts()] == [100, 10]


def test_unnamed_does_not_name_the_payout(world):
    world.day(FRIDAY, 100)
    world.differ(kind="unnamed", date=FRIDAY)
    assert world.get(MONDAY)["entries"][0]["text"] == "VNPAY CHI TRA NGAY 20/11/2026 TK PAYHUB01"


def test_returned_is_credited_and_taken_back(world):
    world.day(FRIDAY, 100)
    world.differ(kind="returned", date=FRIDAY)
    assert world.entries(MONDAY, TUESDAY) == [(MONDAY, 100), (TUESDAY, -100)]
    assert world.get(TUESDAY)["entries"][0]["text"].startswith("HOAN TRA VNPAY CHI TRA PO")
    assert (world.payouts()[0]["credited"], world.payouts()[0]["paid_on"]) == (0, MONDAY)
    assert b":61:2611241124RC100,NRTINONREF//FT" in world.get(TUESDAY, "mt940.txt")
    assert b"<RvslInd>true</RvslInd>" in world.get(TUESDAY, "camt053.xml")


def test_disagreements_of_one_payout_add_up(world):
    world.day(FRIDAY, 1_000)
    for told in (
        {"kind": "late", "days": 1},
        {"kind": "short", "amount": 10},
        {"kind": "split", "amount": 90},
        {"kind": "unnamed"},
    ):
        world.differ(date=FRIDAY, **told)
    assert sorted(world.entries(MONDAY, TUESDAY)) == [(TUESDAY, 90), (TUESDAY, 900)]
    assert "PO" not in world.get(TUESDAY)["entries"][0]["text"]


def test_foreign_money_and_charges_are_no_payouts(world):
    text = "Nguyễn Văn Đức chuyển khoản PH7K2M9QX4TB31 lệ phí"
    world.differ(kind="foreign", date=MONDAY, amount=15_000, text=text, payer="NGUYEN VAN DUC", value_on=SATURDAY)
    world.differ(kind="charge", date=MONDAY, amount=22_000)
    told = world.get(MONDAY)
    by_amount = {entry["amount"]: entry for entry in told["entries"]}
    assert by_amount.keys() == {15_000, -22_000}
    assert (by_amount[15_000]["text"], by_amount[15_000]["value_on"], by_amount[15_000]["payouts"]) == (text, SATURDAY, [])
    mt940 = world.get(MONDAY, "mt940.txt").decode()
    assert ":86:Nguyen Van Duc chuyen khoan PH7K2M9QX4TB31 le phi\r\n" in mt940
    assert re.search(r":61:2611231123D22000,NCHGNONREF//FT\d{13}\r\n:86:THU PHI QUAN LY TAI KHOAN\r\n", mt940)


def test_a_gap_is_between_one_closing_and_the_next_opening(world):
    world.differ(kind="gap", date=SATURDAY, amount=-7)
    assert [world.get(on)["opening"] for on in (FRIDAY, SATURDAY, "2026-11-22", MONDAY)] == [1_000_000, 1_000_000, 999_993, 999_993]
    assert world.get(SATURDAY)["closing"] == 1_000_000


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ({"kind": "lost", "terminal": "PAYHUB01", "date": FRIDAY}, 400),
        ({"kind": ["late"], "terminal": "PAYHUB01", "date": FRIDAY}, 400),
        ({"kind": "unpaid", "terminal": "PAYHUB02", "date": FRIDAY}, 404),
        ({"kind": "unpaid", "terminal": "PAYHUB01", "date": 20261120}, 400),
        ({"kind": "unpaid", "terminal": "PAYHUB01", "date": FRIDAY, "amount": 1}, 400),
        ({"kind": "late", "terminal": "PAYHUB01", "date": FRIDAY, "days": 0}, 400),
        ({"kind": "short", "terminal": "PAYHUB01", "date": FRIDAY}, 400),
        ({"kind": "merged", "terminal": "PAYHUB01", "date": FRIDAY, "with": "x"}, 400),
        ({"kind": "foreign", "account": ACCOUNT, "date": FRIDAY, "amount": 1, "text": "a\nb"}, 400),
        ({"kind": "foreign", "account": "1", "date": FRIDAY, "amount": 1, "text": "a"}, 404),
        ({"kind": "gap", "account": ACCOUNT, "date": FRIDAY, "amount": 0}, 400),
    ],
)
def test_what_cannot_be_planned_is_refused(world, told, status):
    world.tell("bank-disagreements", told, status=status)


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ({"account": "1-2"}, 400),
        ({"opening": "1"}, 400),
        ({"from": "today"}, 400),
        ({"bic": "x"}, 400),
        ({"terminals": ["PAYHUB02"]}, 404),
        ({"currency": "USD"}, 400),
    ],
)
def test_an_account_that_cannot_be_is_refused(world, told, status):
    world.tell("bank-accounts", {"account": "3", "opening": 0, "from": FRIDAY} | told, status=status)
