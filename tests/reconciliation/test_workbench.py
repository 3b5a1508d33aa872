"""What people can do about a discrepancy, who may, and what it leaves behind."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from payhub.discrepancies import kinds, service, terms
from payhub.discrepancies.models import KINDS
from payhub.discrepancies.states import TRANSITIONS, State
from payhub.ids import public_id
from payhub.ledger.prove import prove
from payhub.people import jobs as people_jobs
from reconciliation import commands
from reconciliation.laws import LAWS

CASE = "/v1/staff/discrepancies"


class Bench:
    """People at work on discrepancies, over HTTP."""

    def __init__(self, client: Any, clerk: Any, approver: Any, clock: Any) -> None:
        self.client, self.clerk, self.approver, self.clock = client, clerk, approver, clock

    def list(self, query: str = "", who: Any = None) -> Any:
        answer = (who or self.clerk).get(self.client, f"{CASE}{query}")
        assert answer.status_code == 200, answer.text
        return answer.json

    def look(self, case: str, who: Any = None) -> Any:
        return self.list(f"/{case}", who)

    def one(self, kind: str) -> str:
        [found] = self.list(f"?kind={kind}")["data"]
        return found["id"]

    def do(self, case: str, act: str, body: dict[str, Any] | None = None, who: Any = None, key: str | None = None) -> Any:
        return (who or self.clerk).post(self.client, f"{CASE}/{case}/{act}", body or {}, key)

    def done(self, case: str, act: str, body: dict[str, Any] | None = None, who: Any = None) -> Any:
        answer = self.do(case, act, body, who)
        assert answer.status_code in {200, 201}, answer.text
        return answer.json

    def refused(self, case: str, act: str, body: dict[str, Any] | None = None, who: Any = None) -> str:
        answer = self.do(case, act, body, who)
        assert 400 <= answer.status_code < 500, answer.text
        return answer.json["code"]

    def decide(self, proposal: str, how: str = "approve", who: Any = None) -> Any:
        self.clock.pass_(seconds=30)
        person = who or self.approver
        body = {"approve": lambda: {"totp": person.code()}, "decline": lambda: {"reason": "chưa rõ"}, "withdraw": dict}[how]()
        return person.post(self.client, f"/v1/proposals/{proposal}/{how}", body)

    def accept(self, case: str, reason: str = "explained", **more: Any) -> Any:
        proposed = self.done(case, "accept", {"reason": reason, **more})
        assert self.decide(proposed["proposal"]).status_code == 200
        return self.look(case)


@pytest.fixture
def bench(client, lan, minh, clock) -> Bench:
    return Bench(client, lan, minh, clock)


@pytest.fixture
def stranger(desk, bench) -> str:
    """A line of a file that nobody here knows."""
    desk.settle([desk.row("X1", 5_000)])
    return bench.one("missing_at_hub")


@pytest.fixture
def twice(citizen, bench) -> str:
    """Money that came a second time, and is held."""
    first, second = citizen.try_(), citizen.try_()
    assert [citizen.says(first), citizen.says(second)] == ["00", "00"]
    return bench.one("paid_twice")


def acts(shown: Any) -> list[str]:
    return [each["act"] for each in shown["history"]]


# The kinds, the states and the terms, as data.


def test_every_kind_has_a_name_and_a_term() -> None:
    assert set(kinds.TABLE) == set(KINDS)
    assert all(1 <= kind.days <= 5 and kind.title.vi and kind.title.en for kind in kinds.TABLE.values())
    assert kinds.TABLE["paid_twice"].urgent
    assert (kinds.TABLE["missing_at_gateway"].days, kinds.TABLE["paid_twice"].days) == (2, 1)


@pytest.mark.parametrize(
    ("days", "readable"), [("", True), ("late:7,paid_twice:2", True), ("late", False), ("nothing:1", False), ("late:0", False), ("late:7,", False)]
)
def test_a_deployment_has_terms_of_its_own_for_kinds_there_are(days, readable) -> None:
    assert terms.Discrepancies(days).readable is readable
    if readable and days:
        assert terms.Discrepancies(days).by_kind()["late"] == 7
        assert terms.Discrepancies(days).by_kind()["reversed"] == kinds.TABLE["reversed"].days


def test_a_discrepancy_is_due_by_the_terms_of_its_deployment(hub, clock, rows) -> None:
    from payhub.db import Database

    db = Database(hub.settings.database, "apart", {terms.INFO: terms.Discrepancies("late:9").by_kind()})
    with db.session() as session:
        assert service.open_(session, kind="late", key="k", on=clock.now().date(), amount=1, currency="VND", evidence={}, now=clock.now())
    db.close()
    assert rows("SELECT (due_at - opened_at)::text FROM discrepancy") == [("9 days",)]


def test_the_database_knows_the_same_transitions(hub, stranger, lan) -> None:
    proposal = {"id": uuid.uuid4(), "by": lan.id}
    with hub.db.engine.connect() as connection, connection.begin() as whole:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text(_PROPOSAL), proposal)
        for before in State:
            for after in State:
                connection.execute(text("SET LOCAL session_replication_role = replica"))
                connection.execute(text(_PUT), _columns(before, lan.id, proposal["id"]))
                connection.execute(text("SET LOCAL session_replication_role = origin"))
                took = True
                try:
                    with connection.begin_nested():
                        connection.execute(text(_PUT), _columns(after, lan.id, proposal["id"]))
                except DBAPIError:
                    took = False
                assert took is (after in TRANSITIONS[before] or after is before), (before, after)
        whole.rollback()


_PROPOSAL = (
    "INSERT INTO proposal (id, kind, target, content, content_text, content_hash, state, proposed_by, proposed_at) "
    "VALUES (:id, 'k', 't', '{}', '{}', sha256('{}'), 'proposed', :by, now())"
)
_PUT = "UPDATE discrepancy SET state = :state, owner_id = :owner_id, proposal_id = :proposal_id, resolved_at = :resolved_at"


def _columns(state: State, owner: uuid.UUID, proposal: uuid.UUID) -> dict[str, Any]:
    return {
        "state": state.value, "owner_id": owner, "proposal_id": proposal if state is State.PROPOSED else None,
        "resolved_at": datetime(2026, 11, 20, tzinfo=UTC) if state is State.RESOLVED else None,
    }  # fmt: skip


# Lists and sums.


def test_a_list_is_filtered_and_paged_by_what_is_due_first(desk, bench, twice, citizen, minh, clock) -> None:
    desk.settle([*(desk.row(f"X{number}", 1_000 * number) for number in range(1, 5))])
    first = bench.list("?limit=3")
    second = bench.list(f"?limit=3&cursor={first['next']}")
    every = [*first["data"], *second["data"]]
    third = bench.list(f"?limit=3&cursor={second['next']}")
    every += third["data"]
    assert (len(every), third["next"], len({each["id"] for each in every})) == (7, None, 7)
    assert [each["due_at"] for each in every] == sorted(each["due_at"] for each in every)
    bench.done(twice, "assign", {"owner": "minh"})
    clock.pass_(days=1, hours=1)
    for query, count in (
        ("state=assigned", 1), ("state=open", 6), ("kind=missing_at_hub", 4), ("owner=minh", 1), ("owner=nobody", 0), ("owned=no", 6),
        ("account=vnpay-main", 7), ("account=momo-main", 0), ("account=none", 0), (f"payment={citizen.payment['id']}", 3),
        ("payment=pay_test_1", 0), ("agency=000.00.00.G15", 3), ("agency=000.00.00.H29", 0), ("overdue=yes", 5), ("overdue=no", 2),
        ("amount_from=2000&amount_to=3000", 2), ("date=2026-11-20", 7), ("date=2026-11-19", 0),
    ):  # fmt: skip
        assert len(bench.list(f"?{query}")["data"]) == count, query
        assert bench.list(f"/summary?{query}")["count"] == count, query
    for query in ("state=shut", "kind=none", "overdue=1", "amount_from=-1", "cursor=pay_1", "page=2"):
        assert bench.clerk.get(bench.client, f"{CASE}?{query}").status_code == 422, query


def test_the_summary_counts_per_kind_and_says_what_is_overdue(bench, twice, clock, lan) -> None:
    bench.done(twice, "assign")
    clock.pass_(days=2)
    [row] = bench.list("/summary")["data"]
    assert row == {
        "kind": "paid_twice", "title": "Đã nộp hai lần", "urgent": True, "days": 1, "currency": "VND", "count": 1, "amount": 200_000,
        "open": 0, "assigned": 1, "proposed": 0, "overdue": 1, "unowned": 0, "due_at": "2026-11-21T03:00:00+00:00",
    }  # fmt: skip
    assert bench.look(twice)["age_days"] == 2


def test_terminal_and_metrics_say_what_is_overdue_and_whose(bench, twice, stranger, hub, clock) -> None:
    bench.done(twice, "assign", {"owner": "minh"})

    def printed(*arguments: str) -> list[list[str]]:
        done = CliRunner().invoke(commands.show_discrepancies, arguments, obj=lambda: hub)
        assert done.exit_code == 0, done.output
        return [line.split() for line in done.output.splitlines()]

    assert printed("--owner", "minh")[1:] == [["paid_twice", "1", "200.000", "VND", "0"]]
    assert printed("--overdue") == [["no", "open", "discrepancies"]]
    clock.pass_(days=1, seconds=1)
    assert ["missing_at_hub", "1", "5.000", "VND", "1"] in printed("--overdue")
    told = bench.client.get("/metrics").text
    assert 'payhub_discrepancies{kind="paid_twice",standing="overdue"} 1.0' in told
    assert 'payhub_discrepancies{kind="late",standing="open"} 0.0' in told


# Who, and what is refused.


def test_only_those_who_work_on_discrepancies_change_them(bench, stranger, hire, minh, client) -> None:
    auditor = hire("thu", "auditor")
    assert bench.look(stranger, auditor)["acts"] == []
    assert bench.refused(stranger, "assign", who=auditor) == "role_missing"
    assert bench.refused(stranger, "accept", {"reason": "explained"}, who=minh) == "role_missing"
    assert client.get(CASE).status_code == 401
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
    assert acts(bench.done(stranger, "unassign")) == ["opened", "assigned", "unassigned"]


def test_what_is_resolved_is_left_alone_and_says_so_in_both_languages(bench, stranger, twice, lan, client) -> None:
    assert bench.accept(stranger)["state"] == "resolved"
    bodies = {"comment": {"text": "x"}, "link": {"discrepancy": twice}, "accept": {"reason": "explained"}, "allocate": {"payment": "pay_test_1"},
              "refund": {"reason": "other"}, "correct": {"rows": [_row(2)]}}  # fmt: skip
    for act in ("assign", "unassign", "comment", "link", "ask", "accept", "allocate", "refund", "correct"):
        assert bench.refused(stranger, act, bodies.get(act)) == "discrepancy_resolved", act
    for language, word in (("vi", "giải quyết"), ("en", "resolved")):
        headers = {"Authorization": f"Bearer {lan.token}", "Idempotency-Key": uuid.uuid4().hex, "Accept-Language": language}
        assert word in client.post(f"{CASE}/{stranger}/assign", json={}, headers=headers).json["title"]


def test_what_is_not_there_is_not_found(bench) -> None:
    for case in (f"dsc_test_{uuid.uuid4().hex}", "dsc_test_1", f"pay_test_{uuid.uuid4().hex}", f"dsc_{uuid.uuid4().hex}"):
        assert bench.clerk.get(bench.client, f"{CASE}/{case}").status_code == 404
        assert bench.refused(case, "assign") == "not_found"


def test_the_same_request_again_is_done_once(bench, stranger) -> None:
    first = bench.do(stranger, "comment", {"text": "Đã hỏi"}, key="one")
    again = bench.do(stranger, "comment", {"text": "Đã hỏi"}, key="one")
    assert (first.data, again.headers["Idempotency-Replayed"]) == (again.data, "true")
    assert acts(bench.look(stranger)) == ["opened", "commented"]


def test_two_that_are_one_matter_show_each_other_however_often_it_is_said(bench, stranger, twice) -> None:
    assert bench.refused(stranger, "link", {"discrepancy": stranger}) == "invalid_input"
    assert bench.refused(stranger, "link", {"discrepancy": f"dsc_test_{uuid.uuid4().hex}"}) == "invalid_input"
    bench.done(stranger, "link", {"discrepancy": twice})
    bench.done(twice, "link", {"discrepancy": stranger})
    for one, other in ((stranger, twice), (twice, stranger)):
        shown = bench.look(one)
        assert ([each["id"] for each in shown["linked"]], acts(shown)) == ([other], ["opened", "linked"])
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


# Accepting and opening again.


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
    assert (shown["state"], shown["amount"], acts(shown)[-1]) == ("open", 6_000, "opened again")
    assert rows("SELECT count(*) FROM discrepancy") == [(1,)]


def test_an_approval_is_void_where_the_evidence_has_changed(desk, bench, stranger) -> None:
    bench.done(stranger, "assign")
    proposed = bench.done(stranger, "accept", {"reason": "explained"})
    desk.settle([desk.row("X1", 6_000)])
    shown = bench.look(stranger)
    assert (shown["state"], shown["proposal"], shown["owner"]["name"]) == ("open", None, "lan")
    assert bench.decide(proposed["proposal"]).json["code"] == "proposal_void"
    assert acts(bench.look(stranger)) == ["opened", "assigned", "proposed", "new evidence"]


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
    assert (acts(shown)[-1], shown["history"][-1]["data"]["why"]) == ("given back", {"decline": "declined", "withdraw": "withdrawn"}[how])


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


# Held money.


def test_held_money_pays_another_payment_because_of_the_discrepancy(bench, twice, ask, order, rows) -> None:
    other = ask({**order, "portal_reference": "other", "dossier": "other"}).json
    assert bench.refused(twice, "allocate", {"payment": "pay_test_1"}) == "invalid_input"
    shown = bench.done(twice, "allocate", {"payment": other["id"]})
    assert shown["state"] == "proposed"
    assert bench.decide(shown["proposal"]).json["state"] == "executed"
    shown = bench.look(twice)
    assert (shown["state"], acts(shown)[-1], shown["history"][-1]["by"]["name"]) == ("resolved", "allocated", "minh")
    assert rows("SELECT content ? 'discrepancy' FROM proposal") == [(True,)]


def test_a_part_that_pays_or_goes_back_leaves_the_rest_with_whose_it_is(bench, citizen, ask, order, desk) -> None:
    assert citizen.says(citizen.try_(), amount=500_000) == "04"
    case = bench.one("overpaid")
    bench.done(case, "assign")
    suggested = [each["act"] for each in bench.look(case)["suggestions"]]
    assert suggested == ["allocate", "refund"]
    proposed = bench.done(case, "allocate", {"payment": citizen.payment["id"]})
    assert bench.decide(proposed["proposal"]).json["state"] == "executed"
    shown = bench.look(case)
    assert (shown["state"], acts(shown)[-1], shown["ours"]["unapplied"]["available"]) == ("assigned", "given back", 300_000)


def test_a_refund_that_fails_or_is_declined_gives_the_discrepancy_back(bench, pay, gateway, hub, clock) -> None:
    from payhub.payments.refunds import sending

    pay(pay_twice=True)
    case = bench.one("paid_twice")
    declined = bench.done(case, "refund", {"reason": "paid_twice", "note": "trả lại"})
    assert bench.decide(declined["proposal"], "decline").status_code == 200
    assert bench.look(case)["state"] == "open"
    gateway.will("refused")
    proposed = bench.done(case, "refund", {"reason": "paid_twice"})
    assert bench.decide(proposed["proposal"]).json["state"] == "executed"
    clock.pass_(seconds=1)
    with hub.db.session() as session:
        [due] = sending.due(session, clock.now())
    sending.step(hub, due)
    shown = bench.look(case)
    assert (shown["state"], shown["history"][-1]["data"]["why"], shown["ours"]["unapplied"]["available"]) == ("open", "refund failed", 200_000)
    assert {"refund", "allocate"} <= set(shown["acts"])


def test_where_nothing_is_held_nothing_is_given_back(bench, stranger, twice) -> None:
    assert bench.refused(stranger, "refund", {"reason": "other"}) == "act_impossible"
    assert bench.refused(stranger, "allocate", {"payment": "pay_test_1"}) == "act_impossible"
    assert bench.refused(twice, "correct", {"rows": [_row(2)]}) == "act_impossible"
    assert bench.refused(twice, "refund", {"reason": "paid_twice", "amount": 200_001}) == "not_refundable"
    assert bench.look(twice)["state"] == "open", "what is refused leaves it as it was"


# Asking again.


def test_the_gateways_word_is_asked_for_and_applied(bench, hub, ask, order, gateway, clock) -> None:
    import requests

    from payhub.ids import read_public_id
    from payhub.payments import attempts, checks

    payment = ask(order).json
    redirect = attempts.start(hub, read_public_id("pay", payment["id"], "test"), "vnpay-main", uuid.uuid4(), "203.0.113.5")
    requests.post(redirect.url, data={"decision": "pay", "scenario": "lost"}, allow_redirects=False, timeout=10)
    gateway.reach("http://127.0.0.1:9")
    for step in hub.settings.payments.ladder_s:
        clock.pass_(seconds=step)
        with hub.db.session() as session:
            due = checks.due(session, clock.now())
        for attempt_id in due:
            checks.check(hub, attempt_id)
    clock.pass_(days=4)
    with hub.db.session() as session:
        for attempt_id in checks.due(session, clock.now()):
            checks.check(hub, attempt_id)
    case = bench.one("unknown_outcome")
    shown = bench.done(case, "ask")
    assert (shown["state"], shown["history"][-1]["data"]["answer"]) == ("open", None), "nobody answers"
    gateway.reach()
    shown = bench.done(case, "ask")
    assert (shown["ours"]["attempt"]["state"], shown["state"]) == ("succeeded", "resolved")
    assert acts(shown)[-2:] == ["closed by outcome", "asked"]
    assert shown["history"][-1]["data"] == {
        "about": "attempt", "attempt": shown["ours"]["attempt"]["id"], "answer": "succeeded", "raw_code": "00/00", "amount": 200_000,
    }  # fmt: skip


def test_what_names_nothing_of_ours_cannot_be_asked_about(bench, stranger) -> None:
    assert bench.refused(stranger, "ask") == "act_impossible"


def test_a_refund_is_asked_about_without_losing_a_step_of_its_own_questions(bench, desk, pay, gateway, hub, clock, rows) -> None:
    from payhub.payments.refunds import sending

    pay(pay_twice=True)
    gateway.will("unknown_done")
    proposed = bench.done(bench.one("paid_twice"), "refund", {"reason": "paid_twice"})
    bench.decide(proposed["proposal"])
    clock.pass_(seconds=1)
    with hub.db.session() as session:
        [due] = sending.due(session, clock.now())
    sending.step(hub, due)
    gateway.reach("http://127.0.0.1:9")
    desk.grace(0)
    for _ in range(len(hub.settings.payments.ladder_s) + 1):
        clock.pass_(days=4)
        sending.step(hub, due)
    case, before = bench.one("refund_unknown"), rows("SELECT checks FROM refund_try")
    shown = bench.done(case, "ask")
    assert (shown["state"], acts(shown), rows("SELECT checks FROM refund_try")) == ("open", ["opened", "asked"], before)
    gateway.reach()
    shown = bench.done(case, "ask")
    assert (shown["state"], shown["ours"]["refund"]["state"]) == ("resolved", "succeeded")
    assert acts(shown) == ["opened", "asked", "closed by the gateway", "asked"]


# Rows of a file.


def _row(number: int, **changes: Any) -> dict[str, Any]:
    row = {"row": number, "type": "payment", "reference": "PHX", "amount": 1_000, "happened_at": "2026-11-20T09:30:00+07:00", **changes}
    return {name: value for name, value in row.items() if value is not None}


@pytest.fixture
def torn(desk, bench) -> str:
    """A file with two rows that nobody can read, which declares 5,000 in all."""
    desk.settle(desk.write([desk.row("A", 2_000), desk.row("B", "?"), desk.row("C", 1_000, at="tomorrow")], total=5_000))
    return bench.one("count_or_sum_differs")


def test_a_correction_is_checked_before_it_is_proposed(bench, torn) -> None:
    for rows_, pointer in (
        ([_row(2)], "/rows/0/row"), ([_row(3), _row(3)], "/rows/1/row"), ([_row(9)], "/rows/0/row"),
        ([_row(3, happened_at="2026-11-25T09:30:00+07:00")], "/rows/0/happened_at"), ([_row(3, reference=None)], "/rows/0/reference"),
        ([_row(3, reference="Nguyễn Thị A")], "/rows/0/reference"), ([_row(3, amount=0)], "/rows/0/amount"),
        ([_row(3, type="gift")], "/rows/0/type"), ([], "/rows"),
    ):  # fmt: skip
        answer = bench.do(torn, "correct", {"rows": rows_})
        assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, pointer), answer.text
    assert bench.look(torn)["state"] == "open"


def test_rows_are_corrected_one_after_the_other_and_the_file_closes_when_it_is_what_it_declares(bench, torn, desk, rows, hub) -> None:
    proposed = bench.done(torn, "correct", {"rows": [_row(3, reference="B", amount=2_500)]})
    assert bench.decide(proposed["proposal"]).json["state"] == "executed"
    shown = bench.look(torn)
    assert (shown["state"], shown["amount"], acts(shown)[-1]) == ("open", 500, "new evidence")
    assert (shown["file"]["lines"], shown["file"]["sum"], shown["file"]["rejected"]) == (2, 4_500, 1)
    assert [each["row"] for each in shown["file"]["corrected"]] == [3]
    # The last row makes the sum another than what the file declares: it stands, and so does the difference.
    proposed = bench.done(torn, "correct", {"rows": [_row(4, reference="C", amount=1_000)]})
    assert bench.decide(proposed["proposal"]).json["state"] == "executed"
    shown = bench.look(torn)
    assert (shown["state"], shown["amount"], shown["file"]["rejected"], shown["file"]["as_declared"]) == ("open", 500, 0, False)
    desk.carry_out()
    assert desk.disputes() == {
        "count_or_sum_differs settlement/2026-11-20": 500, "missing_at_hub payment/A": 2_000, "missing_at_hub payment/B": 2_500,
        "missing_at_hub payment/C": 1_000,
    }  # fmt: skip
    assert rows("SELECT number, line_type, amount::int FROM settlement_line ORDER BY number")[1:] == [(3, "payment", 2_500), (4, "payment", 1_000)]
    assert rows("SELECT corrections FROM run WHERE state = 'done' ORDER BY id") == [(0,), (2,)]
    assert rows("SELECT number, field, reason FROM settlement_reject ORDER BY number") == [(3, "SoTien", "not_an_amount"), (4, "ThoiGian", "not_a_time")]


def test_a_correction_is_void_once_another_file_counts(bench, torn, desk) -> None:
    proposed = bench.done(torn, "correct", {"rows": [_row(3)]})
    desk.settle([desk.row("A", 2_000)])
    assert bench.decide(proposed["proposal"]).json["code"] == "proposal_void"
    shown = bench.look(torn)
    assert (shown["state"], acts(shown)[-1]) == ("resolved", "closed by file")
    assert shown["history"][-1]["data"]["settlement"].startswith("stl_test_")
    assert desk.count("settlement_correction") == 0


def test_a_corrected_row_is_found_by_the_days_that_looked_for_it(desk, bench, clock) -> None:
    """A payment of the 19th whose row stands, unreadable, in the file of the 20th."""
    from datetime import date

    clock.set(datetime(2026, 11, 19, 3, 0, tzinfo=UTC))
    attempt = desk.pay(on=date(2026, 11, 19))
    clock.set(datetime(2026, 11, 20, 3, 0, tzinfo=UTC))
    desk.settle([], date(2026, 11, 19))
    desk.settle(desk.write([desk.row_of(attempt, amount="?"), desk.row("A", 1_000)], total=201_000))
    missing = bench.one("missing_at_gateway")
    row = _row(2, reference=attempt.reference, amount=200_000, happened_at="2026-11-19T09:30:00+07:00")
    proposed = bench.done(bench.one("count_or_sum_differs"), "correct", {"rows": [row]})
    bench.decide(proposed["proposal"])
    desk.carry_out()
    assert bench.look(missing)["state"] == "resolved"


@pytest.mark.breaks_laws
@pytest.mark.parametrize(
    ("law", "statement"),
    [
        ("each row of a settlement is a line or was set aside", "DELETE FROM settlement_correction"),
        ("a finished run has every line of its settlement in one class, and the classes add up", "UPDATE run SET corrections = 0"),
        ("a row that was corrected had been set aside, and is the line on which two people agreed", "UPDATE settlement_line SET fee = 9 WHERE number = 3"),
    ],
)
def test_prove_notices_what_breaks_a_correction(bench, torn, desk, hub, law, statement) -> None:
    proposed = bench.done(torn, "correct", {"rows": [_row(3, reference="B", amount=2_500)]})
    bench.decide(proposed["proposal"])
    desk.carry_out()
    wanted = [each for each in LAWS if each.name == law]
    assert all(proven.holds and proven.checked for proven in prove(hub.db.engine, wanted))
    with hub.db.engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text(statement))
    assert not next(prove(hub.db.engine, wanted)).holds


@pytest.mark.breaks_laws
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE discrepancy SET accepted = false",
        "UPDATE discrepancy SET version = version + 1",
        "UPDATE discrepancy SET evidence = '{}'",
        "UPDATE discrepancy SET owner_id = (SELECT id FROM principal WHERE name = 'minh')",
        "UPDATE discrepancy SET state = 'proposed', accepted = false, resolved_at = NULL, proposal_id = (SELECT id FROM proposal LIMIT 1)",
    ],
)
def test_prove_notices_what_breaks_a_discrepancy(bench, stranger, hub, statement) -> None:
    from payhub.discrepancies.laws import LAWS

    bench.done(stranger, "assign")
    bench.accept(stranger)
    assert all(proven.holds for proven in prove(hub.db.engine, LAWS))
    with hub.db.engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text(statement))
    assert not all(proven.holds for proven in prove(hub.db.engine, LAWS))


# What people wrote goes with who pays.


def test_what_was_written_goes_with_the_payer_and_nothing_more_is_written(bench, twice, citizen, rows, client, bound) -> None:
    bench.done(twice, "comment", {"text": "Bà A gọi điện"})
    body = {"reason": "requested_by_person", "payments": [citizen.payment["id"]]}
    bench.decide(bench.clerk.post(client, "/v1/staff/payers/erase", body).json["proposal"])
    assert [each["note"] for each in bench.look(twice)["history"]] == [None, None]
    assert rows("SELECT note_key FROM discrepancy_note") == [(None,)]
    assert bench.refused(twice, "comment", {"text": "Bà A gọi lại"}) == "invalid_input"
    assert bench.refused(twice, "accept", {"reason": "explained", "note": "Bà A"}) == "invalid_input"
    assert bench.done(twice, "accept", {"reason": "explained"})["state"] == "proposed"


def test_what_was_written_has_a_term_of_its_own(bench, stranger, clock, rows, bound) -> None:
    bench.done(stranger, "comment", {"text": "Bà A gọi điện"})
    people_jobs.destroy_due()
    assert rows("SELECT count(note_key) FROM discrepancy_note") == [(1,)]
    clock.pass_(days=731)
    people_jobs.destroy_due()
    assert rows("SELECT count(note_key) FROM discrepancy_note") == [(0,)]


def test_what_was_written_never_becomes_something_else(bench, stranger, hub) -> None:
    bench.done(stranger, "comment", {"text": "Đã hỏi"})
    for statement in ("UPDATE discrepancy_note SET note = '\\x00'", "UPDATE discrepancy_note SET written_at = now()"):
        with pytest.raises(DBAPIError, match="does not change"), hub.db.session() as session:
            session.execute(text(statement))


def test_a_public_id_is_what_the_rows_have(bench, stranger, rows) -> None:
    assert [public_id("dsc", found, "test") for (found,) in rows("SELECT id FROM discrepancy")] == [stranger]


def test_the_reference_has_every_kind_with_its_term() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "discrepancies.md").read_text(encoding="utf-8").split("## States")[0]
    told = {
        kind: (int(days), bool(urgent))
        for names, days, urgent in re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| (\d+)( \*\*urgent\*\*)? \|", page, re.MULTILINE)
        for kind in re.findall(r"`(\w+)`", names)
    }
    assert told == {name: (kind.days, kind.urgent) for name, kind in kinds.TABLE.items()}
