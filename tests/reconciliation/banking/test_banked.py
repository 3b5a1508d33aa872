"""A payout is banked when the bank shows it, whole; the books say so per agency, and take it back when it was not so."""

from __future__ import annotations

from datetime import date

import pytest

from reconciliation.proofs import of_payment

FRIDAY, MONDAY, TUESDAY = date(2026, 11, 20), date(2026, 11, 23), date(2026, 11, 24)
AWAITED_UNTIL = date(2026, 11, 26)
PO = "PO26112000000001"
REMAINING = [date(2026, 11, day) for day in (24, 25, 26)]
G15 = "000.00.00.G15"


def fee(desk, amount, **changes):
    return desk.row("", amount, kind="PHI_DICH_VU", transaction=f"F{amount}", **changes)


def adjustment(desk, amount):
    return desk.row("", abs(amount), kind="DIEU_CHINH_TANG" if amount > 0 else "DIEU_CHINH_GIAM", transaction=f"A{amount}")


def test_what_a_file_says_is_paid_over_is_added_up_per_payout(desk, bank, rows) -> None:
    attempt = desk.pay()
    desk.settle([desk.row_of(attempt, fee=2_200), fee(desk, 1_000), adjustment(desk, -500), adjustment(desk, 200)])
    found = rows("SELECT reference, named, lines, gross, refunds, reversals, fees, adjustments, net, due_on, awaited_until FROM gateway_payout")
    assert found == [(PO, True, 4, 200_000, 0, 0, 3_200, -300, 196_500, MONDAY, AWAITED_UNTIL)]


def test_what_is_withheld_is_booked_when_it_is_reported_and_never_lowers_what_is_owed(desk, bank, books, payouts) -> None:
    attempt = desk.pay()
    desk.settle([desk.row_of(attempt, fee=2_200), adjustment(desk, -500)])
    assert books() == {"differences": 500, "gateway_fees": 2_200, "owed": -200_000, "receivable": 197_300}
    assert books(whose=True) == {"": -2_700, G15: 200_000}
    assert payouts() == {PO: "awaited"}


@pytest.mark.parametrize("first", ["settlement", "statement"])
def test_an_entry_that_names_the_payout_and_has_its_net_banks_it(desk, bank, books, payouts, hub, first) -> None:
    attempt = desk.pay()
    steps = [
        lambda: desk.settle([desk.row_of(attempt, fee=2_200)]),
        lambda: bank.say(bank.entry(197_800, f"VNPAY CHI TRA {PO} NGAY 20/11/2026")),
    ]
    for step in steps if first == "settlement" else reversed(steps):
        step()
    assert payouts() == {PO: "banked"}
    assert books() == {"bank": 197_800, "gateway_fees": 2_200, "owed": -200_000}
    assert books(whose=True) == {}
    assert desk.disputes() == {}
    with hub.db.session() as session:
        proofs = of_payment(session, attempt.payment_id)
    assert (proofs.reported.on, proofs.reported.row, proofs.reported.file_name) == (FRIDAY, 2, "2026-11-20.csv")
    assert (proofs.banked.on, proofs.banked.payout, proofs.banked.row, proofs.banked.file_name) == (MONDAY, PO, 1, "statement.xml")


def test_a_payout_without_an_entry_is_missing_once_statements_cover_its_days(desk, bank, payouts) -> None:
    desk.settle([desk.row_of(desk.pay())])
    bank.quiet(MONDAY, TUESDAY, date(2026, 11, 25))
    assert (payouts(), desk.disputes()) == ({PO: "awaited"}, {})
    bank.quiet(AWAITED_UNTIL)
    assert (payouts(), desk.disputes()) == ({PO: "missing"}, {f"payout_missing payout/{PO}": 200_000})
    bank.say(bank.entry(200_000, PO, on=date(2026, 12, 1)), on=date(2026, 12, 1))
    assert (payouts(), desk.disputes()) == ({PO: "banked"}, {})


def test_a_gap_hides_what_may_stand_in_it(desk, bank, payouts) -> None:
    desk.settle([desk.row_of(desk.pay())])
    bank.quiet(MONDAY)
    bank.say(on=date(2026, 11, 25), opening=1_200_000)
    bank.quiet(AWAITED_UNTIL)
    assert payouts() == {PO: "awaited"}
    assert list(desk.disputes()) == ["statement_gap thu-ho/statement/2026-11-25"]
    bank.balance = 1_000_000
    bank.say(bank.entry(200_000, PO, on=TUESDAY), on=TUESDAY)
    assert (payouts(), desk.disputes()) == ({PO: "banked"}, {})


@pytest.mark.parametrize(
    ("told", "stake"),
    [
        ([(150_000, f"CHI TRA {PO}")], 50_000),
        ([(120_000, f"CHI TRA {PO} LAN 1/2"), (80_000, f"CHI TRA {PO} LAN 2/2")], 200_000),
        ([(250_000, f"CHI TRA {PO} PO26112300000009")], 50_000),
        ([(200_000, f"CHI TRA {PO}"), (-200_000, f"HOAN TRA {PO}")], 200_000),
        ([(200_000, f"CHI TRA {PO}"), (200_000, f"CHI TRA {PO}")], 200_000),
    ],
)  # fmt: skip
def test_what_does_not_arrive_whole_and_once_is_not_banked(desk, bank, books, payouts, told, stake) -> None:
    desk.settle([desk.row_of(desk.pay())])
    bank.say(*(bank.entry(amount, text) for amount, text in told))
    assert payouts() == {PO: "differs"}
    assert desk.disputes() == {f"banked_differs payout/{PO}": stake}
    assert "bank" not in books()


def test_a_payout_that_is_taken_back_and_paid_again_is_banked_by_the_last(desk, bank, books, payouts, rows) -> None:
    desk.settle([desk.row_of(desk.pay())])
    bank.say(bank.entry(200_000, PO))
    bank.say(bank.entry(-200_000, f"HOAN TRA {PO}", on=TUESDAY), on=TUESDAY)
    assert (payouts(), books()) == ({PO: "differs"}, {"owed": -200_000, "receivable": 200_000})
    assert rows("SELECT business_on, amount FROM posting WHERE account = 'bank' ORDER BY id") == [(MONDAY, 200_000), (TUESDAY, -200_000)]
    bank.say(bank.entry(200_000, PO, on=date(2026, 11, 25)), on=date(2026, 11, 25))
    assert (payouts(), desk.disputes()) == ({PO: "banked"}, {})
    assert books(whose=True) == {}


def test_two_payouts_in_one_credit_are_neither(desk, bank, payouts) -> None:
    desk.settle([desk.row_of(desk.pay())])
    desk.payout = "PO26112300000009"
    desk.settle([desk.row_of(desk.pay(on=MONDAY), on=MONDAY)], on=MONDAY)
    bank.say(bank.entry(400_000, f"{PO} {desk.payout}", on=TUESDAY), on=TUESDAY)
    assert set(payouts().values()) == {"differs"}
    assert set(desk.disputes().values()) == {200_000}


def test_the_only_entry_of_its_amount_and_days_is_suggested_and_never_applied(desk, bank, payouts, books, rows) -> None:
    desk.settle([desk.row_of(desk.pay())])
    bank.say(bank.entry(200_000, "CHI TRA NGAY 20/11/2026"))
    assert payouts() == {PO: "awaited"}
    assert rows("SELECT suggested_entry_id IS NOT NULL FROM payout_state") == [(True,)]
    assert "bank" not in books()
    bank.quiet(*REMAINING)
    assert desk.disputes() == {f"payout_missing payout/{PO}": 200_000}


def test_with_a_mark_in_the_terms_the_only_entry_is_enough(desk, bank, payouts, terms) -> None:
    terms(payout_text="VNPAY CHI TRA")
    desk.settle([desk.row_of(desk.pay())])
    bank.say(bank.entry(200_000, "VNPAY  CHI-TRA NGAY 20/11/2026"))
    assert payouts() == {PO: "banked"}
    bank.say(bank.entry(200_000, "VNPAY CHI TRA", on=TUESDAY), on=TUESDAY)
    assert payouts() == {PO: "awaited"}, "two of its amount are none"


@pytest.mark.parametrize("booked", [date(2026, 11, 21), date(2026, 11, 27)])
def test_an_entry_of_other_days_is_not_suggested(desk, bank, rows, booked) -> None:
    desk.settle([desk.row_of(desk.pay())])
    bank.say(bank.entry(200_000, "CHI TRA", on=booked), on=booked)
    assert rows("SELECT suggested_entry_id FROM payout_state") == [(None,)]


def test_a_file_that_names_no_payout_is_paid_over_as_its_days(desk, bank, payouts, terms, hub) -> None:
    terms(payout_text="VNPAY")
    desk.payout = ""
    desk.settle([desk.row_of(desk.pay())])
    bank.say(bank.entry(200_000, "VNPAY CHI TRA"))
    assert payouts() == {"day 2026-11-20": "banked"}


def test_a_payout_of_nothing_needs_no_entry(desk, bank, payouts, books) -> None:
    attempt = desk.pay()
    desk.settle([desk.row_of(attempt), adjustment(desk, -200_000)])
    assert payouts() == {PO: "banked"}
    assert books() == {"differences": 200_000, "owed": -200_000}


def test_what_the_hub_cannot_attribute_is_banked_for_nobody(desk, bank, books) -> None:
    desk.settle([desk.row_of(desk.pay()), desk.row("NOBODYS", 70_000)])
    bank.say(bank.entry(270_000, PO))
    assert books() == {"bank": 270_000, "owed": -200_000, "receivable": -70_000}
    assert books(whose=True) == {"": -70_000}


def test_a_late_callback_moves_what_was_nobodys_to_its_agency(desk, bank, books) -> None:
    attempt = desk.pay(outcome=None)
    desk.settle([desk.row(attempt.reference, 200_000)])
    bank.say(bank.entry(200_000, PO))
    assert books(whose=True) == {"": -200_000}
    from gateways.base import Outcome

    desk.say(attempt, Outcome.SUCCEEDED)
    assert desk.learn() == 1
    assert books(whose=True) == {}
    assert books() == {"bank": 200_000, "owed": -200_000}


def test_a_file_that_takes_the_place_of_another_takes_its_payouts_with_it(desk, bank, books, payouts) -> None:
    first, second = desk.pay(), desk.pay()
    desk.settle([desk.row_of(first, fee=1_000)])
    bank.say(bank.entry(199_000, PO))
    assert books()["bank"] == 199_000
    desk.payout = "PO26112000000002"
    desk.settle([desk.row_of(first, fee=1_000), desk.row_of(second, fee=1_000)])
    assert payouts() == {PO: "withdrawn", desk.payout: "awaited"}
    assert books() == {"gateway_fees": 2_000, "owed": -400_000, "receivable": 398_000}
    bank.say(bank.entry(398_000, "PO261120 00000002", on=TUESDAY), on=TUESDAY)
    assert books() == {"bank": 398_000, "gateway_fees": 2_000, "owed": -400_000}


def test_refunds_leave_each_agency_what_is_its_own(desk, bank, books, treasury, pay, payouts) -> None:
    payment = pay()
    given = treasury.give(payment, 50_000)
    assert given.state == "accepted"
    day = given.on
    from sqlalchemy import select

    from payhub.payments.models import Attempt

    with desk.hub.db.session() as session:
        attempt = session.scalars(select(Attempt)).one()
    desk.settle([desk.row_of(attempt, transaction=attempt.gateway_transaction), desk.refund_row(given)], on=day)
    bank.say(bank.entry(150_000, PO))
    assert payouts() == {PO: "banked"}
    assert books(whose=True) == {}
    assert books() == {"bank": 150_000, "owed": -150_000}


def test_money_that_goes_straight_to_an_agency_is_not_banked_here(desk, bank, books, payouts, rewrite) -> None:
    rewrite("UPDATE gateway_account SET settlement = 'direct', owner_agency_id = (SELECT id FROM agency WHERE code = '000.00.00.G15')")
    desk.settle([desk.row_of(desk.pay(), fee=2_200)])
    bank.say(bank.entry(197_800, PO))
    assert payouts() == {}
    assert books() == {"owed": -200_000, "receivable": 200_000}


def test_running_again_and_the_same_statement_again_write_nothing(desk, bank) -> None:
    imported = desk.settle([desk.row_of(desk.pay(), fee=2_200)])
    body = bank.write(bank.entry(197_800, PO))
    assert not bank.take(body).already
    tables = ("journal", "posting", "payout_state", "bank_entry", "statement", "statement_line", "payout_naming", "discrepancy")
    before = desk.rows(*tables)
    assert bank.take(body).already
    desk.again(imported)
    assert desk.rows(*tables) == before


def test_what_is_banked_on_a_shut_day_counts_on_the_next(desk, bank, hub, clock, rows) -> None:
    from payhub.ledger import days

    desk.settle([desk.row_of(desk.pay())])
    clock.pass_(days=6)
    with hub.db.session() as session:
        for day in (FRIDAY, MONDAY):
            days.shut(session, day, "test", hub.clock.now())
    bank.say(bank.entry(200_000, PO))
    assert rows("SELECT DISTINCT cohort_on, business_on FROM journal WHERE fact = 'banked'") == [(MONDAY, TUESDAY)]
