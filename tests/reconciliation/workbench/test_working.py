"""Who may do what about a discrepancy, and whose it is."""

from __future__ import annotations

import uuid


def test_only_those_who_work_on_discrepancies_change_them(bench, stranger, hire, minh, client) -> None:
    auditor = hire("thu", "auditor")
    assert bench.look(stranger, auditor)["acts"] == []
    assert bench.refused(stranger, "assign", who=auditor) == "role_missing"
    assert bench.refused(stranger, "accept", {"reason": "explained"}, who=minh) == "role_missing"
    assert client.get(bench.cases).status_code == 401
    assert "accept" not in bench.look(stranger, minh)["acts"]
    assert bench.look(stranger)["acts"] == ["assign", "comment", "link", "accept"]


def test_an_owner_is_somebody_who_can_deal_with_it(bench, stranger, hire) -> None:
    hire("thu", "auditor")
    for name in ("thu", "nobody", "system"):
        answer = bench.do(stranger, "assign", {"owner": name})
        assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/owner")
    assert bench.done(stranger, "assign", {"owner": "minh"})["owner"] == {"kind": "person", "name": "minh"}
    assert bench.done(stranger, "unassign")["owner"] is None
    assert bench.look(stranger)["state"] == "open"
    assert bench.acts(bench.done(stranger, "unassign")) == ["opened", "assigned", "unassigned"]


def test_what_is_resolved_is_left_alone_and_says_so_in_both_languages(bench, stranger, twice, lan, client) -> None:
    assert bench.accept(stranger)["state"] == "resolved"
    bodies = {"comment": {"text": "x"}, "link": {"discrepancy": twice}, "accept": {"reason": "explained"}, "allocate": {"payment": "pay_test_1"},
              "refund": {"reason": "other"}, "correct": {"rows": [bench.row(2)]}}  # fmt: skip
    for act in ("assign", "unassign", "comment", "link", "ask", "accept", "allocate", "refund", "correct"):
        assert bench.refused(stranger, act, bodies.get(act)) == "discrepancy_resolved", act
    for language, word in (("vi", "giải quyết"), ("en", "resolved")):
        headers = {"Authorization": f"Bearer {lan.token}", "Idempotency-Key": uuid.uuid4().hex, "Accept-Language": language}
        assert word in client.post(f"{bench.cases}/{stranger}/assign", json={}, headers=headers).json["title"]


def test_the_same_request_again_is_done_once(bench, stranger) -> None:
    first = bench.do(stranger, "comment", {"text": "Đã hỏi"}, key="one")
    again = bench.do(stranger, "comment", {"text": "Đã hỏi"}, key="one")
    assert (first.data, again.headers["Idempotency-Replayed"]) == (again.data, "true")
    assert bench.acts(bench.look(stranger)) == ["opened", "commented"]


def test_two_that_are_one_matter_show_each_other_however_often_it_is_said(bench, stranger, twice) -> None:
    assert bench.refused(stranger, "link", {"discrepancy": stranger}) == "invalid_input"
    assert bench.refused(stranger, "link", {"discrepancy": f"dsc_test_{uuid.uuid4().hex}"}) == "invalid_input"
    bench.done(stranger, "link", {"discrepancy": twice})
    bench.done(twice, "link", {"discrepancy": stranger})
    for one, other in ((stranger, twice), (twice, stranger)):
        shown = bench.look(one)
        assert ([each["id"] for each in shown["linked"]], bench.acts(shown)) == ([other], ["opened", "linked"])
        assert shown["history"][-1]["data"] == {"discrepancy": other}


def test_the_other_half_of_a_matter_is_suggested(desk, bench) -> None:
    attempt = desk.pay()
    desk.settle([desk.row("PHOTHER", 200_000)])
    missing, strange = bench.one("missing_at_gateway"), bench.one("missing_at_hub")
    assert [each["with"] for each in bench.look(missing)["suggestions"] if each["act"] == "link"] == [{"discrepancy": strange}]
    assert [each["act"] for each in bench.look(missing)["suggestions"]] == ["ask", "link"]
    assert bench.look(missing)["ours"]["attempt"]["reference"] == attempt.reference
    shown = bench.look(strange)
    assert [(each["file_name"], each["row"], each["amount"]) for each in shown["theirs"]] == [("2026-11-20.csv", 2, 200_000)]
