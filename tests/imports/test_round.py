"""What is written out can be read in again, and what two people agree on is what happens."""

from __future__ import annotations

import uuid

import pytest

from payhub.errors import NotFound
from payhub.imports import service
from payhub.imports.errors import FileRefused, ImportOutdated, NothingToChange
from payhub.imports.tables import REGISTERS
from payhub.staff.errors import AlreadyProposed, NotTwoPeople


@pytest.mark.parametrize("name", REGISTERS)
def test_what_is_exported_changes_nothing_when_it_is_imported(exported, planned, name) -> None:
    found = planned(name, exported(name))
    assert not found.problems
    assert not found.changes
    assert found.unchanged == found.lines > 0


def test_a_file_is_proposed_by_one_approved_by_another_and_applied_whole(hub, edited, propose, minh, thu, rows, new_fee) -> None:
    body = edited("fees", new_fee, **{"LP-LLTP": {"valid_to": "2027-01-01"}})
    made = propose("fees", body)
    assert rows("SELECT count(*) FROM fee WHERE code = 'LP-MOI'") == [(0,)]
    with pytest.raises(NotTwoPeople):
        thu_approves(hub, thu, made)
    minh.approve(made.proposal_id)
    assert rows("SELECT amount, valid_from::text FROM fee WHERE code = 'LP-MOI'") == [(120_000, "2027-01-01")]
    assert rows("SELECT valid_to::text FROM fee WHERE code = 'LP-LLTP'") == [("2027-01-01",)]
    assert rows("SELECT state FROM proposal") == [("executed",)]
    assert [fee.code for fee in hub.cache.fresh().fees["LP-MOI"]] == ["LP-MOI"]


def thu_approves(hub, thu, made) -> None:
    from payhub.staff import people

    with hub.db.session() as session:
        people.set_roles(hub, session, "thu", ["admin", "approver"])
    thu.approve(made.proposal_id)


def test_what_the_second_person_sees_is_what_the_file_does(hub, edited, propose, minh, client, new_fee) -> None:
    made = propose("fees", edited("fees", new_fee, **{"LP-LLTP": {"valid_to": "2027-01-01"}}))
    [shown] = minh.get(client, "/v1/proposals").json["data"]
    assert shown["target"] == "register/fees"
    content = shown["content"]
    assert content["summary"].startswith("fees: 1 added, 1 ended")
    assert content["counts"]["added"] == content["counts"]["ended"] == 1
    ended, added = sorted(content["changes"], key=lambda change: change["act"], reverse=True)
    assert (ended["act"], ended["key"]["code"], ended["was"], ended["is"]) == (
        "ended", "LP-LLTP", {"valid_to": ""}, {"valid_to": "2027-01-01"},
    )  # fmt: skip
    assert added["is"] == {**dict.fromkeys(added["is"], ""), **new_fee}
    with hub.db.session() as session:
        kept = service.find(session, made.id)
        assert service.changes(session, kept, 0, 10) == [
            {"number": number, **change} for number, change in enumerate(content["changes"], 1)
        ]


def test_the_file_itself_is_kept_as_it_came(hub, edited, propose, new_fee) -> None:
    body = b"\xef\xbb\xbf" + edited("fees", new_fee)
    made = propose("fees", body)
    with hub.db.session() as session:
        assert service.file_of(service.find(session, made.proposal_id)) == body
    with hub.db.session() as session, pytest.raises(NotFound):
        service.find(session, uuid.uuid4())


def test_a_file_is_refused_whole_for_one_bad_row(edited, propose, rows, new_fee) -> None:
    body = edited("fees", new_fee, {**new_fee, "code": "LP-HAI", "amount": "-5"})
    with pytest.raises(FileRefused) as refused:
        propose("fees", body)
    [problem] = refused.value.found
    assert (problem.column, problem.code) == ("amount", "not_a_number")
    assert rows("SELECT (SELECT count(*) FROM proposal), (SELECT count(*) FROM register_import)") == [(0, 0)]


def test_a_file_that_changes_nothing_is_no_act(exported, propose) -> None:
    with pytest.raises(NothingToChange):
        propose("agencies", exported("agencies"))


def test_the_same_file_is_proposed_once(edited, propose, new_fee) -> None:
    propose("fees", edited("fees", new_fee))
    with pytest.raises(AlreadyProposed):
        propose("fees", edited("fees", new_fee))


def test_a_register_that_has_moved_since_makes_the_proposal_void(edited, propose, agree, minh, clock, rows, new_fee) -> None:
    first = propose("fees", edited("fees", new_fee))
    agree("fees", edited("fees", {**new_fee, "code": "LP-HAI"}))
    clock.pass_(seconds=60)
    assert minh.approve(first.proposal_id).state == "void"
    assert rows("SELECT code FROM fee WHERE code IN ('LP-MOI', 'LP-HAI')") == [("LP-HAI",)]


def test_a_register_that_another_refers_to_voids_it_too_and_a_stranger_does_not(edited, propose, agree, minh, clock) -> None:
    ending = edited("agencies", **{"000.00.00.H48": {"valid_to": "2027-01-01", "successor": "000.00.00.H53"}})
    retained = propose("retentions", edited("retentions", {"agency": "G12.18", "fee": "P-TTDN", "basis_points": "100", "valid_from": "2027-01-01"}))
    portals = propose("portals", edited("portals", {"code": "moi", "name_vi": "Mới", "name_en": "New", "valid_from": "2027-01-01"}))
    agree("agencies", ending)
    clock.pass_(seconds=60)
    assert minh.approve(retained.proposal_id).state == "void"
    clock.pass_(seconds=60)
    assert minh.approve(portals.proposal_id).state == "executed"


def test_what_was_proposed_for_a_day_that_has_passed_is_not_done_later(edited, propose, minh, clock, rows) -> None:
    made = propose("fees", edited("fees", **{"LP-LLTP": {"valid_to": "2026-11-22"}}))
    clock.pass_(days=5)
    with pytest.raises(ImportOutdated):
        minh.approve(made.proposal_id)
    assert rows("SELECT state FROM proposal") == [("proposed",)]
    assert rows("SELECT valid_to FROM fee WHERE code = 'LP-LLTP'") == [(None,)]


def test_every_register_can_be_changed_by_its_file(edited, agree, rows, clock, new_fee) -> None:
    later = {"valid_from": "2027-01-01"}
    agency = {"code": "000.00.00.H99", "name_vi": "Tỉnh mới", "name_en": "New province", "chapter": "405", **later}
    agree("agencies", edited("agencies", agency))
    account = {"agency": "000.00.00.H99", "purpose": "phi", "bank_bin": "970436", "number": "3511.0.0000099", "holder": "Tỉnh mới", **later}
    agree("collecting_accounts", edited("collecting_accounts", account))
    agree("days_off", edited("days_off", {"calendar": "kbnn", "on": "2027-03-06", "kind": "working", "name": "Làm bù"}))
    portal = {"code": "dvc-moi", "name_vi": "Cổng mới", "name_en": "New portal", **later}
    agree("portals", edited("portals", {**portal, "return_origins": "https://a.example https://b.example:8443"}))
    agree("grants", edited("grants", {"portal": "dvc-moi", "agency": "*", "fee": "LP-LLTP", **later}))
    tiered = {**new_fee, "code": "LP-BAC", "rule": "tiered", "amount": "", "tiering": "slab", "measure": "quantity"}
    agree("fees", edited("fees", tiered))
    tiers = [{"fee": "LP-BAC", "above": above, "amount": amount, **later} for above, amount in (("0", "1000"), ("10", "5000"))]
    agree("tiers", edited("tiers", *tiers))
    ground = {"ground_vi": "Nộp trực tuyến", "ground_en": "Paid online", "source": "example", **later}
    agree("reliefs", edited("reliefs", {"code": "MOI", "fee": "*", "kind": "reduction", "amount": "5000", **ground}))
    agree("retentions", edited("retentions", {"agency": "000.00.00.H99", "fee": "P-CHUNGTHUC", "basis_points": "4000", **later}))
    terms = {"account": "vnpay-main", "cut_off": "15:30", "calendar": "kbnn", "grace_days": "1", **later}
    agree("gateway_terms", edited("gateway_terms", {**terms, "proven": "yes", "source": "hợp đồng 12/2027"}))
    assert rows("SELECT state, count(*) FROM proposal GROUP BY state") == [("executed", 10)]
    assert rows("SELECT return_origins FROM portal WHERE code = 'dvc-moi'") == [(["https://a.example", "https://b.example:8443"],)]
    assert rows("SELECT cut_off::text, proven FROM gateway_terms ORDER BY valid_from DESC LIMIT 1") == [("15:30:00", True)]
    assert rows("SELECT above, t.amount FROM fee_tier t JOIN fee ON fee.id = t.fee_id WHERE code = 'LP-BAC' ORDER BY above") == [(0, 1000), (10, 5000)]
    assert rows("SELECT works FROM day_off WHERE \"on\" = '2027-03-06'") == [(True,)]


def test_a_file_that_is_older_than_a_column_leaves_what_is_there(exported, planned, agree, edited, rows) -> None:
    later = {"valid_from": "2027-01-01"}
    terms = {"account": "vnpay-main", "cut_off": "15:30", "calendar": "kbnn", "grace_days": "1", "proven": "no", "source": "x", **later}
    agree("gateway_terms", edited("gateway_terms", {**terms, "payout_days": "2", "payout_text": "VNPAY CHI TRA", "fee_bp": "110"}))
    younger = ("payout_days", "payout_tolerance", "payout_text", "fee_bp", "fee_fixed", "fee_minimum", "fee_maximum", "fee_bearer")
    table = [line.split(",") for line in exported("gateway_terms").decode().splitlines()]
    places = [place for place, name in enumerate(table[0]) if name not in younger]
    old = "\n".join(",".join(line[place] for place in places) for line in table) + "\n"
    plan = planned("gateway_terms", old.encode())
    assert (plan.problems, plan.changes, plan.unchanged) == ([], [], 4)
    new = old + "momo-main,2027-01-01,16:00,kbnn,0,no,x\n"
    agree("gateway_terms", new.encode())
    found = rows("SELECT payout_days, payout_tolerance, payout_text, fee_bp, fee_bearer FROM gateway_terms WHERE valid_from > '2026-12-31' ORDER BY payout_days")
    assert found == [(1, 3, None, None, "treasury"), (2, 3, "VNPAY CHI TRA", 110, "treasury")]


def test_a_bank_account_goes_on_in_another_row(edited, agree, rows) -> None:
    later = {"valid_from": "2027-01-01"}
    account = {"code": "thu-ho", "bank_bin": "970436", "number": "1000000002", "holder": "Kho bạc", "currency": "VND", "statements": "mt940"}
    ended = {"thu-ho": {"valid_to": "2027-01-01"}}
    agree("bank_accounts", edited("bank_accounts", {**account, "authority": "statement", **later}, **ended))
    assert rows("SELECT number, statements, notifications FROM bank_account WHERE code = 'thu-ho' ORDER BY valid_from") == [
        ("1000000001", "camt053", "camt054"), ("1000000002", "mt940", None),
    ]  # fmt: skip
