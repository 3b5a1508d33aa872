"""What the database refuses of a fee schedule, and what the laws notice."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from payhub.app import registry
from payhub.ledger.prove import prove

TIERED = {"rule": "tiered", "tiering": "marginal", "measure": "value", "round_to": 1, "rounding": "half_up"}
AD_VALOREM = {"rule": "ad_valorem", "basis_points": 200, "round_to": 1_000, "rounding": "half_up"}


@pytest.fixture
def write(hub):
    """Write one row of a register."""

    def insert(table: str, **values: Any) -> uuid.UUID:
        row = {"id": uuid.uuid4(), **values}
        columns, places = ", ".join(row), ", ".join(f":{name}" for name in row)
        with hub.db.engine.begin() as connection:
            connection.execute(text(f"INSERT INTO {table} ({columns}) VALUES ({places})"), row)
        return row["id"]

    return insert


@pytest.fixture
def fee(write):
    def insert(**values: Any) -> uuid.UUID:
        row = {"code": "NEW", "kind": "phi", "name_vi": "Phí", "name_en": "Fee", "budget_line": "2716", "late_money": "apply"}
        return write("fee", **row, source="example", **{"valid_from": "2026-01-01", **values})

    return insert


GOOD = [
    {"rule": "fixed", "amount": 1},
    {"rule": "per_unit", "amount": 10**15},
    {"rule": "range", "minimum": 5, "maximum": 5},
    {"rule": "free"},
    AD_VALOREM,
    {**AD_VALOREM, "minimum": 1_000, "maximum": 500_000_000, "rounding": "up"},
    TIERED,
    {"rule": "tiered", "tiering": "slab", "measure": "quantity"},
    {"rule": "tiered", "tiering": "marginal", "measure": "quantity", "maximum": 200_000},
]
BAD = [
    ({"rule": "fixed"}, "fixed"),
    ({"rule": "fixed", "amount": 0}, "fixed"),
    ({"rule": "fixed", "amount": 5, "minimum": 1}, "fixed"),
    ({"rule": "fixed", "amount": 10**15 + 1}, "most"),
    ({"rule": "per_unit", "amount": None}, "per_unit"),
    ({"rule": "per_unit", "amount": 5, "basis_points": 1}, "per_unit"),
    ({"rule": "range", "minimum": 5}, "range"),
    ({"rule": "range", "minimum": 5, "maximum": 4}, "range"),
    ({"rule": "range", "minimum": 0, "maximum": 4}, "range"),
    ({"rule": "free", "amount": 5}, "free"),
    ({**AD_VALOREM, "basis_points": None}, "ad_valorem"),
    ({**AD_VALOREM, "basis_points": 10_001}, "ad_valorem"),
    ({**AD_VALOREM, "round_to": None}, "ad_valorem"),
    ({**AD_VALOREM, "rounding": None}, "ad_valorem"),
    ({**AD_VALOREM, "rounding": "bankers"}, "ad_valorem"),
    ({**AD_VALOREM, "minimum": 9, "maximum": 8}, "ad_valorem"),
    ({**AD_VALOREM, "amount": 9}, "ad_valorem"),
    ({**TIERED, "tiering": None}, "tiered"),
    ({**TIERED, "measure": "weight"}, "tiered"),
    ({**TIERED, "rounding": None}, "tiered"),
    ({**TIERED, "measure": "quantity"}, "tiered"),
    ({**TIERED, "basis_points": 5}, "tiered"),
    ({"rule": "guess", "amount": 5}, "rule"),
    ({"rule": "fixed", "amount": 5, "valid_to": "2025-12-31"}, "dates"),
]


@pytest.mark.parametrize("figures", GOOD, ids=str)
@pytest.mark.breaks_laws
def test_a_row_with_what_its_rule_needs_is_taken(fee, figures) -> None:
    fee(**figures)


@pytest.mark.parametrize(("figures", "constraint"), BAD, ids=str)
def test_a_row_that_lacks_what_its_rule_needs_or_has_more_is_refused(fee, figures, constraint) -> None:
    with pytest.raises(IntegrityError, match=f"ck_fee_{constraint}\\b"):
        fee(**figures)


@pytest.mark.parametrize(
    ("figures", "constraint"),
    [
        ({"above": -1, "amount": 5}, "above"),
        ({"above": 0}, "one_figure"),
        ({"above": 0, "amount": 5, "basis_points": 5}, "one_figure"),
        ({"above": 0, "amount": -5}, "amount"),
        ({"above": 0, "basis_points": 10_001}, "basis_points"),
    ],
)
@pytest.mark.breaks_laws
def test_a_tier_has_one_figure_in_bounds(fee, write, figures, constraint) -> None:
    of = fee(**TIERED)
    with pytest.raises(IntegrityError, match=f"ck_fee_tier_{constraint}\\b"):
        write("fee_tier", fee_id=of, **figures)


RELIEF = {"code": "R", "ground_vi": "Căn cứ", "ground_en": "Ground", "source": "example", "valid_from": "2026-01-01"}


@pytest.mark.parametrize(
    "figures",
    [
        {"kind": "exemption"},
        {"kind": "exemption", "basis_points": 9_999},
        {"kind": "exemption", "amount": 5},
        {"kind": "exemption", "basis_points": 10_000, "amount": 5},
        {"kind": "reduction"},
        {"kind": "reduction", "basis_points": 10_000},
        {"kind": "reduction", "basis_points": 0},
        {"kind": "reduction", "amount": 0},
        {"kind": "reduction", "amount": 5, "basis_points": 5},
        {"kind": "gift", "amount": 5},
    ],
    ids=str,
)
def test_a_relief_takes_all_off_or_a_part(write, figures) -> None:
    with pytest.raises(IntegrityError, match="ck_relief_kind"):
        write("relief", **RELIEF, **figures)


def test_a_relief_has_a_ground_and_begins_once_for_a_fee_or_for_all(write) -> None:
    with pytest.raises(IntegrityError, match="ck_relief_ground"):
        write("relief", **{**RELIEF, "ground_vi": ""}, kind="reduction", amount=5)
    write("relief", **RELIEF, kind="reduction", amount=5)
    write("relief", **RELIEF, fee_code="LP-LLTP", kind="reduction", amount=5)
    with pytest.raises(IntegrityError, match="uq_relief_code_fee_code_valid_from"):
        write("relief", **RELIEF, kind="reduction", amount=6)


LINES = {
    "amount = 0": "amount",
    "amount = amount - 1": "amount",
    "full_amount = full_amount + 1": "amount",
    "relief_id = (SELECT id FROM relief WHERE kind = 'exemption' LIMIT 1)": "relief",
    "relief_id = (SELECT id FROM relief WHERE kind = 'exemption' LIMIT 1), relief_kind = 'exemption', ground = 'x'": "amount",
    "relief_id = (SELECT id FROM relief WHERE kind = 'reduction' LIMIT 1), relief_kind = 'reduction', ground = 'x'": "amount",
    "amount = 0, relief_kind = 'exemption', ground = 'x', relief_id = (SELECT id FROM relief WHERE kind = 'reduction' LIMIT 1)":
        "fk_payment_line_relief_id_relief_kind",
}  # fmt: skip


@pytest.mark.parametrize("change", LINES)
def test_a_line_costs_nothing_or_less_only_by_a_relief_of_that_kind(citizen, hub, change) -> None:
    name = LINES[change]
    with (
        pytest.raises(IntegrityError, match=name if name.startswith("fk_") else f"ck_payment_line_{name}\\b"),
        hub.db.engine.begin() as connection,
    ):
        connection.execute(text(f"UPDATE payment_line SET {change}"))


def test_a_payment_of_nothing_is_never_anything_but_paid(citizen, hub) -> None:
    with pytest.raises(IntegrityError, match="ck_payment_total"), hub.db.engine.begin() as connection:
        connection.execute(text("UPDATE payment SET total = 0"))


SCHEDULE = "a tiered fee has tiers from zero as soon as it begins, with the figures its tiering wants, and no other fee has any"
OVERLAP = "no two fees of one code, and no two reliefs of one code and fee, are in force on the same day"
TAKEN = "a line's relief is one of its own fee, and takes off what it says"


@pytest.mark.breaks_laws
@pytest.mark.parametrize(
    ("statement", "law"),
    [
        ("DELETE FROM fee_tier WHERE above = 0", SCHEDULE),
        ("UPDATE fee_tier SET amount = 5, basis_points = NULL WHERE basis_points = 10", SCHEDULE),
        ("UPDATE fee_tier SET fee_id = (SELECT id FROM fee WHERE code = 'LP-LLTP') WHERE above = 5", SCHEDULE),
        ("UPDATE fee SET valid_to = NULL WHERE code = 'LP-DKKD'", OVERLAP),
        ("UPDATE relief SET valid_to = NULL WHERE code = 'TRUC-TUYEN'", OVERLAP),
        ("UPDATE relief SET basis_points = 4000 WHERE code = 'TRUC-TUYEN' AND basis_points = 5000", TAKEN),
        ("UPDATE relief SET fee_code = 'P-CO' WHERE code = 'TRUC-TUYEN' AND basis_points = 5000 AND fee_code = 'LP-GPXD'", TAKEN),
    ],
)
def test_prove_notices_a_schedule_that_contradicts_itself(ask, order, hub, statement, law) -> None:
    line = {"fee": "LP-GPXD", "agency": "000.00.00.H53", "relief": "TRUC-TUYEN"}
    assert ask({**order, "lines": [line]}, portal="dvc-tay-ninh").json["total"] == 37_500
    assert {proven.law for proven in prove(hub.db.engine, registry().laws) if not proven.holds} == set()
    with hub.db.engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text(statement))
    assert law in {proven.law for proven in prove(hub.db.engine, registry().laws) if not proven.holds}
