"""What a gateway withheld of each payment is held against its tariff."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.simulator.terms import Tariff


@pytest.mark.parametrize(
    ("tariff", "fee"),
    [
        ({"fee_bp": 110}, 2_200),
        ({"fee_bp": 110, "fee_fixed": 1_000}, 3_200),
        ({"fee_fixed": 1_760}, 1_760),
        ({"fee_bp": 1, "fee_minimum": 500}, 500),
        ({"fee_bp": 110, "fee_maximum": 2_000}, 2_000),
        ({"fee_bp": 0}, 0),
    ],
)
def test_a_fee_of_the_tariff_is_right_and_any_other_is_told_with_both(desk, bank, terms, rows, tariff, fee) -> None:
    terms(**tariff)
    right, wrong = desk.pay(), desk.pay()
    desk.settle([desk.row_of(right, fee=fee), desk.row_of(wrong, fee=fee + 7)])
    assert desk.disputes() == {f"fee_differs payment/{wrong.reference}": 7}
    assert rows("SELECT evidence - 'reference', payment_id FROM discrepancy") == [
        ({"amount": 200_000, "fee": fee + 7, "tariff": fee, "terms": "2020-01-01"}, wrong.payment_id)
    ]
    desk.settle([desk.row_of(right, fee=fee), desk.row_of(wrong, fee=fee)])
    assert desk.disputes() == {}


def test_without_a_tariff_nothing_is_checked(desk, bank) -> None:
    desk.settle([desk.row_of(desk.pay(), fee=199_999)])
    assert desk.disputes() == {}


def test_only_lines_of_matched_payments_are_checked(desk, bank, terms) -> None:
    terms(fee_bp=110)
    desk.settle([desk.row("NOBODYS", 70_000, fee=1), desk.row_of(desk.pay(), amount=199_000, fee=1)])
    assert {what.split()[0] for what in desk.disputes()} == {"missing_at_hub", "amount_differs"}


def test_the_tariff_is_that_of_the_day_on_which_the_gateway_took_the_money(desk, bank, terms, rewrite) -> None:
    terms(fee_bp=110)
    rewrite(
        "INSERT INTO gateway_terms SELECT gateway_account_id, '2026-11-21', cut_off, calendar, grace_days, proven, source, payout_days, "
        "payout_tolerance, payout_text, 200, fee_fixed, fee_minimum, fee_maximum, fee_bearer FROM gateway_terms"
    )
    before, after = desk.pay(), desk.pay(on=date(2026, 11, 21))
    desk.settle([desk.row_of(before, fee=2_200), desk.row_of(after, fee=4_000, on=date(2026, 11, 21))])
    assert desk.disputes() == {}


@given(st.integers(1, 10**15), st.integers(0, 10_000))
def test_the_share_is_rounded_half_up_in_parts_that_stay_within_64_bits(amount, bp) -> None:
    parts = amount // 10_000 * bp + (amount % 10_000 * bp + 5_000) // 10_000
    assert parts == Tariff(basis_points=bp).fee(amount)
    assert parts < 2**63
