"""Money and treasury days."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payhub.accounts.calendar import NoTerms, cohort_day
from payhub.clock import LOCAL
from payhub.money import CurrencyMismatch, Money, format_amount, share


def test_currencies_do_not_mix() -> None:
    with pytest.raises(CurrencyMismatch):
        Money(1, "VND") + Money(1, "USD")
    assert Money(3) - Money(1) == Money(2)
    assert str(Money(1_234_567)) == "1.234.567 VND"


@given(st.integers(0, 10**15), st.integers(0, 10_000))
def test_a_share_never_exceeds_the_whole_and_loses_less_than_one(amount: int, basis_points: int) -> None:
    part = share(amount, basis_points)
    assert 0 <= part <= amount
    assert part * 10_000 <= amount * basis_points < (part + 1) * 10_000


@given(st.integers(0, 10**15))
def test_an_amount_reads_back(amount: int) -> None:
    assert int(format_amount(amount).replace(".", "")) == amount


@pytest.mark.parametrize(
    ("local", "day"),
    [
        ("2026-11-20T15:59:59", date(2026, 11, 20)),
        ("2026-11-20T16:00:00", date(2026, 11, 23)),
        ("2026-11-21T09:00:00", date(2026, 11, 23)),
        ("2026-11-23T00:00:00", date(2026, 11, 23)),
        ("2026-09-01T17:00:00", date(2026, 9, 3)),
    ],
)
def test_a_treasury_day_ends_at_the_cut_off_and_skips_days_off(hub, local: str, day: date) -> None:
    account = hub.registers.gateway_accounts["vnpay-main"]
    instant = datetime.fromisoformat(local).replace(tzinfo=LOCAL).astimezone(UTC)
    assert cohort_day(hub.registers, account, instant) == day


def test_an_account_without_terms_is_an_error_not_a_guess(hub) -> None:
    account = hub.registers.gateway_accounts["vnpay-main"]
    with pytest.raises(NoTerms):
        cohort_day(hub.registers, account, datetime(2019, 1, 1, tzinfo=UTC))
