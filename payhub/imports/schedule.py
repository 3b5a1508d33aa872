"""The fee schedule as registers: fees, their tiers, reliefs, and what agencies retain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from payhub.errors import Text
from payhub.fees.models import Fee, FeeTier, Relief, Retention
from payhub.imports.kinds import AGENCY, AMOUNT, BASIS_POINTS, DAY, FEE, FEE_KIND, code, one_of, text, whole
from payhub.imports.problems import Problem
from payhub.imports.specs import Column, Look, Register, Row, Slip

BEGINS = Column("valid_from", DAY, "first day it holds")
ENDS = Column("valid_to", DAY, "first day it no longer holds; empty where none is known", required=False)
_FIGURES = ("amount", "minimum", "maximum", "basis_points", "round_to", "rounding", "tiering", "measure")
_NEEDS = {
    "fixed": ("amount",),
    "per_unit": ("amount",),
    "range": ("minimum", "maximum"),
    "free": (),
    "ad_valorem": ("basis_points", "round_to", "rounding"),
    "tiered": ("tiering", "measure"),
    "tiered marginal by value": ("tiering", "measure", "round_to", "rounding"),
}
_MAY = {"ad_valorem": ("minimum", "maximum"), "tiered": ("minimum", "maximum")}


def _fee_slips(row: Row) -> Iterator[Slip]:
    """Say which figures a rule needs and which it has no use for."""
    by_value = row.rule == "tiered" and (row.tiering, row.measure) == ("marginal", "value")
    needs = _NEEDS["tiered marginal by value" if by_value else row.rule]
    for name in _FIGURES:
        given = getattr(row, name) is not None
        if name in needs and not given:
            yield name, "needed", row.rule
        if given and name not in needs and name not in _MAY.get(row.rule, ()):
            yield name, "not_used", row.rule
    if row.minimum is not None and row.maximum is not None and row.minimum > row.maximum:
        yield "minimum", "least_above_most"


def _fee_checks(look: Look) -> Iterator[Problem]:
    """Find fees of which a part is retained although they would be no phí, and those that their tiers would no longer fit."""
    for line, row in look.touched:
        tiers = look.other("tiers").get((row.code, row.valid_from), ())
        if tiers and (row.rule != "tiered" or any(getattr(tier, _tier_figures(row)[0]) is None for tier in tiers)):
            yield Problem(line, "rule", "has_tiers", (row.valid_from,))
        if row.kind == "phi":
            continue
        for retained in look.other("retentions").get((row.code,), ()):
            if _meet(row, retained):
                yield Problem(line, "kind", "retained", (retained.agency,))


def _retention_checks(look: Look) -> Iterator[Problem]:
    """Find what is retained of fees that are no phí."""
    for line, row in look.touched:
        if any(fee.kind != "phi" and _meet(row, fee) for fee in look.other("fees").get((row.fee,), ())):
            yield Problem(line, "fee", "not_phi", (row.fee,))


def _meet(one: Row, other: Row) -> bool:
    """Tell whether two rows hold on a same day."""
    return (one.valid_to is None or other.valid_from < one.valid_to) and (other.valid_to is None or one.valid_from < other.valid_to)


def _tier_slips(row: Row) -> Iterator[Slip]:
    if (row.amount is None) == (row.basis_points is None):
        yield ("amount", "needed", "tier") if row.amount is None else ("basis_points", "not_used", "tier")


def _tier_checks(look: Look) -> Iterator[Problem]:
    """Find tiers of fees that have none, of fees that have begun with others, or with the wrong figure."""
    for line, row in look.touched:
        rows = look.other("fees").get((row.fee,), ())
        fee = next((each for each in rows if each.valid_from == row.valid_from), None)
        if fee is None or fee.rule != "tiered":
            if rows:
                yield Problem(line, "fee", "not_tiered", (row.fee, row.valid_from))
            continue
        of = look.of((row.fee, row.valid_from))
        if row.valid_from == look.today and look.known((row.fee, row.valid_from)):
            yield Problem(line, "valid_from", "tiers_begun", (row.valid_from,))
        needed, other = _tier_figures(fee)
        if getattr(row, needed) is None:
            yield Problem(line, needed, "needed", (f"{fee.tiering} {fee.measure}",))
        elif getattr(row, other) is not None:
            yield Problem(line, other, "not_used", (f"{fee.tiering} {fee.measure}",))
        if not _begins_at_nothing(of):
            yield Problem(line, "above", "first_tier")


def _tier_figures(fee: Row) -> tuple[str, str]:
    """Return the figure that tiers of a fee have, and the one that they have not."""
    return ("basis_points", "amount") if (fee.tiering, fee.measure) == ("marginal", "value") else ("amount", "basis_points")


def _begins_at_nothing(tiers: Sequence[Row]) -> bool:
    return any(tier.above == 0 for tier in tiers)


def _relief_slips(row: Row) -> Iterator[Slip]:
    if row.kind == "exemption":
        if row.amount is not None:
            yield "amount", "not_used", row.kind
        if row.basis_points != 10_000:
            yield "basis_points", "out_of_range", 10_000, 10_000
    elif (row.amount is None) == (row.basis_points is None):
        yield ("basis_points", "needed", row.kind) if row.amount is None else ("amount", "not_used", row.kind)
    elif row.basis_points == 10_000:
        yield "basis_points", "out_of_range", 1, 9_999


FEES = Register(
    name="fees",
    says=Text("biểu phí", "fees"),
    holds="a fee during one stretch of time",
    model=Fee,
    columns=(
        Column("code", FEE, "the fee"),
        Column("kind", FEE_KIND, "what the law calls it"),
        Column("name_vi", text(300), "name in Vietnamese"),
        Column("name_en", text(300), "name in English"),
        Column("budget_line", code("[0-9]{4}", "2764", "four digits"), "tiểu mục of the budget table (TT 324/2016)"),
        Column("procedure", code(r"[0-9A-Z][0-9A-Z.]{2,39}", "1.001612"), "national code of the procedure", required=False),
        Column("rule", one_of("fixed", "per_unit", "range", "free", "ad_valorem", "tiered"), "how the amount follows"),
        Column("amount", AMOUNT, "VND: the amount, or that of one unit", required=False),
        Column("minimum", AMOUNT, "VND: least of a range, or floor", required=False),
        Column("maximum", AMOUNT, "VND: most of a range, or cap", required=False),
        Column("basis_points", whole(1, 10_000), "of the declared value", required=False),
        Column("round_to", whole(1, 1_000_000_000), "VND: the unit that an amount worked out is rounded to", required=False),
        Column("rounding", one_of("half_up", "up", "down"), "how it is rounded", required=False),
        Column("tiering", one_of("slab", "marginal"), "whether one tier decides or each its own part", required=False),
        Column("measure", one_of("value", "quantity"), "what tiers measure", required=False),
        Column("late_money", one_of("apply", "hold"), "what becomes of money that comes after expiry"),
        Column("source", text(500), "the text that sets it, or that it is an example"),
        BEGINS,
        ENDS,
    ),
    key=("code", "valid_from"),
    slips=_fee_slips,
    checks=_fee_checks,
)

TIERS = Register(
    name="tiers",
    says=Text("bậc phí", "tiers"),
    holds="one step of a tiered fee",
    model=FeeTier,
    columns=(
        Column("fee", FEE, "the fee", of="fees"),
        Column("valid_from", DAY, "first day of the fee's row that it belongs to"),
        Column("above", whole(0), "it holds for what is above this, up to the next tier"),
        Column("amount", whole(0), "VND: of the whole, or of each unit in this tier", required=False),
        Column("basis_points", BASIS_POINTS, "of the part of the value in this tier", required=False),
    ),
    key=("fee", "valid_from", "above"),
    ends=None,
    about=("fee", "valid_from"),
    part_of="fee",
    exclusive=False,
    slips=_tier_slips,
    checks=_tier_checks,
)

RELIEFS = Register(
    name="reliefs",
    says=Text("diện miễn, giảm", "reliefs"),
    holds="an exemption from a fee, or a reduction of it",
    model=Relief,
    columns=(
        Column("code", FEE, "the relief"),
        Column("fee", FEE, "the fee it is for; `*` is any", of="fees", attribute="fee_code", any_word="*"),
        Column("kind", one_of("exemption", "reduction"), "whether nothing is left to pay, or something"),
        Column("basis_points", whole(1, 10_000), "the part that is taken off; 10000 of an exemption", required=False),
        Column("amount", AMOUNT, "VND that are taken off, where it is not a part", required=False),
        Column("ground_vi", text(500), "for whom, and by which text, in Vietnamese"),
        Column("ground_en", text(500), "the same in English"),
        Column("source", text(500), "where this row is from, or that it is an example"),
        BEGINS,
        ENDS,
    ),
    key=("code", "fee", "valid_from"),
    slips=_relief_slips,
)

RETENTIONS = Register(
    name="retentions",
    says=Text("tỷ lệ để lại", "retentions"),
    holds="what an agency keeps of a phí",
    model=Retention,
    columns=(
        Column("agency", AGENCY, "the agency", of="agencies", attribute="agency_id"),
        Column("fee", FEE, "the phí", of="fees", attribute="fee_code"),
        Column("basis_points", BASIS_POINTS, "the part it keeps; the rest is the budget's"),
        BEGINS,
        ENDS,
    ),
    key=("agency", "fee", "valid_from"),
    checks=_retention_checks,
)
