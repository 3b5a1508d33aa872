"""People say which entries are which payouts; it is a row among the others, and holds as long as they say nothing else."""

from __future__ import annotations

from datetime import date

import pytest

from reconciliation import telling

FRIDAY, MONDAY, TUESDAY, WEDNESDAY = date(2026, 11, 20), date(2026, 11, 23), date(2026, 11, 24), date(2026, 11, 25)
REMAINING = [date(2026, 11, day) for day in (24, 25, 26)]
PO, LATER = "PO26112000000001", "PO26112300000009"
HALVES = ((120_000, f"CHI TRA {PO} LAN 1/2"), (80_000, f"CHI TRA {PO} LAN 2/2"))


@pytest.fixture
def split(desk, bank) -> None:
    """A payout that came in two halves."""
    desk.settle([desk.row_of(desk.pay())])
    bank.say(*(bank.entry(amount, text) for amount, text in HALVES))


def test_a_split_payout_is_banked_once_two_people_say_so(split, office, desk, bank, payouts, books, rows) -> None:
    assert (payouts(), desk.disputes()) == ({PO: "differs"}, {f"banked_differs payout/{PO}": 200_000})
    assert office.agree(office.match(office.entries(120_000, 80_000))) == "executed"
    assert (payouts(), desk.disputes()) == ({PO: "banked"}, {})
    assert books() == {"bank": 200_000, "owed": -200_000}
    assert rows("SELECT state FROM bank_entry") == [("banked",), ("banked",)]
    # Whatever is decided anew decides the same.
    bank.quiet(TUESDAY)
    desk.settle([desk.row_of(desk.pay(on=MONDAY), on=MONDAY, payout=LATER)], on=MONDAY)
    assert payouts() == {PO: "banked", LATER: "awaited"}


def test_it_can_be_taken_back_by_two_people(split, office, desk, payouts, books, rows) -> None:
    office.agree(office.match(office.entries(120_000, 80_000)))
    assert office.agree(office.unmatch()) == "executed"
    assert (payouts(), desk.disputes()) == ({PO: "differs"}, {f"banked_differs payout/{PO}": 200_000})
    assert books() == {"owed": -200_000, "receivable": 200_000}
    assert rows("SELECT DISTINCT state FROM bank_entry") == [("open",)]
    assert office.unmatch().json["code"] == "nothing_agreed"
    assert office.agree(office.match(office.entries(120_000, 80_000))) == "executed"
    assert payouts() == {PO: "banked"}


def test_a_suggestion_is_accepted_before_anything_is_missing(desk, bank, office, payouts) -> None:
    desk.settle([desk.row_of(desk.pay())])
    bank.say(bank.entry(200_000, "KHONG RO"), bank.entry(7, "LAI"))
    assert payouts() == {PO: "awaited"}
    assert office.agree(office.match(office.entries(200_000))) == "executed"
    bank.quiet(*REMAINING)
    assert (payouts(), desk.disputes()) == ({PO: "banked"}, {})


def test_one_entry_of_two_payouts_is_both(desk, bank, office, payouts, books, client, keys) -> None:
    desk.settle([desk.row_of(desk.pay())])
    desk.settle([desk.row_of(desk.pay(on=MONDAY), on=MONDAY, payout=LATER)], on=MONDAY)
    bank.say(bank.entry(400_000, f"{PO} {LATER}", on=TUESDAY), on=TUESDAY)
    assert payouts() == {PO: "differs", LATER: "differs"}
    assert office.agree(office.match(office.entries(400_000), office.payout(LATER))) == "executed"
    assert (payouts(), desk.disputes()) == ({PO: "banked", LATER: "banked"}, {})
    assert books() == {"bank": 400_000, "owed": -400_000}
    [entry] = client.get("/v1/bank-entries?state=banked", headers={"Authorization": f"Bearer {keys['kbnn']}"}).json["data"]
    assert entry["payout"] == {"account": "vnpay-main", "reference": PO}
    shown = client.get("/v1/payouts", headers={"Authorization": f"Bearer {keys['kbnn']}"}).json["data"]
    assert {(each["banked_on"], each["entry"]) for each in shown} == {("2026-11-24", None)}
    assert all(each["agreed_by"].startswith("prp_test_") for each in shown)


def test_what_the_bank_says_later_counts_more(split, office, desk, bank, payouts, books) -> None:
    office.agree(office.match(office.entries(120_000, 80_000)))
    bank.say(bank.entry(-200_000, f"HOAN TRA {PO}", on=TUESDAY), on=TUESDAY)
    assert (payouts(), desk.disputes()) == ({PO: "differs"}, {f"banked_differs payout/{PO}": 200_000})
    assert "bank" not in books()
    bank.say(bank.entry(200_000, f"CHI TRA {PO} LAI", on=WEDNESDAY), on=WEDNESDAY)
    assert payouts() == {PO: "banked"}, "what was returned and what came again cancel out"


def test_what_the_file_says_later_counts_more(split, office, desk, payouts) -> None:
    office.agree(office.match(office.entries(120_000, 80_000)))
    desk.settle([desk.row_of(desk.pay()), desk.row("NOBODYS", 9_000)])
    assert payouts() == {PO: "differs"}


def test_entries_that_do_not_count_any_more_are_no_payout(split, office, bank, payouts) -> None:
    office.agree(office.match(office.entries(120_000, 80_000)))
    bank.take(bank.write(bank.entry(200_000, "KHAC"), opening=1_000_000))
    assert payouts() == {PO: "awaited"}


@pytest.mark.parametrize(
    ("entries", "pointer", "code"),
    [
        (lambda office: office.entries(120_000), "/entries", "amounts_differ"),
        (lambda office: ["bke_test_0"], "/entries", "unknown"),
        (lambda office: [], "/entries", "invalid"),
    ],
)
def test_what_cannot_be_is_not_proposed(split, office, desk, entries, pointer, code) -> None:
    answer = office.match(entries(office))
    assert answer.status_code == 422, answer.text
    assert (answer.json["errors"][0]["pointer"], answer.json["errors"][0]["code"]) == (pointer, code)
    assert desk.disputes() == {f"banked_differs payout/{PO}": 200_000}


def test_what_is_a_payout_already_is_no_other(split, office, desk, bank) -> None:
    halves = office.entries(120_000, 80_000)
    office.agree(office.match(halves))
    desk.settle([desk.row_of(desk.pay(on=MONDAY), on=MONDAY, payout=LATER)], on=MONDAY)
    codes = {each["code"] for each in office.match(halves, payout=office.payout(LATER)).json["errors"]}
    assert codes == {"entry_not_open"}
    assert {each["code"] for each in office.match(halves).json["errors"]} == {"entry_not_open", "payout_not_awaited"}


def test_a_proposal_is_void_once_the_bank_has_said_something_else(split, office, bank, payouts) -> None:
    proposed = office.match(office.entries(120_000, 80_000))
    bank.take(bank.write(bank.entry(200_000, f"CHI TRA {PO}"), opening=1_000_000))
    assert office.agree(proposed) == "proposal_void"
    assert payouts() == {PO: "banked"}


def test_the_workbench_suggests_it_and_the_discrepancy_waits_for_it(split, office, client, lan, desk) -> None:
    [found] = lan.get(client, "/v1/staff/discrepancies?kind=banked_differs").json["data"]
    shown = lan.get(client, f"/v1/staff/discrepancies/{found['id']}").json
    [suggestion] = [each for each in shown["suggestions"] if each["act"] == "match"]
    assert ("match" in shown["acts"], sorted(suggestion["with"]["entries"])) == (True, sorted(office.entries(120_000, 80_000)))
    proposed = lan.post(client, f"/v1/staff/discrepancies/{found['id']}/match", suggestion["with"])
    assert (proposed.status_code, proposed.json["state"]) == (201, "proposed")
    assert office.match(office.entries(120_000, 80_000)).json["code"] in {"already_proposed", "discrepancy_proposed"}
    assert office.agree(proposed) == "executed"
    assert lan.get(client, f"/v1/staff/discrepancies/{found['id']}").json["state"] == "resolved"
    assert desk.disputes() == {}


def test_a_merged_payout_is_suggested_with_what_came_beside_it(desk, bank, office, client, lan) -> None:
    desk.settle([desk.row_of(desk.pay())])
    desk.settle([desk.row_of(desk.pay(on=MONDAY), on=MONDAY, payout=LATER)], on=MONDAY)
    bank.say(bank.entry(400_000, f"{PO} {LATER}", on=TUESDAY), on=TUESDAY)
    for each in lan.get(client, "/v1/staff/discrepancies?kind=banked_differs").json["data"]:
        [suggestion] = lan.get(client, f"/v1/staff/discrepancies/{each['id']}").json["suggestions"]
        other = office.payout(LATER if each["key"].endswith(PO) else PO)
        assert suggestion["with"] == {"entries": office.entries(400_000), "payouts": [other]}


def test_only_a_clerk_proposes_it(split, office, client, minh) -> None:
    answer = minh.post(client, f"/v1/staff/payouts/{office.payout()}/match", {"entries": office.entries(120_000, 80_000)})
    assert (answer.status_code, answer.json["code"]) == (403, "role_missing")


def test_a_portal_that_subscribes_is_told_of_what_people_agreed(desk, bank, office, rewrite, hub, rows) -> None:
    rewrite("UPDATE portal SET told_proofs = true")
    desk.settle([desk.row_of(desk.pay())])
    bank.say(*(bank.entry(amount, text) for amount, text in HALVES))
    office.agree(office.match(office.entries(120_000, 80_000)))
    telling.tell_due(hub)
    assert rows("SELECT data ->> 'banked_on' FROM event WHERE type = 'payment.banked'") == [("2026-11-23",)]
