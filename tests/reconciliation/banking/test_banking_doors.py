"""The ways in and out: REST and commands."""

from __future__ import annotations

from datetime import date

import pytest
from click.testing import CliRunner

from payhub.errors import NotFound
from reconciliation.banking import commands

PO = "PO26112000000001"


@pytest.fixture
def put(client, keys):
    def send(body: bytes, account: str = "thu-ho", portal: str = "kbnn", query: str = "", **headers: str):
        sent = {"Authorization": f"Bearer {keys[portal]}", "Content-Type": "application/octet-stream", **headers}
        return client.put(f"/v1/statements/{account}{query}", data=body, headers=sent)

    return send


@pytest.fixture
def get(client, keys):
    return lambda path, portal="kbnn": client.get(path, headers={"Authorization": f"Bearer {keys[portal]}", "Accept-Language": "en"})


@pytest.fixture
def payhub(hub):
    root = {command.name: command for command in commands.COMMANDS}
    return lambda name, *arguments: CliRunner().invoke(root[name], arguments, obj=lambda: hub, env={"COLUMNS": "200"})


def test_a_statement_handed_in_is_taken_and_shows_what_is_banked(desk, bank, put, get) -> None:
    desk.settle([desk.row_of(desk.pay(), fee=2_200)])
    body = bank.write(bank.entry(197_800, f"CHI TRA {PO}"), bank.entry(5_000, "MAI"))
    answer = put(body, query="?file_name=sao-ke.xml")
    assert answer.status_code == 200, answer.json
    [statement] = answer.json["statements"]
    assert answer.json["already"] is False
    kept = ("bank_account", "kind", "number", "from", "until", "opening", "closing", "lines", "sum", "file_name")
    assert [statement[name] for name in kept] == [
        "thu-ho", "statement", "2026327", "2026-11-23", "2026-11-23", 1_000_000, 1_202_800, 2, 202_800, "sao-ke.xml",
    ]  # fmt: skip
    assert put(body).json == {"already": True, "statements": [statement]}
    assert get("/v1/statements?bank_account=thu-ho").json == {"data": [statement], "next": None}
    [payout] = get("/v1/payouts?state=banked").json["data"]
    told = {"account": "vnpay-main", "reference": PO, "named": True, "state": "banked", "gross": 200_000, "fees": 2_200, "net": 197_800}
    assert {name: payout[name] for name in told} == told
    assert (payout["due_on"], payout["awaited_until"], payout["banked_on"]) == ("2026-11-23", "2026-11-26", "2026-11-23")
    [banked] = get("/v1/bank-entries?state=banked").json["data"]
    assert (banked["id"], banked["payout"], banked["suggestions"]) == (payout["entry"], {"account": "vnpay-main", "reference": PO}, [])
    assert banked["told_by"] == [{"statement": statement["id"], "kind": "statement", "line": 1}]
    [left] = get("/v1/bank-entries?state=open&bank_account=thu-ho").json["data"]
    assert (left["amount"], left["payout"], left["suggestions"]) == (5_000, None, [])
    assert "MAI" not in str(left)


def test_an_entry_that_may_be_a_payout_says_why(desk, bank, get) -> None:
    desk.settle([desk.row_of(desk.pay())])
    bank.say(bank.entry(199_000, PO))
    [entry] = get("/v1/bank-entries?state=open").json["data"]
    assert entry["suggestions"] == [{"account": "vnpay-main", "reference": PO, "reason": "named"}]


def test_a_payout_whose_file_was_just_replaced_shows_what_was_last_said(desk, bank, get) -> None:
    attempt = desk.pay()
    desk.settle([desk.row_of(attempt, fee=2_200)])
    desk.payout = "PO26112000000002"
    desk.take([desk.row_of(attempt)])
    [payout] = get("/v1/payouts").json["data"]
    assert (payout["reference"], payout["state"], payout["net"]) == (PO, "awaited", 197_800)
    desk.carry_out()
    assert [(row["reference"], row["net"]) for row in get("/v1/payouts").json["data"]] == [(desk.payout, 200_000)]
    [gone] = get("/v1/payouts?state=withdrawn").json["data"]
    assert (gone["reference"], gone["net"]) == (PO, 197_800)


def test_lists_go_page_by_page(desk, bank, get) -> None:
    bank.say(*(bank.entry(1_000 + number) for number in range(5)))
    first = get("/v1/bank-entries?limit=3").json
    second = get(f"/v1/bank-entries?limit=3&cursor={first['next']}").json
    assert sorted(row["amount"] for row in [*first["data"], *second["data"]]) == [1_000, 1_001, 1_002, 1_003, 1_004]
    assert second["next"] is None


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        ("/v1/payouts?account=nobody", "/account"),
        ("/v1/payouts?state=lost", "/state"),
        ("/v1/payouts?cursor=x", "/cursor"),
        ("/v1/bank-entries?bank_account=nobody", "/bank_account"),
        ("/v1/statements?bank_account=nobody", "/bank_account"),
    ],
)
def test_what_is_asked_wrongly_is_said(bank, get, path, pointer) -> None:
    answer = get(path)
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, pointer)


def test_who_may_not_cannot(bank, put, get) -> None:
    assert put(bank.write(), portal="dvc-bo-tu-phap").status_code == 403
    assert [get(f"/v1/{path}", "dvc-bo-tu-phap").status_code for path in ("statements", "payouts", "bank-entries")] == [403] * 3
    assert put(bank.write(), account="nobody").status_code == 404


def test_a_refusal_is_a_problem_with_its_figures(bank, put) -> None:
    answer = put(bank.write(bank.entry(5_000, "NGUYEN VAN A")).replace(b">1005000<", b">7<"), **{"Accept-Language": "en"})
    assert (answer.status_code, answer.json["code"], answer.json["reason"]) == (422, "statement_refused", "balance_differs")
    assert (answer.json["field"], answer.json["declared"], answer.json["read"]) == ("CLBD", 7, 1_005_000)
    assert "NGUYEN" not in answer.text


def test_a_form_nobody_can_read_is_a_fault_of_the_register(bank, put, rewrite) -> None:
    rewrite("UPDATE bank_account SET statements = 'mt101'")
    answer = put(bank.write())
    assert (answer.status_code, answer.json["code"]) == (500, "mapping_unusable")


def test_the_commands_take_a_file_and_show_payouts(desk, bank, payhub, tmp_path) -> None:
    desk.settle([desk.row_of(desk.pay(), fee=2_200)])
    path = tmp_path / "statement.xml"
    path.write_bytes(bank.write(bank.entry(197_800, PO)))
    taken = payhub("statements", "import", "thu-ho", str(path))
    assert "statement of thu-ho, 2026-11-23 to 2026-11-23: 1 lines, 1.000.000 to 1.197.800 VND" in taken.output
    assert "known already" in payhub("statements", "import", "thu-ho", str(path)).output
    shown = payhub("payouts", "--state", "banked").output.splitlines()
    assert shown[1].split() == ["vnpay-main", PO, "2026-11-23", "banked", "2026-11-23", "200.000", "2.200", "197.800", "VND"]
    assert len(payhub("payouts", "--state", "missing").output.splitlines()) == 1
    assert isinstance(payhub("statements", "import", "nobody", str(path)).exception, NotFound)


def test_until_it_is_read_a_payment_has_no_proof(desk, bank, hub) -> None:
    from reconciliation.proofs import Proofs, of_payment

    attempt = desk.pay()
    with hub.db.session() as session:
        assert of_payment(session, attempt.payment_id) == Proofs()
    desk.settle([desk.row_of(attempt)])
    with hub.db.session() as session:
        proofs = of_payment(session, attempt.payment_id)
    assert (proofs.reported.on, proofs.banked) == (date(2026, 11, 20), None)


def test_what_cannot_be_read_is_not_taken(hub) -> None:
    from reconciliation.banking.statements import import_statement
    from reconciliation.errors import StatementRefused

    with pytest.raises(StatementRefused):
        import_statement(hub, "thu-ho", "statement", "x", b"x")
