"""The fee schedule and the agencies as portals look them up."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from payhub.searching import finds, folded


@pytest.fixture
def look(client, keys):
    """Ask for a list; return its JSON."""

    def get(path: str, portal: str = "dvc-bo-tu-phap", status: int = 200, **query: str):
        answer = client.get(f"/v1/{path}", query_string=query, headers={"Authorization": f"Bearer {keys[portal]}"})
        assert answer.status_code == status, answer.text
        return answer.json

    return get


def codes(page) -> list[str]:
    return [each["code"] for each in page["data"]]


def found(look, **query: str) -> dict[str, dict]:
    return {fee["code"]: fee for fee in look("fees", limit="200", **query)["data"]}


@pytest.mark.parametrize("words", ["ly lich", "LÝ LỊCH", "lịch lý", "lltp", "criminal record", "phieu ly"])
def test_fees_are_found_without_accents_in_any_order_and_either_language(look, words) -> None:
    assert codes(look("fees", search=words)) == ["LP-LLTP"]


@pytest.mark.parametrize(("written", "plain"), [("Đường bộ", "duong bo"), ("ĐỊA CHÍNH", "dia chinh"), ("Ưỡn ỡ", "uon o")])
def test_a_text_is_folded_to_what_is_typed_without_a_vietnamese_keyboard(written, plain) -> None:
    assert folded(written) == plain
    assert finds(plain, written)
    assert finds(written, plain)
    assert finds(None, written)
    assert not finds(f"{plain} zzz", written)


def test_fees_are_those_in_force_on_a_day(look) -> None:
    assert found(look)["LP-DKKD"]["amount"] == 50_000
    before = found(look, on="2025-12-31")
    assert before["LP-DKKD"]["amount"] == 100_000
    assert "LP-MB1" in before
    assert "LP-MB1" not in found(look)
    assert found(look, on="2019-12-31") == {}


def test_a_fee_shows_its_rule_with_all_its_figures(look) -> None:
    fees = found(look)
    truck = fees["LP-TBXETAI"]
    assert {name: truck[name] for name in ("rule", "basis_points", "round_to", "rounding", "minimum", "maximum", "budget_line")} == {
        "rule": "ad_valorem", "basis_points": 200, "round_to": 1_000, "rounding": "half_up", "minimum": None,
        "maximum": 500_000_000, "budget_line": "2802",
    }  # fmt: skip
    assert fees["P-BANSAO"]["tiers"] == [
        {"above": 0, "amount": 2_000, "basis_points": None},
        {"above": 2, "amount": 1_000, "basis_points": None},
    ]
    assert fees["P-CONGCHUNG-HD"]["tiers"][1] == {"above": 10**9, "amount": None, "basis_points": 6}
    assert fees["LP-LLTP"]["tiers"] == []
    assert "example" in truck["source"]


def test_a_fee_shows_the_reliefs_it_knows_on_that_day_its_own_before_those_for_any(look) -> None:
    reliefs = {relief["code"]: relief for relief in found(look)["LP-GPXD"]["reliefs"]}
    assert set(reliefs) == {"NGUOI-CO-CONG", "TRUC-TUYEN"}
    assert reliefs["TRUC-TUYEN"]["basis_points"] == 5_000
    assert "97/2015" in reliefs["NGUOI-CO-CONG"]["ground_vi"]
    before = {relief["code"]: relief for relief in found(look, on="2025-06-01")["LP-GPXD"]["reliefs"]}
    assert before["TRUC-TUYEN"]["basis_points"] == 2_000


def test_everything_is_public_and_what_is_granted_is_marked(look) -> None:
    fees = found(look, kind="phi")
    assert all(fee["kind"] == "phi" for fee in fees.values())
    assert fees["P-DLDC"]["granted"]
    of_hcm = found(look, agency="000.00.00.H29")
    assert [code for code, fee in of_hcm.items() if fee["granted"]] == ["LP-LLTP"]
    assert list(found(look, agency="000.00.00.H29", granted="true")) == ["LP-LLTP"]
    assert "LP-LLTP" not in found(look, agency="000.00.00.H29", granted="false")


def test_with_an_agency_the_fee_says_what_it_retains_under_an_abolished_code_too(look) -> None:
    assert found(look)["P-DUONGBO"]["retention_bp"] is None
    assert found(look, agency="000.00.00.G17")["P-DUONGBO"]["retention_bp"] == 1_333
    assert found(look, agency="000.00.00.G04")["P-DUONGBO"]["retention_bp"] == 1_333
    assert found(look, agency="000.00.00.G17")["LP-GPXD"]["retention_bp"] == 0
    assert found(look, agency="000.00.00.G17", on="2025-12-31")["P-DUONGBO"]["retention_bp"] == 980
    assert found(look, agency="000.00.00.G13") == {}


def test_what_cannot_be_asked_is_named(look) -> None:
    assert look("fees", status=422, agency="NOPE")["errors"][0]["code"] == "unknown_agency"
    for query in ({"kind": "gift"}, {"on": "20.11.2026"}, {"limit": "0"}, {"granted": "yes"}, {"search": " "}, {"colour": "red"}):
        assert look("fees", status=422, **query)["errors"][0]["pointer"] == f"/{next(iter(query))}"
    assert look("agencies", status=422, state="gone")["errors"][0]["pointer"] == "/state"
    assert look("fees", portal="kbnn", status=403)["code"] == "forbidden"
    assert look("agencies", portal="kbnn", status=403)["code"] == "forbidden"


@pytest.mark.parametrize("path", ["fees", "agencies"])
def test_lists_are_paged_by_code_without_gap_or_repeat(look, path) -> None:
    seen, cursor = [], {}
    while cursor is not None:
        page = look(path, limit="7", **cursor)
        assert len(page["data"]) <= 7
        seen += codes(page)
        cursor = {"cursor": page["next"]} if page["next"] else None
    assert seen == sorted(set(seen)) == codes(look(path, limit="200"))


def test_agencies_are_found_the_abolished_ones_with_their_successors(look) -> None:
    [abolished] = look("agencies", search="giao thong")["data"]
    assert {name: abolished[name] for name in ("code", "state", "successor", "collected_by", "valid_to", "kinds")} == {
        "code": "000.00.00.G04", "state": "abolished", "successor": "000.00.00.G17", "collected_by": "000.00.00.G17",
        "valid_to": "2025-03-01", "kinds": ["le_phi", "phi"],
    }  # fmt: skip
    [before] = look("agencies", search="giao thong", on="2025-02-28")["data"]
    assert (before["state"], before["collected_by"]) == ("in_force", "000.00.00.G04")
    [nobody] = look("agencies", search="tai nguyen")["data"]
    assert (nobody["state"], nobody["collected_by"], nobody["kinds"]) == ("abolished", None, [])


def test_agencies_are_told_apart_by_state_and_grant(look) -> None:
    in_force, abolished = (set(codes(look("agencies", limit="200", state=state))) for state in ("in_force", "abolished"))
    assert abolished == {f"000.00.00.G{number}" for number in ("04", "05", "07", "10", "13", "14")}
    assert not in_force & abolished
    mine = {each["code"]: each["granted"] for each in look("agencies", limit="200", portal="dvc-tay-ninh")["data"]}
    assert (mine["000.00.00.H53"], mine["000.00.00.G04"], mine["000.00.00.H29"]) == (True, True, False)
    assert look("agencies", on="2019-12-31")["data"] == []


def test_an_agency_that_is_renamed_is_one_code_with_the_name_of_the_day(look, hub) -> None:
    with hub.db.engine.begin() as connection:
        connection.execute(text("SET LOCAL payhub.today = '2026-11-20'"))
        connection.execute(text("UPDATE agency SET valid_to = '2026-11-21' WHERE code = '000.00.00.G15'"))
        connection.execute(
            text(
                "INSERT INTO agency (id, code, name_vi, name_en, chapter, budget_unit, valid_from) SELECT gen_random_uuid(), code, "
                "'Bộ Tư pháp và Pháp luật', 'Ministry of Law', chapter, budget_unit, '2026-11-21' FROM agency WHERE code = '000.00.00.G15'"
            )
        )
    hub.cache.fresh()
    shown = [look("agencies", search="tu phap", on=day)["data"] for day in ("2026-11-20", "2026-11-21")]
    assert [
        [(each["name_en"], each["state"], each["valid_from"], each["valid_to"]) for each in agencies] for agencies in shown
    ] == [
        [("Ministry of Justice", "in_force", "2020-01-01", None)],
        [("Ministry of Law", "in_force", "2020-01-01", None)],
    ]
    assert found(look, agency="000.00.00.G15", on="2026-11-22")["P-GDBD"]["retention_bp"] == 8_000
