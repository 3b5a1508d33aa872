"""Registers by HTTP: the same answers as at the terminal."""

from __future__ import annotations

import uuid

import pytest

from payhub.imports.reading import MAX_BYTES


@pytest.fixture
def send(client):
    """Hand in a file as somebody."""

    def post(who, name: str, body: bytes, query: str = "", key: str | None = None, **headers: str):
        sent = {"Authorization": f"Bearer {who.token}", "Idempotency-Key": key or uuid.uuid4().hex, "Content-Type": "text/csv", **headers}
        return client.post(f"/v1/staff/registers/{name}/imports{query}", data=body, headers=sent)

    return post


def test_a_dry_run_proposes_nothing_and_is_paged(send, thu, edited, new_fee, rows) -> None:
    body = edited("fees", *({**new_fee, "code": f"LP-{number:02}"} for number in range(5)))
    first = send(thu, "fees", body, "?dry_run=true&limit=3")
    assert (first.status_code, first.json["counts"]["added"]) == (200, 5)
    second = send(thu, "fees", body, f"?dry_run=true&limit=3&cursor={first.json['next']}")
    numbers = [change["number"] for answer in (first, second) for change in answer.json["changes"]]
    assert numbers == [1, 2, 3, 4, 5]
    assert second.json["next"] is None
    assert rows("SELECT count(*) FROM proposal") == [(0,)]


def test_a_file_is_proposed_looked_at_approved_and_exported(send, thu, minh, client, edited, new_fee) -> None:
    body = edited("fees", new_fee)
    made = send(thu, "fees", body, "?file_name=bieu-phi.csv")
    assert made.status_code == 201, made.json
    assert (made.json["state"], made.json["file_name"], made.json["proposed_by"]["name"]) == ("proposed", "bieu-phi.csv", "thu")
    approved = minh.post(client, f"/v1/proposals/{made.json['proposal']}/approve", {"totp": minh.code()})
    assert approved.json["state"] == "executed"
    for name in ("id", "proposal"):
        looked = thu.get(client, f"/v1/staff/imports/{made.json[name]}")
        assert (looked.json["state"], looked.json["changes"]) == ("executed", made.json["changes"])
    page = thu.get(client, f"/v1/staff/imports/{made.json['id']}/changes?limit=1").json
    assert (page["changes"], page["next"]) == (made.json["changes"], None)
    assert [each["id"] for each in thu.get(client, "/v1/staff/imports?register=fees").json["data"]] == [made.json["id"]]
    assert thu.get(client, "/v1/staff/imports?register=agencies").json["data"] == []
    exported = minh.get(client, "/v1/staff/registers/fees")
    assert exported.content_type == "text/csv; charset=utf-8"
    assert b"LP-MOI" in exported.data


def test_the_same_key_again_is_the_same_answer_and_a_dry_run_uses_no_key_up(send, thu, edited, new_fee, rows) -> None:
    body = edited("fees", new_fee)
    assert send(thu, "fees", body, "?dry_run=true", key="k").status_code == 200
    first, second = send(thu, "fees", body, key="k"), send(thu, "fees", body, key="k")
    assert (first.status_code, second.status_code, first.data) == (201, 201, second.data)
    assert rows("SELECT count(*) FROM proposal") == [(1,)]


@pytest.mark.parametrize(("language", "said"), [("vi", "Phải là số nguyên"), ("en", "Must be a whole number")])
def test_what_is_wrong_is_a_problem_by_row_and_column_in_the_callers_language_and_paged(send, thu, file, new_fee, language, said) -> None:
    body = file("fees", *({**new_fee, "code": f"LP-{number}", "amount": "1,5"} for number in range(5)))
    for query in ("?limit=2&dry_run=true", "?limit=2&dry_run=true&cursor=4"):
        answer = send(thu, "fees", body, query, **{"Accept-Language": language})
        assert (answer.status_code, answer.json["code"], answer.json["count"]) == (422, "register_file_refused", 5)
        assert said in answer.json["errors"][0]["detail"]
    first = send(thu, "fees", body, "?limit=2&dry_run=true").json
    assert ([each["pointer"] for each in first["errors"]], first["next"]) == (["/2/amount", "/3/amount"], "2")
    last = send(thu, "fees", body, "?limit=2&dry_run=true&cursor=4").json
    assert ([each["pointer"] for each in last["errors"]], last["next"]) == (["/6/amount"], None)
    assert send(thu, "fees", body).json["count"] == 5


def test_only_whoever_keeps_the_registers_hands_in_files_and_all_of_the_staff_look(send, thu, lan, hire, client, edited, new_fee, keys) -> None:
    body = edited("fees", new_fee)
    assert send(lan, "fees", body).json["code"] == "role_missing"
    assert hire("an", "auditor").get(client, "/v1/staff/registers/fees").status_code == 200
    assert client.get("/v1/staff/registers/fees", headers={"Authorization": f"Bearer {keys['kbnn']}"}).status_code == 401
    assert client.get("/v1/staff/registers/fees").status_code == 401


def test_unknown_registers_imports_and_cursors_are_named(send, thu, client, exported) -> None:
    assert send(thu, "nothing", b"").status_code == 404
    assert thu.get(client, "/v1/staff/registers/keys").status_code == 404
    for path in ("/v1/staff/imports/imp_test_0", f"/v1/staff/imports/imp_test_{uuid.uuid4().hex}", "/v1/staff/imports/x/changes"):
        assert thu.get(client, path).status_code == 404
    for path in ("/v1/staff/imports?cursor=x", "/v1/staff/imports?register=x"):
        assert thu.get(client, path).status_code == 422
    assert send(thu, "fees", exported("fees"), "?dry_run=true&cursor=x").json["errors"][0]["code"] == "cursor_invalid"
    assert send(thu, "fees", exported("fees"), "?dry_run=yes").status_code == 422


def test_a_file_that_changes_nothing_or_waits_already_is_a_conflict(send, thu, edited, exported, new_fee) -> None:
    assert send(thu, "fees", exported("fees")).json["code"] == "nothing_to_change"
    body = edited("fees", new_fee)
    assert send(thu, "fees", body).status_code == 201
    assert send(thu, "fees", body).json["code"] == "already_proposed"


def test_a_file_may_be_large_and_not_endless(send, thu) -> None:
    assert send(thu, "fees", b"x" * (2 * 1024 * 1024)).json["code"] == "register_file_refused"
    assert send(thu, "fees", b"x" * (MAX_BYTES + 2)).status_code == 413


def test_an_account_is_stopped_over_http(client, thu, minh, lan, hire, agree, edited) -> None:
    row = {"agency": "000.00.00.H01", "purpose": "fine", "bank_bin": "970436", "number": "1234567890", "holder": "An Giang", "valid_from": "2026-11-21"}
    agree("collecting_accounts", edited("collecting_accounts", row))
    body = {"agency": "000.00.00.H01", "purpose": "fine", "reason": "số lạ"}
    assert hire("an", "auditor").post(client, "/v1/staff/accounts/stop", body).status_code == 403
    stopped = thu.post(client, "/v1/staff/accounts/stop", body)
    assert (stopped.status_code, stopped.json["data"][0]["kind"]) == (200, "account_stopped")
    assert minh.post(client, "/v1/staff/accounts/stop", body).json["code"] == "no_account_waits"
    assert minh.post(client, "/v1/staff/accounts/stop", {**body, "agency": "nobody"}).status_code == 404


def test_what_the_database_refuses_undoes_the_approval_and_is_said(send, thu, minh, client, edited, new_fee, rows, run) -> None:
    made = send(thu, "fees", edited("fees", new_fee)).json
    run("ALTER TABLE fee ADD CONSTRAINT never CHECK (code <> 'LP-MOI')")
    answer = minh.post(client, f"/v1/proposals/{made['proposal']}/approve", {"totp": minh.code()})
    assert (answer.status_code, answer.json["code"]) == (409, "register_refused")
    assert rows("SELECT state FROM proposal") == [("proposed",)]
