"""What a fee costs: laws that hold of any schedule, each checked against a reckoning in exact fractions."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import ceil, floor
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from payhub.errors import FieldProblem
from payhub.fees.models import Fee, FeeTier, Relief
from payhub.fees.pricing import Asked, Priced, price
from payhub.money import MAX_AMOUNT

MOST_QUANTITY = 10**6
values = st.integers(1, MAX_AMOUNT)
quantities = st.integers(1, MOST_QUANTITY)
rates = st.integers(0, 10_000)
units = st.sampled_from([1, 10, 500, 1_000, 10_000])
ways = st.sampled_from(["half_up", "up", "down"])


def fee(rule: str, **figures: Any) -> Fee:
    names = ("amount", "minimum", "maximum", "basis_points", "round_to", "rounding", "tiering", "measure")
    return Fee(code="F", kind="phi", rule=rule, **{name: figures.get(name) for name in names})


def tiers(*steps: tuple[int, int], rate: bool = False) -> list[FeeTier]:
    name = "basis_points" if rate else "amount"
    return [FeeTier(above=above, **{"amount": None, "basis_points": None, name: figure}) for above, figure in steps]


def cost(of: Fee, steps: Any = (), relief: Relief | None = None, **asked: Any) -> int:
    priced = price(of, steps, relief, Asked(**asked))
    assert isinstance(priced, Priced), priced
    return priced.amount


def refused(of: Fee, steps: Any = (), relief: Relief | None = None, **asked: Any) -> tuple[str, str]:
    problem = price(of, steps, relief, Asked(**asked))
    assert isinstance(problem, FieldProblem), problem
    assert problem.text.vi
    assert problem.text.en
    return problem.pointer, problem.code


def rounded(exact: Fraction, unit: int, way: str) -> int:
    parts = exact / unit
    return {"half_up": floor(parts + Fraction(1, 2)), "up": ceil(parts), "down": floor(parts)}[way] * unit


@st.composite
def scales(draw: Any, most: int, figures: Any) -> list[tuple[int, int]]:
    """Tiers from zero up."""
    starts = draw(st.sets(st.integers(1, most), max_size=6))
    return [(above, draw(figures)) for above in [0, *sorted(starts)]]


@given(st.integers(1, 10**9), quantities)
def test_a_fee_by_unit_costs_so_many_times_its_amount(amount: int, quantity: int) -> None:
    assert cost(fee("per_unit", amount=amount), quantity=quantity) == amount * quantity


@given(values, st.integers(1, 10_000), units, ways)
@example(25_000_000, 200, 1_000, "half_up")
def test_a_part_of_a_value_is_exact_and_rounded_once(value: int, bp: int, unit: int, way: str) -> None:
    of = fee("ad_valorem", basis_points=bp, round_to=unit, rounding=way)
    exact = rounded(Fraction(value * bp, 10_000), unit, way)
    if exact == 0:
        assert refused(of, declared_value=value) == ("/declared_value", "amount_is_zero")
    elif exact > MAX_AMOUNT:
        assert refused(of, declared_value=value) == ("/declared_value", "amount_too_large")
    else:
        assert cost(of, declared_value=value) == exact


@given(values, st.integers(1, 10_000), units, ways, st.integers(1, 10**12), st.integers(0, 10**12))
def test_floor_and_cap_hold_whatever_the_unit(value: int, bp: int, unit: int, way: str, least: int, more: int) -> None:
    of = fee("ad_valorem", basis_points=bp, round_to=unit, rounding=way, minimum=least, maximum=least + more)
    assert least <= cost(of, declared_value=value) <= least + more


@given(values, values, st.integers(1, 10_000), units, ways)
def test_more_value_never_costs_less(one: int, other: int, bp: int, unit: int, way: str) -> None:
    of = fee("ad_valorem", basis_points=bp, round_to=unit, rounding=way, minimum=1, maximum=MAX_AMOUNT)
    less, more = sorted((one, other))
    assert cost(of, declared_value=less) <= cost(of, declared_value=more)


@given(scales(10**12, st.integers(1, 10**9)), values)
def test_a_slab_costs_what_the_tier_that_is_reached_says(steps: list[tuple[int, int]], value: int) -> None:
    of = fee("tiered", tiering="slab", measure="value")
    assert cost(of, tiers(*steps), declared_value=value) == [amount for above, amount in steps if above < value][-1]


def test_the_end_of_a_slab_belongs_to_it() -> None:
    of, steps = fee("tiered", tiering="slab", measure="quantity"), tiers((0, 500), (100, 800))
    assert [cost(of, steps, quantity=quantity) for quantity in (1, 100, 101)] == [500, 500, 800]


@given(scales(10**12, rates), values, units, ways)
def test_marginal_rates_of_a_value_are_the_sum_of_its_parts(steps: list[tuple[int, int]], value: int, unit: int, way: str) -> None:
    of = fee("tiered", tiering="marginal", measure="value", round_to=unit, rounding=way, minimum=1, maximum=MAX_AMOUNT)
    ends = [*(end for (_, _), (end, _) in pairwise(steps)), MAX_AMOUNT]
    exact = sum(
        Fraction((min(value, end) - above) * bp, 10_000) for (above, bp), end in zip(steps, ends, strict=True) if value > above
    )
    assert cost(of, tiers(*steps, rate=True), declared_value=value) == max(1, rounded(Fraction(exact), unit, way))


@given(scales(500, st.integers(0, 10**6)), st.integers(1, 1_000))
def test_marginal_amounts_of_a_quantity_are_the_sum_over_its_units(steps: list[tuple[int, int]], quantity: int) -> None:
    of = fee("tiered", tiering="marginal", measure="quantity", minimum=1)
    whole = sum([amount for above, amount in steps if above < unit][-1] for unit in range(1, quantity + 1))
    assert cost(of, tiers(*steps), quantity=quantity) == max(1, whole)


@given(scales(10**12, rates), values, values)
def test_a_larger_value_never_costs_less_at_the_margin(steps: list[tuple[int, int]], one: int, other: int) -> None:
    of = fee("tiered", tiering="marginal", measure="value", round_to=1, rounding="half_up", minimum=1)
    less, more = sorted((one, other))
    assert cost(of, tiers(*steps, rate=True), declared_value=less) <= cost(of, tiers(*steps, rate=True), declared_value=more)


def reduction(**off: Any) -> Relief:
    return Relief(code="R", kind="reduction", **{"basis_points": None, "amount": None, **off})


EXEMPTION = Relief(code="E", kind="exemption", basis_points=10_000, amount=None)


@given(st.one_of(values, st.integers(1, 10_000)), st.integers(1, 9_999))
@example(1, 5_000)
def test_a_reduction_leaves_something_and_takes_no_more_than_its_part(full: int, bp: int) -> None:
    priced = price(fee("fixed", amount=full), (), reduction(basis_points=bp), Asked())
    if full * bp < 10_000:
        assert isinstance(priced, FieldProblem)
        assert (priced.pointer, priced.code) == ("/relief", "relief_takes_nothing")
        return
    assert isinstance(priced, Priced), priced
    assert priced.full_amount == full
    assert full > priced.amount == ceil(full - Fraction(full * bp, 10_000)) > 0


@given(st.integers(1, 10**9), st.integers(1, 10**9))
def test_a_fixed_reduction_is_taken_off_whole_or_refused(full: int, off: int) -> None:
    if off < full:
        assert cost(fee("fixed", amount=full), (), reduction(amount=off)) == full - off
    else:
        assert refused(fee("fixed", amount=full), (), reduction(amount=off)) == ("/relief", "relief_exceeds_amount")


@given(values)
def test_an_exemption_leaves_nothing_and_remembers_the_price(full: int) -> None:
    assert price(fee("fixed", amount=full), (), EXEMPTION, Asked(amount=0)) == Priced(full, 0)


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.integers(1, 10**6))
def test_a_range_takes_every_amount_within_it_and_no_other(least: int, more: int, amount: int) -> None:
    of = fee("range", minimum=least, maximum=least + more)
    if least <= amount <= least + more:
        assert cost(of, amount=amount) == amount
    else:
        assert refused(of, amount=amount) == ("/amount", "amount_not_in_schedule")


FIXED = fee("fixed", amount=200_000)
UNIT = fee("per_unit", amount=2_000)
RANGE = fee("range", minimum=1_000, maximum=9_000)
FREE = fee("free")
TRUCK = fee("ad_valorem", basis_points=200, round_to=1_000, rounding="half_up", maximum=500_000_000)
SLAB = fee("tiered", tiering="slab", measure="quantity")
HALF = reduction(basis_points=5_000)


@pytest.mark.parametrize(
    ("of", "relief", "asked", "field", "code"),
    [
        (FIXED, None, {"amount": 199_999}, "amount", "amount_not_in_schedule"),
        (FIXED, None, {"full_amount": 199_999}, "full_amount", "amount_not_in_schedule"),
        (FIXED, HALF, {"amount": 200_000}, "amount", "amount_not_in_schedule"),
        (FIXED, EXEMPTION, {"amount": 1}, "amount", "amount_not_in_schedule"),
        (FIXED, None, {"amount": 0}, "amount", "amount_not_in_schedule"),
        (FIXED, None, {"quantity": 1}, "quantity", "quantity_not_used"),
        (FIXED, None, {"declared_value": 1}, "declared_value", "declared_value_not_used"),
        (FIXED, None, {"reason": "why"}, "reason", "reason_not_used"),
        (UNIT, None, {}, "quantity", "quantity_missing"),
        (UNIT, None, {"quantity": 2, "declared_value": 5}, "declared_value", "declared_value_not_used"),
        (RANGE, None, {}, "amount", "amount_missing"),
        (RANGE, HALF, {"amount": 1_000}, "full_amount", "full_amount_missing"),
        (RANGE, HALF, {"full_amount": 9_001}, "full_amount", "amount_not_in_schedule"),
        (RANGE, HALF, {"full_amount": 9_000, "amount": 9_000}, "amount", "amount_not_in_schedule"),
        (FREE, None, {"amount": 5}, "reason", "reason_missing"),
        (FREE, None, {"reason": "notice 5"}, "amount", "amount_missing"),
        (FREE, None, {"reason": "notice 5", "amount": 0}, "amount", "amount_not_in_schedule"),
        (TRUCK, None, {}, "declared_value", "declared_value_missing"),
        (TRUCK, None, {"declared_value": 24_999}, "declared_value", "amount_is_zero"),
        (TRUCK, None, {"declared_value": 10**9, "quantity": 1}, "quantity", "quantity_not_used"),
        (fee("per_unit", amount=MAX_AMOUNT), None, {"quantity": 2}, "quantity", "amount_too_large"),
        (SLAB, None, {"quantity": 1}, "fee", "fee_without_tiers"),
    ],
)
def test_what_stands_against_a_line_is_named_by_its_field(of, relief, asked, field, code) -> None:
    assert refused(of, (), relief, **asked) == (f"/{field}", code)


@pytest.mark.parametrize(
    ("value", "amount"),
    [(25_000, 1_000), (350_000_000, 7_000_000), (350_024_999, 7_000_000), (350_025_000, 7_001_000), (10**15, 500_000_000)],
)
def test_the_truck_of_the_manual(value: int, amount: int) -> None:
    assert cost(TRUCK, declared_value=value) == amount
    assert cost(TRUCK, declared_value=value, amount=amount) == amount


def test_a_range_or_a_free_amount_may_be_reduced_from_what_it_was() -> None:
    assert price(RANGE, (), HALF, Asked(full_amount=9_000, amount=4_500)) == Priced(9_000, 4_500)
    assert price(FREE, (), EXEMPTION, Asked(full_amount=9_000, reason="notice 5")) == Priced(9_000, 0)
    assert price(FREE, (), None, Asked(full_amount=9_000, reason="notice 5")) == Priced(9_000, 9_000)
