"""History never changes, and what must hold across rows is said before anybody is asked to agree."""

from __future__ import annotations

import pytest

from payhub.imports.planning import Act

LATER = {"valid_from": "2027-01-01"}
FEE = {
    "code": "LP-MOI", "kind": "le_phi", "name_vi": "Lệ phí mới", "name_en": "New fee", "budget_line": "2771", "rule": "fixed",
    "amount": "120000", "late_money": "apply", "source": "example", **LATER,
}  # fmt: skip
ACCOUNT = {"agency": "000.00.00.G15", "purpose": "phi", "bank_bin": "970436", "number": "3511.0.0000099", "holder": "Bộ Tư pháp", **LATER}
AGENCY = {"code": "000.00.00.H99", "name_vi": "Tỉnh mới", "name_en": "New province", "chapter": "405", **LATER}


def codes(found):
    return [code for _, _, code in found]


@pytest.mark.parametrize("change", [{"amount": "1"}, {"name_vi": "Tên khác"}, {"kind": "phi"}, {"budget_line": "2765"}, {"source": "another"}])
def test_what_has_begun_does_not_change(wrong, edited, change) -> None:
    assert (next(iter(change)), "history") in [(column, code) for _, column, code in wrong("fees", edited("fees", **{"LP-LLTP": change}))]


def test_what_has_begun_is_ended_and_followed_by_another_row(planned, edited) -> None:
    body = edited("fees", {**FEE, "code": "LP-LLTP"}, **{"LP-LLTP": {"valid_to": "2027-01-01"}})
    plan = planned("fees", body)
    assert not plan.problems
    assert sorted(change.act for change in plan.changes) == [Act.ADDED, Act.ENDED]


@pytest.mark.parametrize(("day", "code"), [("2026-11-19", "ends_in_past"), ("2026-11-20", None), ("2026-11-21", None)])
def test_an_end_is_today_or_later(wrong, edited, day, code) -> None:
    assert codes(wrong("fees", edited("fees", **{"LP-LLTP": {"valid_to": day}}))) == ([code] if code else [])


def test_an_end_in_the_future_may_still_move_and_one_that_came_may_not(wrong, edited, agree, clock) -> None:
    agree("fees", edited("fees", **{"LP-LLTP": {"valid_to": "2027-01-01"}}))
    assert not wrong("fees", edited("fees", **{"LP-LLTP": {"valid_to": "2028-01-01"}}))
    assert not wrong("fees", edited("fees", **{"LP-LLTP": {"valid_to": ""}}))
    clock.pass_(days=60)
    assert codes(wrong("fees", edited("fees", **{"LP-LLTP": {"valid_to": "2028-01-01"}}))) == ["ended_for_good"]


def test_what_has_not_begun_may_still_change_or_be_taken_back(planned, edited, agree, rows) -> None:
    agree("fees", edited("fees", FEE))
    [changed] = planned("fees", edited("fees", **{"LP-MOI": {"amount": "90000"}})).changes
    assert changed.act is Act.CHANGED
    agree("fees", edited("fees", **{"LP-MOI": {"valid_to": "2027-01-01"}}))
    assert rows("SELECT valid_from = valid_to FROM fee WHERE code = 'LP-MOI'") == [(True,)]
    assert b"LP-MOI" not in edited("fees")
    [again] = planned("fees", edited("fees", {**FEE, "amount": "80000"})).changes
    assert again.act is Act.ADDED
    agree("fees", edited("fees", {**FEE, "amount": "80000"}))
    assert rows("SELECT amount, valid_to FROM fee WHERE code = 'LP-MOI'") == [(80_000, None)]


def test_what_was_taken_back_does_not_begin_after_all_once_its_day_has_come(wrong, edited, agree, clock) -> None:
    agree("fees", edited("fees", FEE))
    agree("fees", edited("fees", **{"LP-MOI": {"valid_to": "2027-01-01"}}))
    clock.pass_(days=60)
    assert wrong("fees", edited("fees", FEE)) == [(46, "valid_from", "taken_back")]
    agree("fees", edited("fees", {**FEE, "valid_from": "2027-02-01"}))


def test_a_fee_that_has_not_begun_keeps_a_rule_that_its_tiers_fit(wrong, edited, agree, planned) -> None:
    agree("fees", edited("fees", {**FEE, "rule": "tiered", "amount": "", "tiering": "slab", "measure": "quantity"}))
    agree("tiers", edited("tiers", {"fee": "LP-MOI", "above": "0", "amount": "1000", **LATER}))
    fixed = {"rule": "fixed", "amount": "5", "tiering": "", "measure": ""}
    by_value = {"tiering": "marginal", "measure": "value", "round_to": "1", "rounding": "up"}
    for change in (fixed, by_value, {**fixed, "valid_to": "2027-01-01"}):
        assert [(column, code) for _, column, code in wrong("fees", edited("fees", **{"LP-MOI": change}))] == [("rule", "has_tiers")]
    assert not wrong("fees", edited("fees", **{"LP-MOI": {"tiering": "marginal"}}))
    agree("fees", edited("fees", **{"LP-MOI": {"valid_to": "2027-01-01"}}))
    assert codes(wrong("fees", edited("fees", FEE))) == ["has_tiers"]
    assert not wrong("fees", edited("fees", {**FEE, "valid_from": "2027-01-02"}))


def test_a_reduction_that_comes_to_nothing_is_refused_by_a_quote_and_a_request_alike(edited, agree, client, keys, order) -> None:
    today = {"valid_from": "2026-11-20"}
    agree("fees", edited("fees", {**FEE, **today, "rule": "per_unit", "amount": "1"}))
    ground = {"ground_vi": "Nửa giá", "ground_en": "Half price", "source": "example", **today}
    agree("reliefs", edited("reliefs", {"code": "NUA", "fee": "LP-MOI", "kind": "reduction", "basis_points": "5000", **ground}))
    line = {"fee": "LP-MOI", "agency": "000.00.00.G15", "relief": "NUA"}
    headers = {"Authorization": f"Bearer {keys['dvc-bo-tu-phap']}"}
    for quantity, said in ((1, ["relief_takes_nothing"]), (2, [])):
        lines = [{**line, "quantity": quantity}]
        for path, body in (("quotes", {"lines": lines}), ("payments", {**order, "lines": lines})):
            answer = client.post(f"/v1/{path}", json=body, headers={**headers, "Idempotency-Key": f"{path}-{quantity}"})
            assert [each["code"] for each in answer.json.get("errors", [])] == said, answer.json


def test_a_known_code_gets_no_past_and_a_new_one_comes_with_it(wrong, edited) -> None:
    ended = {"P-DUONGBO": {"valid_to": "2026-12-01"}}
    assert "begins_in_past" in codes(wrong("fees", edited("fees", {**FEE, "code": "LP-LLTP", "valid_from": "2019-01-01", "valid_to": "2020-01-01"})))
    assert not wrong("fees", edited("fees", {**FEE, "valid_from": "2021-01-01"}, **ended))


def test_two_rows_of_one_code_do_not_hold_at_once(wrong, edited) -> None:
    found = wrong("fees", edited("fees", {**FEE, "code": "LP-LLTP"}))
    assert [(column, code) for _, column, code in found] == [("valid_from", "overlaps")]
    inside = [{**FEE, "valid_to": "2028-01-01"}, {**FEE, "valid_from": "2027-06-01"}]
    assert codes(wrong("fees", edited("fees", *inside))) == ["overlaps"]
    assert not wrong("fees", edited("fees", {**FEE, "valid_to": "2027-06-01"}, {**FEE, "valid_from": "2027-06-01"}))


def test_the_two_rows_that_overlap_may_both_be_in_force_already(wrong, edited, file, agree) -> None:
    agree("fees", edited("fees", **{"LP-LLTP": {"valid_to": "2027-01-01"}}))
    agree("fees", edited("fees", {**FEE, "code": "LP-LLTP"}))
    reopened = edited("fees")
    body = reopened.replace(b"2020-01-01,2027-01-01", b"2020-01-01,")
    assert "overlaps" in codes(wrong("fees", body))


@pytest.mark.parametrize(
    ("name", "row", "column"),
    [
        ("collecting_accounts", {**ACCOUNT, "agency": "000.00.00.X99"}, "agency"),
        ("grants", {"portal": "nobody", "agency": "*", "fee": "*", **LATER}, "portal"),
        ("grants", {"portal": "kbnn", "agency": "000.00.00.X99", "fee": "*", **LATER}, "agency"),
        ("grants", {"portal": "kbnn", "agency": "*", "fee": "LP-KHONG", **LATER}, "fee"),
        ("retentions", {"agency": "000.00.00.G15", "fee": "P-KHONG", "basis_points": "1", **LATER}, "fee"),
        ("gateway_terms", {"account": "nobody", "cut_off": "16:00", "calendar": "kbnn", "grace_days": "0", "proven": "no", "source": "x", **LATER}, "account"),
        ("gateway_terms", {"account": "vnpay-main", "cut_off": "16:00", "calendar": "none", "grace_days": "0", "proven": "no", "source": "x", **LATER}, "calendar"),
        ("agencies", {**AGENCY, "valid_to": "2028-01-01", "successor": "000.00.00.X99"}, "successor"),
    ],
)  # fmt: skip
def test_what_no_register_has_is_named(wrong, file, name, row, column) -> None:
    assert wrong(name, file(name, row)) == [(2, column, "unknown")]


def test_what_the_same_file_brings_is_known(wrong, file) -> None:
    two = [{**AGENCY, "valid_to": "2028-01-01", "successor": "000.00.00.H98"}, {**AGENCY, "code": "000.00.00.H98"}]
    assert not wrong("agencies", file("agencies", *two))


def test_only_a_phi_is_retained(wrong, file, edited, agree) -> None:
    row = {"agency": "000.00.00.G15", "fee": "LP-LLTP", "basis_points": "5000", **LATER}
    assert wrong("retentions", file("retentions", row)) == [(2, "fee", "not_phi")]
    body = edited("fees", {**FEE, "code": "P-CONGCHUNG"}, **{"P-CONGCHUNG": {"valid_to": "2027-01-01"}})
    assert [(column, code) for _, column, code in wrong("fees", body)] == [("kind", "retained")]


@pytest.mark.parametrize(
    ("tariff", "column", "code"),
    [
        ({"fee_minimum": "5"}, "fee_minimum", "not_used"),
        ({"fee_maximum": "5"}, "fee_maximum", "not_used"),
        ({"fee_bp": "110", "fee_minimum": "6", "fee_maximum": "5"}, "fee_minimum", "least_above_most"),
        ({"fee_bp": "10001"}, "fee_bp", "out_of_range"),
        ({"payout_days": "61"}, "payout_days", "out_of_range"),
        ({"fee_bearer": "nobody"}, "fee_bearer", "not_one_of"),
        ({"payout_text": "=VNPAY"}, "payout_text", "formula"),
    ],
)
def test_terms_of_payouts_and_tariffs_make_sense(wrong, file, tariff, column, code) -> None:
    terms = {"account": "vnpay-main", "cut_off": "16:00", "calendar": "kbnn", "grace_days": "0", "proven": "no", "source": "x", **LATER}
    assert wrong("gateway_terms", file("gateway_terms", {**terms, **tariff})) == [(2, column, code)]


def test_a_notification_that_counts_can_be_read(wrong, file) -> None:
    account = {"code": "moi", "bank_bin": "970436", "number": "1234567890", "holder": "x", "currency": "VND", "statements": "mt940", **LATER}
    assert wrong("bank_accounts", file("bank_accounts", {**account, "authority": "notification"})) == [(2, "notifications", "needed")]
    assert not wrong("bank_accounts", file("bank_accounts", {**account, "authority": "statement"}))


@pytest.mark.parametrize("points", ["10001", "-1", "50%", "0.5"])
def test_basis_points_are_at_most_the_whole(wrong, file, points) -> None:
    row = {"agency": "000.00.00.G15", "fee": "P-CONGCHUNG", "basis_points": points, **LATER}
    assert [column for _, column, _ in wrong("retentions", file("retentions", row))] == ["basis_points"]


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ([{**AGENCY, "successor": "000.00.00.G15"}], "successor_without_end"),
        ([{**AGENCY, "valid_to": "2028-01-01", "successor": "000.00.00.G04"}], "successor_not_in_force"),
        ([{**AGENCY, "valid_to": "2028-01-01", "successor": "000.00.00.H98"}, {**AGENCY, "code": "000.00.00.H98", "valid_from": "2029-01-01"}], "successor_not_in_force"),
        ([{**AGENCY, "valid_to": "2028-01-01", "successor": "000.00.00.H99"}], "successor_cycle"),
    ],
)  # fmt: skip
def test_a_successor_is_there_when_it_is_needed(wrong, file, rows, code) -> None:
    assert code in codes(wrong("agencies", file("agencies", *rows)))


def test_successors_do_not_lead_back(wrong, edited) -> None:
    ends = {"valid_to": "2028-01-01"}
    body = edited("agencies", **{"000.00.00.H48": {**ends, "successor": "000.00.00.H53"}, "000.00.00.H53": {"valid_to": "2029-01-01", "successor": "000.00.00.H48"}})
    assert codes(wrong("agencies", body)).count("successor_cycle") == 2


def test_an_end_takes_its_successor_with_it_and_a_later_one_is_given_once(agree, edited, wrong, hub, clock) -> None:
    agree("agencies", edited("agencies", **{"000.00.00.G13": {"successor": "000.00.00.G17"}}))
    assert hub.cache.fresh().agencies["000.00.00.G13"].successor_id == hub.registers.agencies["000.00.00.G17"].id
    again = edited("agencies", **{"000.00.00.G13": {"successor": "000.00.00.G12"}})
    assert codes(wrong("agencies", again)) == ["history"]


def test_an_agency_that_changes_its_name_keeps_its_accounts_grants_and_retentions(agree, edited, ask, order, hub, clock, client, rows) -> None:
    renamed = {"code": "000.00.00.G15", "name_vi": "Bộ Tư pháp và Hành chính", "name_en": "Ministry of Justice and Administration", "chapter": "014", **LATER}
    agree("agencies", edited("agencies", renamed, **{"000.00.00.G15": {"valid_to": "2027-01-01"}}))
    before = ask(order)
    clock.pass_(days=60)
    after = ask({**order, "portal_reference": "after", "dossier": "after"})
    assert (before.status_code, after.status_code) == (201, 201)
    assert before.json["lines"][0]["agency"] == after.json["lines"][0]["agency"] == "000.00.00.G15"
    assert len(rows("SELECT DISTINCT agency_id, collecting_account_id FROM payment_line")) == 1
    pages = [client.get("/pay/" + answer.json["checkout_url"].rsplit("/pay/", 1)[1]).text for answer in (before, after)]
    assert ["và Hành chính" in page for page in pages] == [False, True]


def test_tiers_begin_with_their_fee(wrong, file, agree, edited) -> None:
    tiered = {**FEE, "valid_from": "2099-01-01", "code": "LP-BAC", "rule": "tiered", "amount": "", "tiering": "slab", "measure": "quantity"}
    first = {"fee": "LP-BAC", "valid_from": "2099-01-01", "above": "0", "amount": "1000"}
    assert wrong("tiers", file("tiers", first)) == [(2, "fee", "unknown")]
    assert wrong("tiers", file("tiers", {**first, "fee": "LP-LLTP", "valid_from": "2020-01-01"})) == [(2, "fee", "not_tiered")]
    agree("fees", edited("fees", tiered))
    assert wrong("tiers", file("tiers", {**first, "above": "5"})) == [(2, "above", "first_tier")]
    assert wrong("tiers", file("tiers", {**first, "amount": "", "basis_points": "10"})) == [(2, "amount", "needed")]
    assert not wrong("tiers", file("tiers", first))
    begun = {"fee": "P-MSMV", "valid_from": "2020-01-01", "above": "7", "amount": "1"}
    assert codes(wrong("tiers", file("tiers", begun))) == ["begins_in_past"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"kind": "exemption", "basis_points": "5000"}, ("basis_points", "out_of_range")),
        ({"kind": "exemption", "basis_points": "10000", "amount": "5"}, ("amount", "not_used")),
        ({"kind": "reduction", "basis_points": "10000"}, ("basis_points", "out_of_range")),
        ({"kind": "reduction"}, ("basis_points", "needed")),
        ({"kind": "reduction", "basis_points": "5", "amount": "5"}, ("amount", "not_used")),
    ],
)
def test_a_relief_is_whole_or_a_part(wrong, file, change, problem) -> None:
    row = {"code": "MOI", "fee": "*", "ground_vi": "a", "ground_en": "b", "source": "example", **LATER, **change}
    assert wrong("reliefs", file("reliefs", row)) == [(2, *problem)]
