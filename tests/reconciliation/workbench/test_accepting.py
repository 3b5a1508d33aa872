"""What people resolve takes two, and holds until the evidence is another."""

from __future__ import annotations

import pytest


def test_what_two_people_accept_stays_resolved_until_the_evidence_is_another(desk, bench, stranger, clock, rows) -> None:
    proposed = bench.done(stranger, "accept", {"reason": "gateway_will_correct", "note": "VNPAY hứa sửa"})
    assert (proposed["state"], proposed["acts"]) == ("proposed", ["assign", "comment", "link"])
    assert bench.refused(stranger, "accept", {"reason": "explained"}) == "discrepancy_proposed"
    [waiting] = bench.clerk.get(bench.client, "/v1/proposals?state=proposed").json["data"]
    assert (waiting["words"], waiting["content"]["reason"]) == ({"note": "VNPAY hứa sửa"}, "gateway_will_correct")
    assert bench.decide(proposed["proposal"], who=bench.clerk).json["code"] == "not_two_people"
    assert bench.decide(proposed["proposal"]).status_code == 200
    shown = bench.look(stranger)
    assert (shown["state"], shown["accepted"], shown["acts"]) == ("resolved", True, ["reopen"])
    assert shown["history"][-1]["by"]["name"] == "minh"
    assert shown["history"][-1]["data"]["proposed_by"] == "lan"
    desk.settle([desk.row("X1", 5_000, bank="VCB")])
    assert bench.look(stranger)["state"] == "resolved", "another file says the same"
    desk.settle([desk.row("X1", 6_000)])
    shown = bench.look(stranger)
    assert (shown["state"], shown["amount"], bench.acts(shown)[-1]) == ("open", 6_000, "opened again")
    assert rows("SELECT count(*) FROM discrepancy") == [(1,)]


def test_an_approval_is_void_where_the_evidence_has_changed(desk, bench, stranger) -> None:
    bench.done(stranger, "assign")
    proposed = bench.done(stranger, "accept", {"reason": "explained"})
    desk.settle([desk.row("X1", 6_000)])
    shown = bench.look(stranger)
    assert (shown["state"], shown["proposal"], shown["owner"]["name"]) == ("open", None, "lan")
    assert bench.decide(proposed["proposal"]).json["code"] == "proposal_void"
    assert bench.acts(bench.look(stranger)) == ["opened", "assigned", "proposed", "new evidence"]


def test_new_evidence_gives_no_more_time(desk, bench, stranger, clock) -> None:
    due = bench.look(stranger)["due_at"]
    clock.pass_(hours=20)
    desk.settle([desk.row("X1", 6_000)])
    assert bench.look(stranger)["due_at"] == due
    clock.pass_(hours=5)
    assert bench.look(stranger)["overdue"]


@pytest.mark.parametrize("how", ["decline", "withdraw"])
@pytest.mark.parametrize("owned", [True, False])
def test_what_comes_to_nothing_goes_back_to_whose_it_was(bench, stranger, how, owned) -> None:
    if owned:
        bench.done(stranger, "assign")
    proposed = bench.done(stranger, "accept", {"reason": "explained"})
    answer = bench.decide(proposed["proposal"], how, bench.clerk if how == "withdraw" else None)
    assert answer.status_code == 200, answer.text
    shown = bench.look(stranger)
    assert (shown["state"], shown["proposal"]) == ("assigned" if owned else "open", None)
    assert (bench.acts(shown)[-1], shown["history"][-1]["data"]["why"]) == ("given back", {"decline": "declined", "withdraw": "withdrawn"}[how])


def test_people_open_again_what_people_have_resolved_and_nothing_else(desk, bench, stranger, clock, rows) -> None:
    assert bench.refused(stranger, "reopen", {"reason": "chưa xong"}) == "discrepancy_not_reopenable"
    bench.accept(stranger)
    clock.pass_(days=5)
    shown = bench.done(stranger, "reopen", {"reason": "VNPAY nói lại khác"})
    assert (shown["state"], shown["accepted"], shown["overdue"], shown["age_days"]) == ("open", False, False, 0)
    assert (shown["history"][-1]["act"], shown["history"][-1]["note"]) == ("reopened", None), "the answer is kept, and words are not"
    assert bench.look(stranger)["history"][-1]["note"] == "VNPAY nói lại khác"
    assert rows("SELECT count(*) FROM audit_entry WHERE act = 'discrepancy.reopened'") == [(1,)]
    desk.settle([])
    assert bench.look(stranger)["state"] == "resolved"
    assert bench.refused(stranger, "reopen", {"reason": "x"}) == "discrepancy_not_reopenable", "evidence has closed it"
